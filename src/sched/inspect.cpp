// See inspect.hpp.
//
// A batch at a time. First those that can be held are held, visited and let go; then the others are visited one by one:
// they run, have never run, or were just being left or resumed. Of the last a few are looked at again, until they
// can be held or run.
#include "sched/inspect.hpp"

#include <algorithm>
#include <cstring>

#include "platform/clock.hpp"
#include "platform/membarrier.hpp"
#include "platform/thread.hpp"
#include "platform/unwind.hpp"
#include "sched/hold.hpp"
#include "sched/sample.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t sample_patience_ns = 500'000'000;  // a busy machine may take long to run the thread

// relaxed, all: a goroutine that is not held is looked at as it passes; see snapshot().
goroutine_state state_of(const goroutine* gp) noexcept { return gp->state.load(std::memory_order_relaxed); }
std::uint64_t id_of(const goroutine* gp) noexcept { return __atomic_load_n(&gp->id, __ATOMIC_RELAXED); }
std::uint8_t flags_of(const goroutine* gp) noexcept { return __atomic_load_n(&gp->flags, __ATOMIC_RELAXED); }

bool waits(goroutine_state state) noexcept {
  return state == goroutine_state::waiting || state == goroutine_state::aged || state == goroutine_state::scanned ||
         state == goroutine_state::examined;
}

class inspection {
 public:
  inspection(const inspect_options& options, void (*visit)(const goroutine_view&, void*), void* argument) noexcept
      : options_(options), visit_(visit), argument_(argument) {
    frames_max_ = std::min(options.frames_max, inspect_frames_max);
  }

  void all() {
    const std::size_t capacity = goroutine_capacity();
    for (std::size_t next = 0; next < capacity;) {
      next = visit_batch(next, capacity);
      if (options_.between != nullptr) options_.between(argument_);
    }
  }

 private:
  // Returns the index behind the batch.
  std::size_t visit_batch(std::size_t index, std::size_t capacity) {
    goroutine* all[inspect_batch_max];
    std::size_t count = 0;
    for (; index < capacity && count < inspect_batch_max; ++index) {
      goroutine* gp = goroutine_at(index);
      if (gp != options_.omit && state_of(gp) != goroutine_state::dead) all[count++] = gp;
    }
    const std::size_t held = visit_held(all, count);
    for (std::size_t i = held; i < count; ++i) visit_other(all[i]);
    return index;
  }

