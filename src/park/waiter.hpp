// waiter: one goroutine (or plain thread) waiting on one object.
//
// Front door of park. A waiter lives on the stack of who waits; a wait_queue is an intrusive list of
// them, guarded by the object's spin_lock. A wait on several objects at once (select, or one object
// and a timeout) has one waiter per object, and all share one claim: the first waker that takes the
// claim wakes, the others skip the waiter.
//
// INV1 A waiter is linked into at most one queue; `queued` says so, under that queue's lock.
// INV2 Who pops a waiter owns its wake-up: it must fill in the outcome and then call
//      ready(waiter->gp) exactly once. After that call the waiter is gone.
// INV3 With a claim, only the one that took it may touch data, ok, or call ready.
// INV4 Who shared a claim over several queues removes its losing waiters from their queues (under
//      each lock) before its frame ends.
// INV5 While a claim is held (hold()), its holder waits for no lock that a taker may have, and for no other
//      claim that may be held: takers spin meanwhile. Only select holds, under the locks of its channels, before its
//      waiters are in their queues (chan/select.cpp).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

// The word that the arms of one wait share.
//
//   nobody --take--> an arm         for good
//   nobody --hold--> undecided --settle--> an arm
//                              --release--> nobody
class claim {
 public:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  // True for exactly one caller over the claim's life: `arm` (an index) has won.
  [[nodiscard]] bool take(std::uint32_t arm) noexcept {
    std::uint32_t expected = nobody;
    // acq_rel: the winner sees what earlier phases of the wait wrote, and winner() sees the winner.
    // relaxed on failure: a loser looks at nothing.
    while (!winner_.compare_exchange_strong(expected, arm, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
      if (GOS_LIKELY(expected != undecided)) return false;
      cpu_relax();
      expected = nobody;
    }
    return true;
  }

  // By who waits: nobody else wins until settle() or release(). False: an arm has won already.
  [[nodiscard]] bool hold() noexcept {
    std::uint32_t expected = nobody;
    // acquire: pairs with take(), whose winner is looked at next.
    return winner_.compare_exchange_strong(expected, undecided, std::memory_order_acquire);
  }
  // release, both: pairs with take(), as the phases before did.
  void settle(std::uint32_t arm) noexcept { winner_.store(arm, std::memory_order_release); }
  void release() noexcept { winner_.store(nobody, std::memory_order_release); }

  // The arm that won, or nobody. acquire: pairs with take().
  std::uint32_t winner() const noexcept { return winner_.load(std::memory_order_acquire); }

 private:
  static constexpr std::uint32_t undecided = UINT32_MAX - 1;

  std::atomic<std::uint32_t> winner_{nobody};
};

struct waiter {
  waiter* next = nullptr;
  waiter* prev = nullptr;
  goroutine* gp = nullptr;
  claim* shared = nullptr;   // null: this waiter is the only one of its wait
  void* data = nullptr;      // the object's: where to put or take an element, ...
  std::uint32_t arm = 0;     // which arm of a select
  bool ok = false;           // the outcome: false for "closed", "timed out", ...
  bool queued = false;       // INV1
  std::uint16_t processor = 0;  // where it began to wait; a hint (note_partner in chan/channel.hpp)
};

// Linked forwards from the first to the last; backwards, too, and the first's `prev` is the last: so a queue is one word.
class wait_queue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  waiter* first() const noexcept { return first_; }

  void push_back(waiter& w) noexcept {
    w.next = nullptr;
    w.queued = true;
    if (first_ == nullptr) {
      w.prev = &w;
      first_ = &w;
    } else {
      w.prev = first_->prev;
      w.prev->next = &w;
      first_->prev = &w;
    }
  }

  // Unlinks w if it is linked here (a lost select arm may have been popped and skipped already).
  void remove(waiter& w) noexcept {
    if (!w.queued) return;
    w.queued = false;
    if (&w == first_) {
      unlink_first();
    } else {
      w.prev->next = w.next;
      (w.next != nullptr ? w.next : first_)->prev = w.prev;
    }
  }

  // The longest-waiting waiter whose wake-up the caller now owns (INV2), or null.
  [[nodiscard]] waiter* pop() noexcept {
    while (first_ != nullptr) {
      waiter* w = first_;
      unlink_first();
      w->queued = false;
      if (w->shared == nullptr || w->shared->take(w->arm)) return w;
    }
    return nullptr;
  }

 private:
  void unlink_first() noexcept {
    waiter* const last = first_->prev;
    first_ = first_->next;
    if (first_ != nullptr) first_->prev = last;
  }

  waiter* first_ = nullptr;
};

}  // namespace gos::rt
