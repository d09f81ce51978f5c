// sched: FRONT DOOR of the scheduler.
//
// Kernel mode (see machine.hpp): every operation that touches the runtime's state runs between
// kernel_enter and kernel_leave; kernel_section is the scope form. The hot verbs are inlined here,
// so that the switch happens in the very frame that decided to wait: each frame between costs 10 ns
// when the goroutine wakes, because its return is mispredicted.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/align.hpp"
#include "base/race.hpp"
#include "sched/goroutine.hpp"
#include "sched/machine.hpp"
#include "sched/processor.hpp"
#include "sched/scheduler.hpp"

namespace gos::rt {

// Passages between user mode and kernel mode ------------------------------------------------------

machine* kernel_enter_slow(machine* mp) noexcept;
void kernel_leave_slow(machine* mp) noexcept;

// The first step of kernel_enter(). False: kernel_enter_slow(mp) must follow, which some call in tail position.
[[nodiscard]] [[gnu::always_inline]] inline bool kernel_enter_quick(machine*& mp) noexcept {
  mp = this_machine();
  // relaxed + compiler fence: pairs with take_begin(), whose membarrier stands for our fence (INV1 of machine.hpp).
  mp->in_kernel.store(1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: pairs with the membarrier in take_begin()
  // relaxed: the slow path reads it again with acquire.
  return GOS_LIKELY(mp->revoked.load(std::memory_order_relaxed) == revoke_state::none);
}

// Returns the machine; it has a processor unless the caller is a plain thread. May give way first.
[[gnu::always_inline]] inline machine* kernel_enter() noexcept {
  machine* mp;
  return kernel_enter_quick(mp) ? mp : kernel_enter_slow(mp);
}

// The first step of kernel_leave(), on the machine mp. False: kernel_leave_slow(mp) must follow.
[[nodiscard]] [[gnu::always_inline]] inline bool kernel_leave_quick(machine* mp) noexcept {
  // release: pairs with the acquire in take_begin(): the taker sees all we did to the processor.
  mp->in_kernel.store(0, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: pairs with the membarrier in take_begin()
  // relaxed: the slow path reads it again with acquire.
  return GOS_LIKELY(mp->revoked.load(std::memory_order_relaxed) == revoke_state::none);
}

// May give way.
[[gnu::always_inline]] inline void kernel_leave() noexcept {
  machine* mp = this_machine();
  if (!kernel_leave_quick(mp)) kernel_leave_slow(mp);
}

class kernel_section {
 public:
  [[gnu::always_inline]] kernel_section() noexcept { kernel_enter(); }
  [[gnu::always_inline]] ~kernel_section() { kernel_leave(); }
  kernel_section(const kernel_section&) = delete;
  kernel_section& operator=(const kernel_section&) = delete;
};

// The caller in kernel mode: a goroutine, or the stand-in of a plain thread.
[[gnu::always_inline]] inline goroutine* self() noexcept { return this_machine()->current; }

// The same in any mode; never null.
goroutine* current_goroutine() noexcept;

// Kernel mode. Uniform in [0, bound).
std::uint32_t random_below(std::uint32_t bound) noexcept;

// Kernel mode. Where the caller's new timers go, and what must happen when one is the earliest there.
timer_heap& local_timers() noexcept;
void timers_changed(std::int64_t when_ns) noexcept;

// What dealings with other processors cost, for who decides whether goroutines run on one (talks_too_much in
// find_runnable.cpp): to wait for a lock, to wake a goroutine that ran there.
inline constexpr std::int64_t crossing_lock_ns = 500;
inline constexpr std::int64_t crossing_wake_ns = 500;

// Any mode, any thread; nothing where no processor is.
inline void note_crossing(std::int64_t ns) noexcept {
  machine* mp = this_machine();
  if (mp->pp != nullptr) mp->crossing_ns += ns;
}

// Kernel mode. The number of the caller's processor; a plain thread's is one that no processor has.
[[gnu::always_inline]] inline std::uint16_t this_processor() noexcept {
  const processor* pp = this_machine()->pp;
  return pp != nullptr ? static_cast<std::uint16_t>(pp->id) : UINT16_MAX;
}

// Switching ---------------------------------------------------------------------------------------

void switch_away_slow(machine* mp, goroutine* gp, goroutine* next) noexcept;
void park_thread(machine* mp) noexcept;
void ready_thread(goroutine* gp) noexcept;
// Around the wait of a thread of the library's own, which is no machine: meanwhile nothing that is not counted elsewhere
// (a signal that is relayed) makes it wake anybody.
void thread_rests_begin() noexcept;
void thread_rests_end() noexcept;
void ready_slow(goroutine* gp) noexcept;
void ready_displaced(processor* pp, goroutine* displaced) noexcept;
void fiber_ended(goroutine* left) noexcept;

// First thing on the stack that continues: `carry` is who was left.
[[gnu::always_inline]] inline void finish_switch(void* carry) noexcept {
  auto* left = static_cast<goroutine*>(carry);
#if defined(GOS_TSAN) || defined(GOS_ASAN)
  fiber_after_switch(this_machine()->current->fiber, &left->fiber);
  fiber_ended(left);
  race_acquire(this_machine());  // pairs with machine_adopt_thread()
#endif
  // release: pairs with claim_to_run() of who resumes it next: its context is complete (INV3 of goroutine.hpp).
  left->on_cpu.store(0, std::memory_order_release);
}

// Names `to` as the machine's current goroutine and says whether it has been left completely. The
// name comes first: it is the hazard pointer of who holds goroutines still (hold.hpp).
[[gnu::always_inline]] inline bool claim_to_run(machine* mp, goroutine* to) noexcept {
  __atomic_store_n(&mp->current, to, __ATOMIC_RELAXED);  // relaxed: before the load below by the fence
  std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: pairs with the membarrier in hold_settle()
  // acquire: pairs with finish_switch() on the machine that left it, and with hold_let_go().
  return to->on_cpu.load(std::memory_order_acquire) == 0;
}

// Continues `to`, which claim_to_run() allowed and which has a stack. Returns when gp is continued.
[[gnu::always_inline]] inline void switch_directly(goroutine* gp, goroutine* to) noexcept {
  to->on_cpu.store(1, std::memory_order_relaxed);  // relaxed: we own `to`; published by its next release
  to->state.store(goroutine_state::running, std::memory_order_relaxed);  // relaxed: for dumps
#if defined(GOS_TSAN) || defined(GOS_ASAN)
  fiber_before_switch(gp->fiber, to->fiber, false);
#endif
  finish_switch(switch_to(&gp->context, &to->context, gp));
}

// What the compiler cannot know of travels on the slow path: exception state, floating-point control.
[[gnu::always_inline]] inline bool carries_extras(const machine* mp) noexcept {
  return !mp->exceptions->empty() || float_control() != mp->float_default;
}

// Leaves gp for `next`, or for the scheduler's loop if that is null or not simply to be continued.
[[gnu::always_inline]] inline void switch_away(machine* mp, goroutine* gp, goroutine* next) noexcept {
  if (GOS_LIKELY(next != nullptr)) {
    if (GOS_UNLIKELY(next->flags == goroutine_flag::fresh)) attach_stack(mp->pp, next);
    // Waiting here for a goroutine that is still being left could be a deadlock of two machines, each
    // waiting for the other's: the loop waits instead.
    if (GOS_LIKELY((gp->flags | next->flags) == 0 && !carries_extras(mp) && claim_to_run(mp, next))) {
      switch_directly(gp, next);
      return;
    }
  }
  switch_away_slow(mp, gp, next);
}

// Kernel mode, no locks. Waits for exactly one ready(self()), which may already have come. Returns
// in kernel mode, maybe on another thread.
[[gnu::always_inline]] inline void park(wait_reason reason, const void* object) noexcept {
  machine* mp = this_machine();
  goroutine* gp = mp->current;
  // relaxed, all: for dumps, and for who looks with a debugger.
  gp->reason.store(reason, std::memory_order_relaxed);
  gp->since_ns.store(sched.coarse_ns.load(std::memory_order_relaxed), std::memory_order_relaxed);
  gp->wait_object.store(object, std::memory_order_relaxed);
  if (GOS_UNLIKELY(mp->pp == nullptr)) {
    park_thread(mp);
    return;
  }
  gp->state.store(goroutine_state::waiting, std::memory_order_relaxed);  // relaxed: for dumps and the stack scanner
  switch_away(mp, gp, mp->pp->pick());
}

// The first step of ready(), on the processor pp. False: ready_slow(gp) must follow; true: ready_displaced(), unless
// displaced is null.
[[nodiscard]] [[gnu::always_inline]] inline bool ready_quick(processor* pp, goroutine* gp,
                                                             goroutine*& displaced) noexcept {
  if (GOS_UNLIKELY((gp->flags & goroutine_flag::thread) != 0 || pp == nullptr || sched.migrate)) return false;
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
  displaced = pp->next.load(std::memory_order_relaxed);                   // relaxed: owner only
  pp->next.store(gp, std::memory_order_relaxed);                          // relaxed: owner only
  return true;
}

// Kernel mode. Makes a parked (or parking) goroutine runnable: next on the caller's processor, in the
// caller's time slice; no other processor is woken for a mere hand-over.
[[gnu::always_inline]] inline void ready(goroutine* gp) noexcept {
  processor* pp = this_machine()->pp;
  goroutine* displaced = nullptr;
  if (GOS_UNLIKELY(!ready_quick(pp, gp, displaced))) ready_slow(gp);
  else if (displaced != nullptr) ready_displaced(pp, displaced);
}

// Ends of an operation that has not parked since kernel_enter_quick(mp): whatever they call they call in tail position, so that
// an operation with nothing else to call saves no registers. All return true, which is what a receive then has to say.
bool leave_slow_with_true(machine* mp) noexcept;
bool ready_slow_and_leave(goroutine* gp) noexcept;
bool ready_displaced_and_leave(processor* pp, goroutine* displaced) noexcept;

[[gnu::always_inline]] inline bool leave_with_true(machine* mp) noexcept {
  return kernel_leave_quick(mp) || leave_slow_with_true(mp);
}
[[gnu::always_inline]] inline bool ready_and_leave(machine* mp, goroutine* gp) noexcept {
  goroutine* displaced = nullptr;
  if (GOS_UNLIKELY(!ready_quick(mp->pp, gp, displaced))) return ready_slow_and_leave(gp);
  if (displaced != nullptr) return ready_displaced_and_leave(mp->pp, displaced);
  return leave_with_true(mp);
}

// Any mode: lets others go first. False on a plain thread.
bool yield_goroutine() noexcept;

// Kernel mode, no locks: the same, for who waits for something that another goroutine is in the middle of. That one may have
// been set aside in user mode, or at its entry into the runtime, and want the very processor. Maybe on another thread
// afterwards.
void let_others_run() noexcept;

// Kernel mode: parks until the clock shows when_ns.
void sleep_until(std::int64_t when_ns) noexcept;

// Kernel mode, no locks: the same goroutine goes on on that machine, where it has been before. False: it was busy elsewhere for
// too long, and the caller is on any. Nothing on a plain thread, and for who is locked to a thread.
bool continue_on(machine* host) noexcept;

// Spawning: room for a goroutine, then its start. Any mode, any thread.
goroutine* goroutine_prepare(std::uint8_t stack_class) noexcept;  // null: out of memory
void goroutine_start(goroutine* gp) noexcept;
void goroutine_start_in_kernel(goroutine* gp) noexcept;  // the same, in kernel mode
void goroutine_discard(goroutine* gp) noexcept;

// The main goroutine: runs gp (prepared) with the calling thread as a machine until gp has ended.
void run_main_goroutine(goroutine* gp) noexcept;
bool on_goroutine() noexcept;

// Blocking sections. Any mode.
void blocking_enter() noexcept;
void blocking_exit() noexcept;

// Locking to the thread. Any mode; nothing on a plain thread.
void lock_to_thread() noexcept;
void unlock_from_thread() noexcept;

// The main goroutine's own, in user mode: its function has returned, not been left by goexit.
void main_has_returned() noexcept;

// Any mode. The status with which the process ends if the thread of a main goroutine that ended does not come back.
void set_exit_status(int status) noexcept;

// Limits and numbers. Any mode, any thread. A limit below 1 only asks for the present one; both return the one before.
int set_processor_count(int n) noexcept;
void set_default_processor_count() noexcept;  // and from now on it follows the default
int set_thread_limit(int n) noexcept;
std::size_t goroutine_count() noexcept;
std::uint64_t goroutine_started() noexcept;  // ever
int machine_total() noexcept;
int idle_processor_count() noexcept;

// One processor only: while a goroutine runs, no other does. A hint.
[[gnu::always_inline]] inline bool single_processor() noexcept {
  return sched.max_procs.load(std::memory_order_relaxed) == 1;  // relaxed: a hint
}

}  // namespace gos::rt
