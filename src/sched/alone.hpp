// alone: while one processor is active, the locks of objects need no atomic read-modify-write.
//
// An exchange costs 5 ns, and a round trip over two unbuffered channels takes four locks. Where only one processor is active
// (with one processor that is nearly always; with more while the others rest) nobody can be in the way of who has it, so an
// object_lock is taken by a plain load and a plain store then. Before somebody else may take one, he makes sure that the first
// has seen the end of that (cross()).
//
//     shared --alone_begin(): one active for a while--> alone --alone_end_locked(): another gets in--> shared
//
// INV1 `alone` is set under scheduler::lock, by the machine of the one active processor, while all others are in the idle list
//      or retired and the crowd is empty. It is cleared under the same lock before a processor leaves the idle list and
//      before somebody joins the crowd.
// INV2 Who takes an object_lock is in kernel mode with an active processor, or is in the crowd: plain threads while they do
//      not wait, sysmon and machines without a processor while they deliver timers and events.
// INV3 Who gets in comes past cross() before its first object_lock. cross() returns when the machine that was alone has been
//      seen outside kernel mode since `alone` was cleared, so that it looks at it anew: no section has begun with a plain store
//      that another's exchange may not see. It is not waited for when the processor became active by its own hand.
// INV4 The word of a lock tells the truth in both modes: a section that began alone is honoured by those who come later.
//
// cross() waits for a machine to leave kernel mode: it is called without any lock that is taken there.
// The mode needs membarrier. tests/model/alone_test.cpp is the protocol on its own, with and without cross().
#pragma once

#include <atomic>
#include <cstdint>

#include "base/align.hpp"
#include "base/spin.hpp"

namespace gos::rt {

struct processor;

extern constinit std::atomic<bool> alone;

// The lock of an object that only INV2's may take. In all else as spin_lock, whose word it is.
class object_lock {
 public:
  constexpr object_lock() noexcept = default;
  object_lock(const object_lock&) = delete;
  object_lock& operator=(const object_lock&) = delete;

  [[gnu::always_inline]] void lock() noexcept {
    if (GOS_UNLIKELY(!lock_quick())) lock_slow();
  }
  [[nodiscard]] [[gnu::always_inline]] bool lock_quick() noexcept {
    // relaxed, both: while alone nobody else looks at locks (INV1); what ended before it began is ordered by scheduler::lock.
    if (alone.load(std::memory_order_relaxed)) return word_.try_lock_alone();
    return word_.lock_quick();
  }
  void lock_slow() noexcept;
  [[gnu::always_inline]] void unlock() noexcept { word_.unlock(); }
  bool try_lock() noexcept { return word_.try_lock(); }

  // Whether the caller has nobody beside him who would take one. A hint, for what is not worth counting then.
  static bool is_alone() noexcept { return alone.load(std::memory_order_relaxed); }  // relaxed: see lock()

 private:
  spin_lock word_;
};

// By the owner of pp, on g0, when it looks around: sees whether the mode may begin. Cheap most of the time.
void alone_consider(processor* pp, std::int64_t now_ns) noexcept;

// Under scheduler::lock: a processor is about to become active, or somebody to join the crowd; cross() follows.
void alone_end_locked() noexcept;

void cross_slow(processor* first) noexcept;

// Of the crowd is who takes object locks without a processor.
void crowd_join() noexcept;
void crowd_leave() noexcept;
class crowd_section {
 public:
  crowd_section() noexcept { crowd_join(); }
  ~crowd_section() { crowd_leave(); }
  crowd_section(const crowd_section&) = delete;
  crowd_section& operator=(const crowd_section&) = delete;
};

}  // namespace gos::rt
