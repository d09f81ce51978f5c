// clock: the only place in the library where time is read.
//
// A deadline is a reading of this clock plus a duration. The clock is CLOCK_MONOTONIC, whose epoch std::chrono::steady_clock
// shares on Linux, so that a steady_clock::time_point converts by its count alone. A simulated runtime replaces this one file.
#pragma once

#include <cstdint>

namespace gos::rt {

// Nanoseconds since an arbitrary point in the past; never goes back. Any thread, also inside a signal handler. About 20 ns.
std::int64_t monotonic_ns() noexcept;

}  // namespace gos::rt
