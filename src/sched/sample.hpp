// sample: FRONT DOOR: where a goroutine that runs on another thread is just now.
//
// That thread is interrupted (platform/interrupt.hpp) and says so itself: its handler walks the interrupted stack. In kernel mode
// it does not, for the stack may be half switched; then it is asked again, as long as there is time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/machine.hpp"

namespace gos::rt {

inline constexpr std::size_t sample_frames_max = 128;

// The machine that runs gp now, or null: a snapshot.
machine* machine_that_runs(const goroutine* gp) noexcept;

// Up to `capacity` return addresses of gp, which mp runs in user mode, innermost first. Returns how many: 0 if it no longer runs
// there, or its thread does not answer in time (it has blocked the signal, or gets no CPU), or is the caller's. Waits
// up to timeout_ns. Does not allocate. Any thread in user mode, one that holds no goroutine.
std::size_t sample_running(machine* mp, const goroutine* gp, void** out, std::size_t capacity,
                           std::int64_t timeout_ns) noexcept;

}  // namespace gos::rt
