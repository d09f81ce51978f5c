// sleep: reading the clock and parking until it shows a moment.
#include <gossamer/time.hpp>

#include "park/park.hpp"
#include "platform/clock.hpp"

namespace gos::detail {

std::int64_t now_ns() noexcept { return rt::monotonic_ns(); }

void sleep_until_ns(std::int64_t when_ns) noexcept {
  if (when_ns <= rt::monotonic_ns()) return;
  rt::kernel_section kernel;
  rt::sleep_until(when_ns);
}

}  // namespace gos::detail