  // Those that can be held come first afterwards. Returns how many were.
  std::size_t visit_held(goroutine** all, std::size_t count) {
    if (!can_hold() || !lock()) return 0;
    std::size_t marked = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const goroutine_state state = state_of(all[i]);
      if ((waits(state) || state == goroutine_state::runnable) && hold_mark(all[i], state)) std::swap(all[marked++], all[i]);
    }
    const std::size_t held = hold_settle(all, marked);
    for (std::size_t i = 0; i < held; ++i) {
      visit_one_held(all[i]);
      hold_let_go(all[i]);
    }
    hold_lock.unlock();
    return held;
  }

  void visit_one_held(goroutine* gp) {
    goroutine_view view;
    copy(view, gp);
    view.held = true;
    view.fresh = is_prepared(gp);
    view.stack = gp->stack();
    view.stack_pointer = static_cast<std::byte*>(gp->context.stack_pointer);
    if (options_.stacks && !view.fresh) {
      view.frames = frames_;
      view.depth = unwind_stack(gp->context, frames_, frames_max_);
    }
    visit_(view, argument_);
  }

  // Not held, or not yet.
  void visit_other(goroutine* gp) {
    const std::int64_t deadline_ns = monotonic_ns() + options_.patience_ns;
    backoff wait;
    goroutine_view view;
    while (snapshot(view, gp)) {
      if (view.fresh) break;
      if (view.state == goroutine_state::running) {
        if (!options_.running_stacks || sample(view)) break;
      } else if (visit_held(&gp, 1) == 1) {
        return;
      }
      if (!can_hold()) break;
      if (monotonic_ns() >= deadline_ns) break;
      wait.pause();
      view = goroutine_view{};
    }
    if (view.gp != nullptr) visit_(view, argument_);
  }

  // False: it may not run any more.
  bool sample(goroutine_view& view) noexcept {
    machine* mp = machine_that_runs(view.gp);
    view.depth = sample_running(mp, view.gp, frames_, frames_max_, sample_patience_ns);
    view.frames = view.depth != 0 ? frames_ : nullptr;
    // Still the same one, whether it has answered or not: a thread that does not answer now will not do so soon.
    return view.depth != 0 || (state_of(view.gp) == goroutine_state::running && id_of(view.gp) == view.id);
  }

  // Of one that may run, end and begin anew meanwhile: what is copied belongs to one life. False: it has ended.
  static bool snapshot(goroutine_view& view, goroutine* gp) noexcept {
    for (;;) {
      const std::uint64_t id = id_of(gp);
      std::atomic_thread_fence(std::memory_order_acquire);  // acquire: between two looks; who writes has no fence, see below
      if (state_of(gp) == goroutine_state::dead) return false;
      copy(view, gp);
      std::atomic_thread_fence(std::memory_order_acquire);  // acquire: as above
      // An id is written before all that belongs to it, and never again; what the record said before is at worst told of
      // its new owner, on a CPU that shows writes in another order.
      if (id_of(gp) == id) return true;
      view = goroutine_view{};
    }
  }

  static void copy(goroutine_view& view, goroutine* gp) noexcept {
    view.gp = gp;
    view.id = id_of(gp);
    view.parent_id = gp->parent_id;
    view.spawn_pc = gp->spawn_pc;
    view.state = state_of(gp);
    view.fresh = (flags_of(gp) & goroutine_flag::fresh) != 0;
    view.locked = (flags_of(gp) & goroutine_flag::locked) != 0;
    if (view.state == goroutine_state::running) view.blocking = is_blocking(gp);
    if (waits(view.state)) {
      view.state = goroutine_state::waiting;
      // relaxed, all: it is held, or looked at as it passes.
      view.reason = gp->reason.load(std::memory_order_relaxed);
      view.wait_object = gp->wait_object.load(std::memory_order_relaxed);
      view.since_ns = gp->since_ns.load(std::memory_order_relaxed);
      view.deadline_ns = gp->deadline_ns.load(std::memory_order_relaxed);
    }
    if (gp->extra != nullptr) {
      std::memcpy(view.name, gp->extra->name, sizeof view.name);
      view.name[sizeof view.name - 1] = '\0';
    }
  }

  // It runs: in a section marked blocking, or in a system call that has cost it its processor? A computation that was alone
  // has lost it, too.
  static bool is_blocking(const goroutine* gp) noexcept {
    const machine* mp = machine_that_runs(gp);
    // relaxed, all: a snapshot.
    if (mp == nullptr || mp->blocking.load(std::memory_order_relaxed) == gp) return mp != nullptr;
    return mp->revoked.load(std::memory_order_relaxed) == revoke_state::gone &&
           !thread_runs(mp->thread.load(std::memory_order_relaxed));
  }

  bool can_hold() const noexcept { return membarrier_available && !lock_lost_; }

  // Bounded: in a crash the one who has it may never come back.
  bool lock() noexcept {
    if (hold_lock.try_lock()) return true;
    const std::int64_t deadline_ns = monotonic_ns() + options_.patience_ns;
    backoff wait;
    while (!hold_lock.try_lock()) {
      if (monotonic_ns() >= deadline_ns) {
        lock_lost_ = true;
        return false;
      }
      wait.pause();
    }
    return true;
  }

  const inspect_options& options_;
  void (*const visit_)(const goroutine_view&, void*);
  void* const argument_;
  std::size_t frames_max_ = 0;
  bool lock_lost_ = false;
  void* frames_[inspect_frames_max];
};

}  // namespace

bool inspect_sees_stacks() noexcept { return membarrier_available; }

void inspect_goroutines(const inspect_options& options, void (*visit)(const goroutine_view& view, void* argument),
                        void* argument) {
  // acquire: pairs with ensure_started(). Not started here: the start itself may have failed.
  if (!sched.started.load(std::memory_order_acquire)) return;
  inspection(options, visit, argument).all();
}

bool in_goroutine_record(const void* address) noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(goroutine_at(0));
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const std::size_t index = (at - first) / sizeof(goroutine);
  if (at < first || index >= goroutine_capacity()) return false;
  const goroutine* gp = goroutine_at(index);
  return address < static_cast<const void*>(gp->inline_closure) || state_of(gp) == goroutine_state::dead;
}

std::vector<goroutine_stack> goroutine_stacks() {
  std::vector<goroutine_stack> all;
  const std::size_t capacity = goroutine_capacity();
  for (std::size_t index = 0; index < capacity; ++index) {
    const goroutine* const gp = goroutine_at(index);
    const std::byte* const base = __atomic_load_n(&gp->stack_base, __ATOMIC_RELAXED);  // relaxed: a snapshot
    if (base != nullptr) all.push_back({base, gp});
  }
  std::sort(all.begin(), all.end(), [](const goroutine_stack& a, const goroutine_stack& b) { return a.base < b.base; });
  return all;
}

}  // namespace gos::rt
