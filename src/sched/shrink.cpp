// shrink: pages that a parked goroutine does not use go back to the kernel.
//
// A stack slot costs what was once touched. A goroutine that recursed deeply and now waits keeps only
// the pages from its stack pointer up: those below, which hold nothing, are given back (and come
// again, zeroed, when touched). Done by sysmon in passes, for goroutines that have been parked since
// before the last pass (state aged: those that wait shortly cost no system call), each once per wait
// (state scanned); in small steps, for beside a million goroutines it is still the watchdog. Not done
// where membarrier is refused.
//
// A goroutine must not run meanwhile. Who resumes one waits for on_cpu == 0 (INV3 of goroutine.hpp), so
// setting on_cpu holds it still, except for a machine that has already seen 0. Such a machine has
// named the goroutine as its `current` before it looked: a hazard pointer, with the membarrier as the
// scanner's half of the fence. A goroutine that some machine names is let go again.
#include "platform/membarrier.hpp"
#include "sched/sched.hpp"
#include "sched/stack_use.hpp"

namespace gos::rt {

namespace {

constexpr std::uint32_t held_by_scanner = 2;  // of on_cpu
constexpr std::size_t batch = 64;           // held at once: who is woken meanwhile waits for the whole of it
constexpr std::size_t looks_max = 16 * 1024;  // in one step
constexpr std::size_t red_zone = 128;

// Drops the mark. A machine that has resumed gp meanwhile has replaced it.
void let_go(goroutine* gp) noexcept {
  if (gp == nullptr) return;  // a machine whose thread is just being started
  std::uint32_t mark = held_by_scanner;
  // release: pairs with claim_to_run() of who resumes it. relaxed: replaced, nothing to do.
  gp->on_cpu.compare_exchange_strong(mark, 0, std::memory_order_release, std::memory_order_relaxed);
}

// For the next pass. A goroutine made ready meanwhile keeps its new state.
void become(goroutine* gp, goroutine_state from, goroutine_state to) noexcept {
  gp->state.compare_exchange_strong(from, to, std::memory_order_relaxed, std::memory_order_relaxed);  // relaxed: a hint
}

void shrink_one(goroutine* gp) noexcept {
  if (gp->stack_base == nullptr) return;
  const stack_slot slot = gp->stack();
  if (!stack_canary_intact(slot)) stack_overflowed(gp, slot, slot.low());
  if (GOS_UNLIKELY((gp->flags & goroutine_flag::watched) != 0) && stack_use_exact()) stack_use_shrinks(gp);
  auto* pointer = static_cast<std::byte*>(gp->context.stack_pointer);
  if (pointer > slot.low() + red_zone && pointer <= slot.top()) stack_release_pages(slot.low(), pointer - red_zone);
  become(gp, goroutine_state::aged, goroutine_state::scanned);
}

// Those that nobody is about to resume. Lets go of all.
std::size_t shrink_held(goroutine* const* held, std::size_t count) noexcept {
  membarrier_all();
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    let_go(__atomic_load_n(&mp->current, __ATOMIC_RELAXED));  // relaxed: behind the membarrier; pairs with claim_to_run()
  }
  std::size_t shrunk = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // relaxed: our own mark, or somebody else's business.
    if (held[i]->on_cpu.load(std::memory_order_relaxed) != held_by_scanner) continue;
    shrink_one(held[i]);
    ++shrunk;
    let_go(held[i]);
  }
  return shrunk;
}

}  // namespace

bool shrink_step(std::size_t& shrunk) noexcept {
  static spin_lock one_scanner;
  static goroutine* held[batch];      // under one_scanner
  static std::size_t next_index = 0;  // under one_scanner
  if (!membarrier_available || !one_scanner.try_lock()) return false;
  const std::size_t capacity = goroutine_capacity();
  const std::size_t end = capacity - next_index < looks_max ? capacity : next_index + looks_max;
  std::size_t count = 0;
  for (; next_index < end && count < batch; ++next_index) {
    goroutine* gp = goroutine_at(next_index);
    const goroutine_state state = gp->state.load(std::memory_order_relaxed);  // relaxed: a look; the mark decides
    if (state == goroutine_state::waiting) {
      become(gp, state, goroutine_state::aged);
      ++shrunk;  // not yet, but another pass is wanted
    }
    if (state != goroutine_state::aged) continue;
    std::uint32_t off = 0;
    // acquire: pairs with finish_switch(): the context is complete. relaxed: a failure is skipped.
    if (!gp->on_cpu.compare_exchange_strong(off, held_by_scanner, std::memory_order_acquire, std::memory_order_relaxed)) continue;
    // Again, for it may have ended and begun anew since the first look: a fresh one is given a stack without
    // regard to the mark. One that waits now cannot end while it is marked. relaxed: behind the acquire.
    if (gp->state.load(std::memory_order_relaxed) == goroutine_state::aged) {
      held[count++] = gp;
    } else {
      let_go(gp);
    }
  }
  if (count > 0) shrunk += shrink_held(held, count);
  const bool more = next_index < capacity;
  if (!more) next_index = 0;
  one_scanner.unlock();
  return more;
}

}  // namespace gos::rt
