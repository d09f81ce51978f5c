// See sample.hpp.
//
//   `state`, in its lowest bits; above them the number of the question
//     idle --asker--> asked --handler--> answering --handler--> answered
//                     asked --asker, out of time--> idle
//
// INV1 question and answer are the asker's in idle and answered, the handler's in answering; in asked both only read.
// INV2 An asker never waits for a handler without a limit: one that is answering when time is out is left alone, and
//      nobody is asked before it has done.
// A signal that arrives late answers a later question if that is put to the same thread, which is as well.
#include "sched/sample.hpp"

#include <algorithm>

#include "platform/clock.hpp"
#include "platform/futex.hpp"
#include "platform/interrupt.hpp"
#include "platform/unwind.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

constexpr std::uint32_t idle = 0;
constexpr std::uint32_t asked = 1;
constexpr std::uint32_t answering = 2;
constexpr std::uint32_t answered = 3;
constexpr std::uint32_t phase_mask = 3;
constexpr std::uint32_t one_question = 4;

spin_lock one_asker;
std::atomic<std::uint32_t> state{idle};  // futex

struct {
  std::atomic<machine*> mp{nullptr};
  std::atomic<const goroutine*> gp{nullptr};
} question;

struct {
  void* frames[sample_frames_max];
  std::size_t depth;  // 0: in kernel mode, or runs something else
} answer;

void on_interrupt(void* ucontext) noexcept {
  std::uint32_t seen = state.load(std::memory_order_acquire);  // acquire: pairs with ask()
  machine* mp = this_machine();
  // relaxed, both: behind the acquire.
  if ((seen & phase_mask) != asked || question.mp.load(std::memory_order_relaxed) != mp) return;
  const goroutine* gp = question.gp.load(std::memory_order_relaxed);
  const std::uint32_t number = seen & ~phase_mask;
  // acq_rel: pairs with ask() and give_up(): from here on the answer is ours. relaxed: the question was taken back.
  if (!state.compare_exchange_strong(seen, number | answering, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
  // relaxed: our own thread's.
  const bool readable = mp->in_kernel.load(std::memory_order_relaxed) == 0 && mp->current == gp;
  answer.depth = readable ? unwind_interrupted(ucontext, answer.frames, sample_frames_max) : 0;
  state.store(number | answered, std::memory_order_release);  // release: pairs with wait_for_answer()
  futex_wake(state, 1);
}

void ask(machine* mp, const goroutine* gp) noexcept {
  // relaxed, both: published by the state.
  question.mp.store(mp, std::memory_order_relaxed);
  question.gp.store(gp, std::memory_order_relaxed);
  const std::uint32_t number = (state.load(std::memory_order_relaxed) & ~phase_mask) + one_question;  // relaxed: ours
  state.store(number | asked, std::memory_order_release);  // release: pairs with on_interrupt()
}

// acq_rel, and acquire on failure: pairs with on_interrupt().
void give_up(std::uint32_t seen) noexcept {
  if ((seen & phase_mask) != asked) return;
  state.compare_exchange_strong(seen, (seen & ~phase_mask) | idle, std::memory_order_acq_rel, std::memory_order_acquire);
}

bool wait_for_answer(std::int64_t deadline_ns) noexcept {
  for (;;) {
    const std::uint32_t seen = state.load(std::memory_order_acquire);  // acquire: pairs with on_interrupt()
    if ((seen & phase_mask) == answered) return true;
    const std::int64_t left_ns = deadline_ns - monotonic_ns();
    if (left_ns <= 0) {
      give_up(seen);
      return false;
    }
    futex_wait(state, seen, left_ns);
  }
}

bool lock_until(spin_lock& lock, std::int64_t deadline_ns) noexcept {
  backoff wait;
  while (!lock.try_lock()) {
    if (monotonic_ns() >= deadline_ns) return false;
    wait.pause();
  }
  return true;
}

}  // namespace

std::size_t sample_running(machine* mp, const goroutine* gp, void** out, std::size_t capacity,
                           std::int64_t timeout_ns) noexcept {
  if (mp == nullptr || mp == this_machine()) return 0;
  const std::int64_t deadline_ns = monotonic_ns() + timeout_ns;
  if (!lock_until(one_asker, deadline_ns)) return 0;
  static const bool prepared = (unwind_prepare(), true);
  std::size_t depth = 0;
  backoff wait;
  // relaxed, all: snapshots; the thread itself decides.
  while (prepared && __atomic_load_n(&mp->current, __ATOMIC_RELAXED) == gp && monotonic_ns() < deadline_ns) {
    if ((state.load(std::memory_order_relaxed) & phase_mask) == answering) break;  // INV2
    const int thread = mp->thread.load(std::memory_order_relaxed);
    ask(mp, gp);
    if (thread == 0 || !interrupt_thread(thread, on_interrupt)) {
      give_up(state.load(std::memory_order_relaxed));
      break;
    }
    if (!wait_for_answer(deadline_ns)) break;
    depth = std::min(answer.depth, capacity);
    if (depth != 0) break;
    wait.pause();
  }
  std::copy_n(answer.frames, depth, out);
  one_asker.unlock();
  return depth;
}

}  // namespace gos::rt
