// worker: running goroutines: the first frame of each, the switches off the fast path, and the loop
// of a machine's own stack (g0), which is entered only when the local queues have nothing, when it is
// time to look around, or when something special is to be done.
//
// INV1 Code on g0 is in kernel mode all the time.
// INV2 After a switch nothing read before it about the machine is valid: the goroutine may be on
//      another one. On g0 itself the machine stays the same.
#include <unistd.h>

#include <utility>

#include "base/race.hpp"
#include "platform/clock.hpp"
#include "platform/thread.hpp"
#include "sched/forks.hpp"
#include "sched/sched.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

namespace {

// Stacks begin at different cache lines: a million equal ones would share few cache sets.
constexpr std::size_t colours = 8;

void ended(machine* mp, goroutine* gp) noexcept;

// The first frame of every goroutine. Enters in kernel mode. When a goroutine ends and the next one
// has never run, it gets this very stack, still hot, without a switch.
[[noreturn]]
#if defined(GOS_ASAN)
__attribute__((no_sanitize("address")))
#endif
void goroutine_main(void* carry) noexcept {
  finish_switch(carry);
  for (;;) {
    goroutine* gp = this_machine()->current;
    kernel_leave();
    gp->entry(gp);
    machine* mp = kernel_enter();
    ended(mp, gp);
  }
}

// Leaves a goroutine that will not be continued; `to` is g0 or simply continuable.
[[noreturn]] void leave_for_good(machine* mp, goroutine* gp, goroutine* to) noexcept {
  mp->current = to;
  to->on_cpu.store(1, std::memory_order_relaxed);                        // relaxed: as in switch_directly
  to->state.store(goroutine_state::running, std::memory_order_relaxed);  // relaxed: for dumps
#if defined(GOS_TSAN) || defined(GOS_ASAN)
  fiber_before_switch(gp->fiber, to->fiber, true);
#endif
  switch_to(&gp->context, &to->context, gp);
  __builtin_unreachable();
}

// The thread that waits in run_main_goroutine is told, unless it was by goexit, to leave its loop, wherever it is.
void main_ended(machine* mp, goroutine* gp) noexcept {
  machine* home = gp->extra->home;
  gp->extra->home = nullptr;
  if (!std::exchange(gp->extra->returned, false)) {
    sched.main_goexited.store(true, std::memory_order_relaxed);  // relaxed: looked at when its processor rests, under lock
    return;  // DL-03: the others go on, and the thread with them
  }
  if (home == mp) {
    home->quit.store(true, std::memory_order_relaxed);  // relaxed: read by this thread
    return;
  }
  sched.main_home.store(home, std::memory_order_relaxed);  // relaxed: published by the next store
  // release: pairs with turn() of sysmon, which ends the process if that thread does not come back.
  sched.main_ended_ns.store(monotonic_ns(), std::memory_order_release);
  if (!wake_for_quit(home)) ask_machine(home, request::reschedule);
  sysmon_wake();
}

void ended_flagged(machine* mp, goroutine* gp) noexcept {
  if ((gp->flags & goroutine_flag::locked) != 0) {
    race_release(&mp->locked);  // pairs with lock_to_thread() and thread_body()
    mp->locked = nullptr;
    mp->leaving = true;
  }
  if ((gp->flags & goroutine_flag::watched) != 0) watch_ended(gp);
}

// gp has ended; mp runs its stack. Returns if another goroutine took the stack over.
void ended(machine* mp, goroutine* gp) noexcept {
  processor* pp = mp->pp;
  // Before anybody can know of the end: a dump that follows does not show it. relaxed: published by the next store.
  gp->state.store(goroutine_state::dead, std::memory_order_relaxed);
  // relaxed: a counter that only the owner writes. release: pairs with goroutine_count().
  pp->finished.store(pp->finished.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (GOS_UNLIKELY(gp->flags != 0)) ended_flagged(mp, gp);
  const bool is_main = gp->extra != nullptr && gp->extra->home != nullptr;
  const bool special = gp->flags != 0 || is_main;
  if (GOS_UNLIKELY(is_main)) main_ended(mp, gp);
  if (GOS_UNLIKELY(!stack_canary_intact(gp->stack()))) stack_overflowed(gp, gp->stack(), gp->stack().low());
  std::byte* const stack = gp->stack_base;
  race_release(stack);  // as in goroutine_entry(), for what has run on it since
  const std::uint8_t stack_class = gp->stack_class;
  gp->flags = 0;
  gp->stack_base = nullptr;
  goroutine_give(pp, gp);
  goroutine* next = special ? nullptr : pp->pick();
#if !defined(GOS_TSAN) && !defined(GOS_ASAN)
  if (next != nullptr && next->flags == goroutine_flag::fresh && next->stack_class == stack_class) {
    gp->on_cpu.store(0, std::memory_order_relaxed);  // relaxed: free, and this processor's own
    next->on_cpu.store(1, std::memory_order_relaxed);  // relaxed: as in switch_directly; published by the flags
    next->state.store(goroutine_state::running, std::memory_order_relaxed);  // relaxed: for dumps
    next->stack_base = stack;
    // release: pairs with hold_mark() and hold_settle(), which must not take it for one that has been left.
    __atomic_store_n(&next->flags, std::uint8_t{0}, __ATOMIC_RELEASE);
    mp->current = next;
    return;
  }
#endif
  if (GOS_UNLIKELY(stack_class != sched.stack_class)) {
    // Goes to the common pool, where others would take it, or its pages, while we are on it: g0 puts it there.
    mp->left_stack = stack;
    mp->left_stack_class = stack_class;
    mp->handoff = next;
    leave_for_good(mp, gp, &mp->g0);
  }
  // Nobody takes a stack or goroutine from this processor before we have left: we are in kernel mode.
  stack_give(pp->stacks, stack, stack_class, sched.stack_class);
  if (next != nullptr) {
    if (next->flags == goroutine_flag::fresh) attach_stack(pp, next);
    if (next->flags == 0 && claim_to_run(mp, next)) leave_for_good(mp, gp, next);
    mp->handoff = next;
  }
  leave_for_good(mp, gp, &mp->g0);
}

// Runs gp until somebody switches to this machine's g0 again.
void execute(machine* mp, goroutine* gp) noexcept {
  goroutine* g0 = &mp->g0;
  backoff wait;
  while (!claim_to_run(mp, gp)) {
    mp->current = g0;  // or hold_settle() would let go of a goroutine that it may hold
    wait.pause();
  }
  gp->on_cpu.store(1, std::memory_order_relaxed);                        // relaxed: as in switch_directly
  gp->state.store(goroutine_state::running, std::memory_order_relaxed);  // relaxed: for dumps
#if defined(GOS_TSAN) || defined(GOS_ASAN)
  fiber_before_switch(g0->fiber, gp->fiber, false);
#endif
  finish_switch(switch_to(&g0->context, &gp->context, g0));
  if (GOS_UNLIKELY(mp->left_stack != nullptr)) {
    stack_give(mp->pp->stacks, mp->left_stack, mp->left_stack_class, sched.stack_class);
    mp->left_stack = nullptr;
  }
}

}  // namespace

#if defined(GOS_TSAN) || defined(GOS_ASAN)
void fiber_ended(goroutine* left) noexcept {
  // relaxed: written by this thread right before the switch.
  if (left->state.load(std::memory_order_relaxed) == goroutine_state::dead) fiber_destroy(left->fiber);
}
#endif

void attach_stack(processor* pp, goroutine* gp) noexcept {
  std::byte* base = stack_take(pp->stacks, gp->stack_class, sched.stack_class);
  if (GOS_UNLIKELY(base == nullptr)) {
    fatal("out of memory: no stack of %zu bytes to be had for goroutine %llu (set GOS_STACK_SIZE lower, or raise the limit "
          "on address space, ulimit -v)",
          std::size_t{1} << gp->stack_class, static_cast<unsigned long long>(gp->id));
  }
  gp->stack_base = base;
  const stack_slot slot = gp->stack();
  const std::size_t index = reinterpret_cast<std::uintptr_t>(base) >> gp->stack_class;
  std::byte* top = slot.top() - (index % colours + 1) * cache_line_size;
  switch_prepare(gp->context, top, goroutine_main);
#if defined(GOS_TSAN) || defined(GOS_ASAN)
#if defined(GOS_ASAN)
  __asan_unpoison_memory_region(slot.low(), static_cast<std::size_t>(slot.top() - slot.low()));
#endif
  fiber_create(gp->fiber, slot.low(), static_cast<std::size_t>(slot.top() - slot.low()));
#endif
  // release: pairs with hold_mark() and hold_settle(): who sees it no longer fresh sees its context.
  __atomic_store_n(&gp->flags, static_cast<std::uint8_t>(gp->flags & ~goroutine_flag::fresh), __ATOMIC_RELEASE);
}

bool is_prepared(const goroutine* gp) noexcept {
  alignas(16) std::byte top[32];
  switch_context probe;
  switch_prepare(probe, top + sizeof top, goroutine_main);
  return gp->context.resume_address == probe.resume_address;
}

void switch_away_slow(machine* mp, goroutine* gp, goroutine* next) noexcept {
  if (mp->oldest_fork != nullptr) forks_promote_all(mp);
  if (GOS_UNLIKELY((gp->flags & goroutine_flag::watched) != 0)) watch_parks(gp);
  // Saved on the stack that is being left; put back by the goroutine itself, wherever it wakes.
  const eh_globals exceptions = *mp->exceptions;
  *mp->exceptions = eh_globals{};
  float_environment floats{};
  const bool own_floats = float_control() != mp->float_default;
  if (own_floats) {
    float_save(floats);
    float_restore(mp->float_initial);
  }
  if (next != nullptr && (gp->flags | next->flags) == 0 && claim_to_run(mp, next)) {
    switch_directly(gp, next);
  } else {
    mp->handoff = next;
    mp->current = &mp->g0;
    switch_directly(gp, &mp->g0);
  }
  *this_machine()->exceptions = exceptions;
  if (own_floats) float_restore(floats);
}

void scheduler_loop(machine* mp) noexcept {
  for (;;) {
    if (GOS_UNLIKELY(mp->leaving)) {
      hand_off(detach(mp));
      if (mp->home) wait_for_quit(mp);
      return;
    }
    goroutine* gp = mp->handoff;
    mp->handoff = nullptr;
    if (mp->locked != nullptr) {
      if (gp != mp->locked) {
        if (gp != nullptr) global_push(gp);
        wait_for_locked(mp);
        gp = mp->locked;
      }
    } else if (gp == nullptr || mp->pp == nullptr) {
      if (gp != nullptr) global_push(gp);
      gp = find_runnable(mp);
      if (gp == nullptr) return;  // quit, or nobody needs the thread
    }
    if ((gp->flags & goroutine_flag::locked) != 0 && gp->extra->locked_machine != mp) {
      give_to_locked(mp, gp);
      continue;
    }
    if ((gp->flags & goroutine_flag::fresh) != 0) {
      attach_stack(mp->pp, gp);
      // Here only: a goroutine with this flag goes no shorter way.
      if (GOS_UNLIKELY((gp->flags & goroutine_flag::watched) != 0)) watch_started(gp);
    }
    execute(mp, gp);
  }
}

void ready_displaced(processor* pp, goroutine* displaced) noexcept {
  if (pp->ready.full()) overflow(pp, pp->ready);
  pp->ready.push_back(displaced);
  // relaxed: hints, see INV2 of scheduler.hpp.
  if (sched.idle_processors.load(std::memory_order_relaxed) != 0 && sched.searching.load(std::memory_order_relaxed) == 0 &&
      pp->shares.load(std::memory_order_relaxed)) {  // relaxed: a hint
    wake_one();
  }
}

bool leave_slow_with_true(machine* mp) noexcept {
  kernel_leave_slow(mp);
  return true;
}

bool ready_slow_and_leave(goroutine* gp) noexcept {
  ready_slow(gp);
  kernel_leave();
  return true;
}

bool ready_displaced_and_leave(processor* pp, goroutine* displaced) noexcept {
  ready_displaced(pp, displaced);
  kernel_leave();
  return true;
}

void give_way(machine* mp, goroutine* gp) noexcept {
  // relaxed: for dumps.
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);
  global_push(gp);
  mp->gave_way = gp;
  switch_away_slow(mp, gp, nullptr);
}

