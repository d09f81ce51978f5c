// See timers.hpp and timer_heap.hpp.
#include "sched/timers.hpp"

#include <sys/mman.h>

#include "sched/local_queue.hpp"
#include "sched/sched.hpp"
#include "sched/timer_heap.hpp"

namespace gos::rt {

namespace {
// timer::state. Written under the lock of the heap that holds it or fires it.
enum timer_state : std::uint32_t { timer_idle, timer_pending, timer_firing };
constexpr std::uint32_t arity = 4;
}  // namespace

void timer_heap::place(std::uint32_t index, const entry& e) noexcept {
  entries_[index] = e;
  if (!is_sleeper(e)) reinterpret_cast<timer*>(e.target)->index = index;
}

void timer_heap::sift_up(std::uint32_t index, entry e) noexcept {
  while (index > 0) {
    const std::uint32_t parent = (index - 1) / arity;
    if (entries_[parent].when_ns <= e.when_ns) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, e);
}

void timer_heap::sift_down(std::uint32_t index, entry e) noexcept {
  for (;;) {
    const std::uint32_t first = index * arity + 1;
    if (first >= size_) break;
    std::uint32_t least = first;
    const std::uint32_t end = first + arity < size_ ? first + arity : size_;
    for (std::uint32_t child = first + 1; child < end; ++child) {
      if (entries_[child].when_ns < entries_[least].when_ns) least = child;
    }
    if (e.when_ns <= entries_[least].when_ns) break;
    place(index, entries_[least]);
    index = least;
  }
  place(index, e);
}

void timer_heap::grow() noexcept {
  constexpr std::uint32_t first_capacity = 1024;
  const std::uint32_t wanted = capacity_ == 0 ? first_capacity : capacity_ * 2;
  void* moved = capacity_ == 0
                    ? ::mmap(nullptr, wanted * sizeof(entry), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                    : ::mremap(entries_, capacity_ * sizeof(entry), wanted * sizeof(entry), MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) fatal("out of memory: no room for %u timers", wanted);
  entries_ = static_cast<entry*>(moved);
  capacity_ = wanted;
}

void timer_heap::push(const entry& e) noexcept {
  if (size_ == capacity_) grow();
  ++size_;
  sift_up(size_ - 1, e);
}

timer_heap::entry timer_heap::take(std::uint32_t index) noexcept {
  const entry taken = entries_[index];
  --size_;
  if (index < size_) {
    const entry last = entries_[size_];
    if (index > 0 && last.when_ns < entries_[(index - 1) / arity].when_ns) {
      sift_up(index, last);
    } else {
      sift_down(index, last);
    }
  }
  return taken;
}

void timer_heap::publish_next() noexcept {
  // relaxed: a hint for other machines; the lock orders the heap itself.
  next_ns_.store(size_ == 0 ? never_ns : entries_[0].when_ns, std::memory_order_relaxed);
}

bool timer_heap::add(timer& t, std::int64_t when_ns) noexcept {
  spin_guard guard(lock_);
  t.when_ns = when_ns;
  t.heap.store(this, std::memory_order_relaxed);          // relaxed: checked again under lock_ by remove()
  t.state.store(timer_pending, std::memory_order_relaxed);  // relaxed: under lock_
  push({when_ns, reinterpret_cast<std::uintptr_t>(&t)});
  publish_next();
  return t.index == 0;
}

void timer_heap::add_sleeper(goroutine* gp, std::int64_t when_ns) noexcept {
  spin_guard guard(lock_);
  push({when_ns, reinterpret_cast<std::uintptr_t>(gp) | 1});
  publish_next();
}

timer_heap::removal timer_heap::remove(timer& t) noexcept {
  spin_guard guard(lock_);
  // relaxed: heap and pending are written under this lock if the timer is here.
  if (t.heap.load(std::memory_order_relaxed) != this) return removal::elsewhere;
  if (t.state.load(std::memory_order_relaxed) != timer_pending) return removal::firing;  // relaxed: under lock_
  take(t.index);
  publish_next();
  t.heap.store(nullptr, std::memory_order_relaxed);       // relaxed: under lock_
  t.state.store(timer_idle, std::memory_order_relaxed);  // relaxed: under lock_
  return removal::removed;
}

int timer_heap::run(std::int64_t now_ns) noexcept {
  int fired = 0;
  goroutine_list awake;  // popped sleepers: made ready without the lock
  const auto wake_sleepers = [&awake] {
    while (goroutine* gp = awake.pop_front()) ready(gp);
  };
  lock_.lock();
  while (size_ > 0 && entries_[0].when_ns <= now_ns) {
    const entry due = take(0);
    ++fired;
    if (is_sleeper(due)) {
      awake.push_back(reinterpret_cast<goroutine*>(due.target & ~std::uintptr_t{1}));
      continue;
    }
    auto* t = reinterpret_cast<timer*>(due.target);
    t->heap.store(nullptr, std::memory_order_relaxed);        // relaxed: under lock_
    t->state.store(timer_firing, std::memory_order_relaxed);  // relaxed: under lock_
    publish_next();
    lock_.unlock();
    wake_sleepers();
    const std::int64_t again = t->fire(t, now_ns);
    lock_.lock();
    if (again != 0) {
      t->when_ns = again;
      t->heap.store(this, std::memory_order_relaxed);  // relaxed: under lock_
      // release: pairs with the load in timer_stop(): what fire did is done.
      t->state.store(timer_pending, std::memory_order_release);
      push({again, due.target});
    } else {
      // release: pairs with the load in timer_stop(). The last touch: the timer may die now.
      t->state.store(timer_idle, std::memory_order_release);
    }
  }
  publish_next();
  lock_.unlock();
  wake_sleepers();
  return fired;
}

void timer_heap::move_to(timer_heap& other) noexcept {
  // Only ever from a retiring processor to the first one; the address order keeps two moves apart.
  spin_lock& first = this < &other ? lock_ : other.lock_;
  spin_lock& second = this < &other ? other.lock_ : lock_;
  spin_guard guard_first(first);
  spin_guard guard_second(second);
  while (size_ > 0) {
    const entry e = entries_[--size_];
    // relaxed: under both locks.
    if (!is_sleeper(e)) reinterpret_cast<timer*>(e.target)->heap.store(&other, std::memory_order_relaxed);
    other.push(e);
  }
  publish_next();
  other.publish_next();
}

void timer_start(timer& idle, std::int64_t when_ns) noexcept {
  timer_heap& heap = local_timers();
  if (heap.add(idle, when_ns)) timers_changed(when_ns);
}

bool timer_try_stop(timer& any) noexcept {
  for (;;) {
    // relaxed: remove() checks again under the lock; a null heap is judged by state.
    timer_heap* heap = any.heap.load(std::memory_order_relaxed);
    if (heap == nullptr) return false;
    switch (heap->remove(any)) {
      case timer_heap::removal::removed: return true;
      case timer_heap::removal::firing: return false;
      case timer_heap::removal::elsewhere: break;  // moved between the look and the lock
    }
  }
}

bool timer_stop(timer& any) noexcept {
  backoff wait;
  for (;;) {
    if (timer_try_stop(any)) return true;
    // acquire: pairs with the stores at the end of a firing in run().
    const std::uint32_t state = any.state.load(std::memory_order_acquire);
    if (state == timer_idle) return false;
    wait.pause();  // firing: it is short; or pending again (a ticker): try once more
  }
}

}  // namespace gos::rt
