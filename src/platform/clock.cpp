// clock: CLOCK_MONOTONIC through the vDSO. Rejected: the raw cycle counter; it needs calibration and is not the same on all CPUs
// everywhere, and the vDSO reads that very counter where it can be trusted.
#include "platform/clock.hpp"

#include <time.h>

#include "base/race.hpp"

namespace gos::rt {

std::int64_t monotonic_ns() noexcept {
  race_ignore_scope own;  // TSan sees the C library write to this stack
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace gos::rt
