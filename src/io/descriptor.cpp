// See descriptor.hpp.
#include "io/descriptor.hpp"

#include <algorithm>
#include <chrono>

namespace gos::rt {

std::int64_t deadline_of(std::optional<time_point> when) noexcept {
  if (!when || *when == time_point{} || *when == time_point::max()) return no_deadline_ns;
  const std::int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(when->time_since_epoch()).count();
  return std::max<std::int64_t>(ns, 1);  // the past is the past; 0 is taken
}

}  // namespace gos::rt