bool yield_goroutine() noexcept {
  machine* mp = kernel_enter();
  processor* pp = mp->pp;
  if (pp == nullptr) {
    kernel_leave();
    return false;
  }
  goroutine* gp = mp->current;
  goroutine* next = pp->pick();
  if (GOS_LIKELY(next != nullptr)) {
    gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
    if (GOS_LIKELY(pp->fresh.empty())) {
      if (pp->ready.full()) overflow(pp, pp->ready);
      pp->ready.push_back(gp);
    } else {
      global_push(gp);  // behind the fresh ones too (SC-07)
    }
    switch_away(mp, gp, next);
    // relaxed: a hint; what it misses is found at the next look, which comes within countdown_start picks.
  } else if (pp->look_is_due() || sched.global_size.load(std::memory_order_relaxed) != 0 || sched.migrate) {
    give_way(mp, gp);
  }
  kernel_leave();
  return true;
}

void let_others_run() noexcept {
  machine* mp = this_machine();
  if (mp->pp != nullptr) {
    give_way(mp, mp->current);
  } else {
    thread_yield();
  }
}

void stop_for_good() noexcept {
  this_machine()->resting.store(true, std::memory_order_relaxed);  // relaxed: for the exit handler, a hint
  for (;;) ::pause();
}

}  // namespace gos::rt
