// blocking: sections that may block their thread, sleeping, and locking a goroutine to its thread.
#include "base/race.hpp"
#include "platform/clock.hpp"
#include "platform/futex.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

// In user mode a goroutine stays on its machine, so these need no kernel mode. A goroutine that
// parks inside its section and wakes elsewhere is no longer `current` there: sysmon compares.
void blocking_enter() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody || mp->foreign) return;
  mp->blocking.store(mp->current, std::memory_order_relaxed);  // relaxed: a hint for sysmon
}

void blocking_exit() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody || mp->foreign) return;
  mp->blocking.store(nullptr, std::memory_order_relaxed);  // relaxed: a hint for sysmon
}

void sleep_until(std::int64_t when_ns) noexcept {
  machine* mp = this_machine();
  if (GOS_UNLIKELY(mp->pp == nullptr)) {
    std::atomic<std::uint32_t> never_woken{0};
    for (;;) {
      const std::int64_t left_ns = when_ns == never_ns ? -1 : when_ns - monotonic_ns();
      if (when_ns != never_ns && left_ns <= 0) return;
      futex_wait(never_woken, 0, left_ns);
    }
  }
  goroutine* gp = mp->current;
  gp->deadline_ns.store(when_ns, std::memory_order_relaxed);  // relaxed: for dumps
  mp->pp->timers.add_sleeper(gp, when_ns);
  park(wait_reason::sleep, nullptr);
  gp->deadline_ns.store(goroutine::no_deadline_ns, std::memory_order_relaxed);  // relaxed: as above
}

timer_heap& local_timers() noexcept {
  processor* pp = this_machine()->pp;
  // A plain thread's timers live with the first processor.
  return pp != nullptr ? pp->timers : sched.processors[0].load(std::memory_order_relaxed)->timers;  // relaxed: set at start
}

void timers_changed(std::int64_t when_ns) noexcept {
  // A processor that runs looks itself, and who rests looks at all. Only a plain thread's timer may
  // find everybody asleep.
  if (this_machine()->pp != nullptr) return;
  sched.lock.lock();
  const bool unwatched = when_ns < sched.sleeper_deadline_ns;
  sched.lock.unlock();
  if (unwatched) wake_one();
}

// In user mode, too: a call into the runtime may go on with the goroutine on another thread, and it is the thread it was
// on before the call that it is to stay on (RT-09).
void lock_to_thread() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody || mp->foreign) return;
  lock_to_machine(mp->current, mp);
}

void lock_to_machine(goroutine* gp, machine* mp) noexcept {
  goroutine_extra& extra = goroutine_extra_of(*gp);
  if (extra.lock_count++ != 0) return;
  extra.locked_machine = mp;
  __atomic_store_n(&mp->locked, gp, __ATOMIC_RELAXED);  // relaxed: sysmon looks
  gp->flags = static_cast<std::uint8_t>(gp->flags | goroutine_flag::locked);
  // After all who were locked to this thread before: its thread-locals are theirs in turn.
  race_acquire(&mp->locked);
}

void unlock_from_thread() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody || mp->foreign) return;
  goroutine* gp = mp->current;
  if (gp->extra == nullptr || gp->extra->lock_count == 0 || --gp->extra->lock_count != 0) return;
  race_release(&mp->locked);
  gp->extra->locked_machine = nullptr;
  __atomic_store_n(&mp->locked, nullptr, __ATOMIC_RELAXED);  // relaxed: sysmon looks
  gp->flags = static_cast<std::uint8_t>(gp->flags & ~goroutine_flag::locked);
}

}  // namespace gos::rt
