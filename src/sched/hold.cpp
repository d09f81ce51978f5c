// See hold.hpp.
#include "sched/hold.hpp"

#include <utility>

#include "platform/membarrier.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

spin_lock hold_lock;

namespace {

bool has_run(const goroutine* gp) noexcept {
  // acquire: pairs with attach_stack() and ended(): one that is no longer fresh has a context, or on_cpu set.
  return (__atomic_load_n(&gp->flags, __ATOMIC_ACQUIRE) & goroutine_flag::fresh) == 0;
}

}  // namespace

void hold_let_go(goroutine* gp) noexcept {
  std::uint32_t mark = held_mark;
  // release: pairs with claim_to_run() of who resumes it. relaxed: replaced, nothing to do.
  gp->on_cpu.compare_exchange_strong(mark, 0, std::memory_order_release, std::memory_order_relaxed);
}

bool hold_mark(goroutine* gp, goroutine_state seen) noexcept {
  if (!has_run(gp)) return false;
  std::uint32_t off = 0;
  // acquire: pairs with finish_switch(): the context is complete. relaxed: a failure is skipped.
  if (!gp->on_cpu.compare_exchange_strong(off, held_mark, std::memory_order_acquire, std::memory_order_relaxed)) return false;
  // Again, for it may have ended and begun anew since the first look. relaxed: behind the acquire.
  if (has_run(gp) && gp->state.load(std::memory_order_relaxed) == seen) return true;
  hold_let_go(gp);
  return false;
}

std::size_t hold_settle(goroutine** marked, std::size_t count) noexcept {
  if (count == 0) return 0;
  membarrier_all();
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    goroutine* gp = __atomic_load_n(&mp->current, __ATOMIC_RELAXED);  // relaxed: behind the membarrier; pairs with claim_to_run()
    if (gp != nullptr) hold_let_go(gp);  // null: a machine whose thread is just being started
  }
  std::size_t held = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // Fresh now: it was spawned between two looks, and its spawner's writes came in another order. INV3: its mark holds
    // nobody, and who overwrites it does so before the goroutine stops being fresh.
    if (!has_run(marked[i])) hold_let_go(marked[i]);
    // relaxed: our own mark, or somebody else's business.
    if (marked[i]->on_cpu.load(std::memory_order_relaxed) == held_mark) std::swap(marked[held++], marked[i]);
  }
  return held;
}

}  // namespace gos::rt
