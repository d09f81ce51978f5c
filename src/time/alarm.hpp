// alarm: a timer whose owner has a lock that fire takes.
//
// The heap's rules (sched/timers.hpp) say that only an idle timer may be started, and that timer_stop, which makes sure
// of it, waits for fire: so it cannot be called with a lock that fire takes. An alarm is started and cancelled under
// that very lock. It has to know how far a fire has come:
//
//   idle --set()--> pending --heap--> [entered] waits for the lock --begin()--> looks --rest()--> idle
//                      ^                                                          |
//                      +---------------------- again() ---------------------------+
//
// INV1 busy_ and rearming_ are guarded by the owner's lock. busy_ is false only while no fire is on its way to the lock
//      and the heap does not hold the timer. A fire may then still be on its way from the lock to its end; that takes
//      no lock, so timer_stop with the lock held is no deadlock.
// INV2 A fire that waits for the lock looks at its owner's due time when it has it, and returns a newer one to the
//      heap: set() and cancel() leave everything to it.
// INV3 After again() the timer is on its way back into the heap, which takes no lock of ours: set() waits until it can
//      be taken out, or until the next fire has entered.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

class alarm : public timer {
 public:
  explicit alarm(timer_function function) noexcept { fire = function; }

  // Lock held. The alarm fires at when_ns and no longer at an earlier setting.
  void set(std::int64_t when_ns) noexcept {
    if (!busy_) {
      timer_stop(*this);  // INV1
    } else {
      backoff wait;
      while (!timer_try_stop(*this)) {
        // acquire: pairs with enter().
        if (!rearming_ || entered_.load(std::memory_order_acquire)) return;  // INV2
        wait.pause();                                                        // INV3
      }
    }
    busy_ = true;
    rearming_ = false;
    timer_start(*this, when_ns);
  }

  // Lock held. No fire for the present setting, unless it is under way; then it must find nothing to do.
  void cancel() noexcept {
    if (busy_ && timer_try_stop(*this)) busy_ = false;
  }

  // Lock held. Set, or a fire is under way that will look.
  bool busy() const noexcept { return busy_; }

  // The phases of fire: first thing; with the lock; what to return.
  // release: pairs with set().
  void enter() noexcept { entered_.store(true, std::memory_order_release); }
  void begin() noexcept {
    rearming_ = false;
    // relaxed: read under the lock, but for the store in enter().
    entered_.store(false, std::memory_order_relaxed);
  }
  std::int64_t rest() noexcept {
    busy_ = false;
    return 0;
  }
  std::int64_t again(std::int64_t when_ns) noexcept {
    rearming_ = true;
    return when_ns;
  }

 private:
  std::atomic<bool> entered_{false};
  bool busy_ = false;
  bool rearming_ = false;
};

}  // namespace gos::rt
