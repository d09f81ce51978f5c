// timer_heap: the due times of one processor. See timers.hpp for what users see.
//
// A 4-ary heap of 16-byte entries: due time and a tagged pointer, to a timer or to a goroutine that
// just sleeps. Sleepers are never removed early, so moving their entries touches nothing but the
// heap: with a million of them, writing an index into each would be a cache and TLB miss per move.
// Guarded by a lock because other machines stop timers and run those that are late; the earliest
// due time can be read without it.
// Rejected: a hierarchical wheel (order within a slot, TM-09, needs a sort again); lazy deletion as
// in Go (a timer on a stack must be out of the heap before its frame ends).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"
#include "sched/goroutine.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

class timer_heap {
 public:
  // Anybody: the earliest due time, or never_ns. relaxed: a hint; who needs it exactly takes the lock.
  std::int64_t next_ns() const noexcept { return next_ns_.load(std::memory_order_relaxed); }

  // Kernel mode. add: true if it is now the earliest.
  bool add(timer& t, std::int64_t when_ns) noexcept;
  void add_sleeper(goroutine* gp, std::int64_t when_ns) noexcept;

  // Kernel mode. Removes t if it is in this heap and pending.
  enum class removal { removed, firing, elsewhere };
  removal remove(timer& t) noexcept;

  // Kernel mode, or sysmon: fires what is due, in order of due time. Returns how many.
  int run(std::int64_t now_ns) noexcept;

  // Moves all that is pending to another heap (its processor retires). What is firing may come back here.
  void move_to(timer_heap& other) noexcept;

 private:
  struct entry {
    std::int64_t when_ns;
    std::uintptr_t target;  // timer*, or goroutine* with bit 0 set
  };

  static bool is_sleeper(const entry& e) noexcept { return (e.target & 1) != 0; }
  void place(std::uint32_t index, const entry& e) noexcept;
  void sift_up(std::uint32_t index, entry e) noexcept;
  void sift_down(std::uint32_t index, entry e) noexcept;
  void push(const entry& e) noexcept;
  entry take(std::uint32_t index) noexcept;
  void grow() noexcept;
  void publish_next() noexcept;

  spin_lock lock_;
  std::atomic<std::int64_t> next_ns_{never_ns};
  entry* entries_ = nullptr;  // under lock_; mapped, not from the heap: no allocation under a lock
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace gos::rt
