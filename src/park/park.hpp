// park: the narrow waist. Everything that waits goes through this door.
//
// An operation of an object has this form, the same for goroutines and plain threads (in src/sync the
// waiter is a sleeper, and its queue in the sleep table):
//
//   kernel_section kernel;              // enter the runtime; from here no user code runs
//   spin_guard or lock_.lock();
//   ... fast path: do it, unlock, return
//   waiter me{...}; me.gp = self();     // slow path: publish oneself under the object's lock
//   queue.push_back(me);
//   lock_.unlock();                     // from here on the wake-up may come at any moment
//   park(wait_reason::..., this);       // returns after exactly one ready(me.gp)
//   ... look at me.ok, me.data
//
// INV1 park is called in kernel mode without any spin_lock, and returns in kernel mode, possibly on
//      another thread: no thread-local address may be held over it.
// INV2 Every park is ended by exactly one ready (see goroutine.hpp), never spuriously.
// INV3 User code (constructors of elements, handlers, panics) runs outside kernel mode: close the
//      section before throwing or calling.
#pragma once

#include "base/race.hpp"
#include "base/spin.hpp"
#include "park/waiter.hpp"
#include "sched/sched.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

// kernel_section, self, park, ready and sleep_until are those of the scheduler's front door
// (sched/sched.hpp); objects know them from here.

// An arm of a wait that is won by the clock. Usage: timeout_start before park, timer_stop before the
// frame ends, outside the object's lock.
struct timeout_arm : timer {
  claim* shared = nullptr;
  goroutine* gp = nullptr;
  std::uint32_t arm = 0;
};

// Prepares and starts t: at when_ns it takes the claim for `arm` and readies gp if it won.
void timeout_start(timeout_arm& t, claim& shared, goroutine* gp, std::uint32_t arm, std::int64_t when_ns) noexcept;

}  // namespace gos::rt
