// shrink: pages that a parked goroutine does not use go back to the kernel.
//
// A stack slot costs what was once touched. A goroutine that recursed deeply and now waits keeps only
// the pages from its stack pointer up: those below, which hold nothing, are given back (and come
// again, zeroed, when touched). Done by sysmon in passes, for goroutines that have been parked since
// before the last pass (state aged: those that wait shortly cost no system call), each once per wait
// (state scanned); in small steps, for beside a million goroutines it is still the watchdog. Not done
// where membarrier is refused.
//
// A goroutine must not run meanwhile: it is held (hold.hpp).
#include "platform/membarrier.hpp"
#include "sched/hold.hpp"
#include "sched/sched.hpp"
#include "sched/stack_use.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t looks_max = 16 * 1024;  // in one step
constexpr std::size_t red_zone = 128;

// For the next pass. A goroutine made ready meanwhile keeps its new state.
void become(goroutine* gp, goroutine_state from, goroutine_state to) noexcept {
  gp->state.compare_exchange_strong(from, to, std::memory_order_relaxed, std::memory_order_relaxed);  // relaxed: a hint
}

void shrink_one(goroutine* gp, stack_release& pages) noexcept {
  if (gp->stack_base == nullptr) return;
  const stack_slot slot = gp->stack();
  if (!stack_canary_intact(slot)) stack_overflowed(gp, slot, slot.low());
  if (GOS_UNLIKELY((gp->flags & goroutine_flag::watched) != 0) && stack_use_exact()) stack_use_shrinks(gp);
  auto* pointer = static_cast<std::byte*>(gp->context.stack_pointer);
  if (pointer > slot.low() + red_zone && pointer <= slot.top()) pages.add(slot.low(), pointer - red_zone);
  become(gp, goroutine_state::aged, goroutine_state::scanned);
}

}  // namespace

bool shrink_step(std::size_t& shrunk) noexcept {
  static goroutine* held[hold_max];   // under hold_lock
  static std::size_t next_index = 0;  // under hold_lock
  if (!membarrier_available || !hold_lock.try_lock()) return false;
  const std::size_t capacity = goroutine_capacity();
  const std::size_t end = capacity - next_index < looks_max ? capacity : next_index + looks_max;
  std::size_t count = 0;
  for (; next_index < end && count < hold_max; ++next_index) {
    goroutine* gp = goroutine_at(next_index);
    const goroutine_state state = gp->state.load(std::memory_order_relaxed);  // relaxed: a look; the mark decides
    if (state == goroutine_state::waiting) {
      become(gp, state, goroutine_state::aged);
      ++shrunk;  // not yet, but another pass is wanted
    }
    if (state == goroutine_state::aged && hold_mark(gp, state)) held[count++] = gp;
  }
  count = hold_settle(held, count);
  stack_release pages;
  for (std::size_t i = 0; i < count; ++i) shrink_one(held[i], pages);
  pages.flush();
  for (std::size_t i = 0; i < count; ++i) {
    ++shrunk;
    hold_let_go(held[i]);
  }
  const bool more = next_index < capacity;
  if (!more) next_index = 0;
  hold_lock.unlock();
  return more;
}

}  // namespace gos::rt
