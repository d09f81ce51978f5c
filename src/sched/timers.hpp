// timers: a 4-ary heap of due times per processor, and the upcall slot `fire`.
//
// Front door of sched. All functions are called in kernel mode (inside a kernel_section). Times are
// absolute, in nanoseconds of monotonic_ns().
//
// A timer belongs to its user, often on a parked stack: it is started, fires or is stopped, and may
// be started again. A sleeping goroutine needs no timer object: see sleep_until in sched.hpp.
//
// INV1 A timer is in at most one heap. Heap entries of timers keep timer::index up to date.
// INV2 fire runs in kernel mode on some machine, or on sysmon's thread, without any heap lock, and never
//      twice at once for one timer. It must be short, must not park and must not throw. It may take
//      object locks. The processor of its heap may retire meanwhile: what is pending moves to the first
//      processor's heap, and a timer that fires again goes back into the old one, where a searching
//      machine or sysmon finds it when it is due.
// INV3 After timer_stop has returned, fire is not running and will not run: the timer may die.
//      So timer_stop must not be called from fire, nor with a lock held that a running fire may still
//      take (time/alarm.hpp knows how far it is).
#pragma once

#include <atomic>
#include <cstdint>

namespace gos::rt {

struct timer;
class timer_heap;

// Returns 0 when done, or the time (later than now_ns) at which to fire again.
using timer_function = std::int64_t (*)(timer* due, std::int64_t now_ns) noexcept;

inline constexpr std::int64_t never_ns = INT64_MAX;

struct timer {
  std::int64_t when_ns = 0;        // the due time; valid while pending
  timer_function fire = nullptr;   // set by the user before the first start

  // Owned by timers.cpp.
  std::atomic<timer_heap*> heap{nullptr};
  std::atomic<std::uint32_t> state{0};  // timer_state
  std::uint32_t index = 0;
};

// Starts an idle timer. A time in the past fires as soon as a processor looks.
void timer_start(timer& idle, std::int64_t when_ns) noexcept;

// Ends it: true if it was pending and will now not fire, false if it was idle or had fired.
// Waits for a fire that is running (INV3).
bool timer_stop(timer& any) noexcept;

// As timer_stop without the wait: true if it was pending and was removed. False says nothing about
// a fire that may be running now. May be called with locks held that fire takes.
bool timer_try_stop(timer& any) noexcept;

}  // namespace gos::rt
