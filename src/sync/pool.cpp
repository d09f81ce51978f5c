// pool: which of its parts a caller uses. Everything else is in the header, where the types are.
#include <gossamer/pool.hpp>

#include <algorithm>
#include <bit>

#include "park/park.hpp"
#include "platform/thread.hpp"

namespace gos::detail {

std::size_t pool_parts() noexcept {
  constexpr std::size_t most = 64;
  const int cpus = std::max(1, rt::cpu_count());
  return std::min(most, std::bit_ceil(static_cast<std::size_t>(cpus)));
}

std::size_t pool_here() noexcept {
  const rt::kernel_section kernel;
  const rt::machine* const mp = rt::this_machine();
  // A plain thread has no processor; the records of threads lie at multiples of their size.
  return mp->pp != nullptr ? mp->pp->id : reinterpret_cast<std::uintptr_t>(mp) / sizeof(rt::machine);
}

}  // namespace gos::detail
