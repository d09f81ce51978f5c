// local_queue: a ring of runnable goroutines that only the owner of the processor touches.
//
// Plain loads and stores: nobody steals from it behind the owner's back. A hungry processor asks, and
// the owner hands over half at its next passage into or out of the runtime; if it stays away, the asker
// takes the processor's state by revocation (revoke.cpp) for a moment. So pushing and popping costs no
// atomic read-modify-write. Size and emptiness may be read by anybody, as hints.
// Source: Acar, Chargueraud, Rainey, "Scheduling parallel programs by work stealing with private
// deques", PPoPP 2013. Rejected: Go's ring, whose owner pops with a compare-and-swap (5 ns each).
#pragma once

#include <atomic>
#include <cstdint>

#include "sched/goroutine.hpp"

namespace gos::rt {

template <std::uint32_t slots> class local_queue {
 public:
  static constexpr std::uint32_t capacity = slots;

  // Anybody, as a hint. relaxed: the owner's own counters, or a guess.
  std::uint32_t size() const noexcept {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);  // relaxed: a hint
  }
  bool empty() const noexcept { return size() == 0; }
  bool full() const noexcept { return size() == capacity; }

  // Owner only, not full.
  [[gnu::always_inline]] void push_back(goroutine* gp) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);  // relaxed: owner only writes
    ring_[tail % capacity] = gp;
    tail_.store(tail + 1, std::memory_order_relaxed);  // relaxed: others read it as a hint only
  }

  // Owner only, not empty: the oldest.
  [[gnu::always_inline]] goroutine* pop_front() noexcept {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);  // relaxed: owner only writes
    head_.store(head + 1, std::memory_order_relaxed);                  // relaxed: others read it as a hint only
    return ring_[head % capacity];
  }

  // Owner only, not empty: the oldest stays.
  const goroutine* front() const noexcept {
    return ring_[head_.load(std::memory_order_relaxed) % capacity];  // relaxed: owner only writes
  }

  // Owner only, not empty: the newest.
  [[gnu::always_inline]] goroutine* pop_back() noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed) - 1;  // relaxed: owner only writes
    tail_.store(tail, std::memory_order_relaxed);                          // relaxed: others read it as a hint only
    return ring_[tail % capacity];
  }

 private:
  std::atomic<std::uint32_t> head_{0};
  std::atomic<std::uint32_t> tail_{0};
  goroutine* ring_[capacity];
};

// A chain of goroutines linked through queue_next. No synchronisation of its own.
class goroutine_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::uint32_t size() const noexcept { return size_; }

  void push_back(goroutine* gp) noexcept {
    gp->queue_next = nullptr;
    (last_ != nullptr ? last_->queue_next : first_) = gp;
    last_ = gp;
    ++size_;
  }

  void push_front(goroutine* gp) noexcept {
    gp->queue_next = first_;
    first_ = gp;
    if (last_ == nullptr) last_ = gp;
    ++size_;
  }

  goroutine* pop_front() noexcept {
    goroutine* gp = first_;
    if (gp == nullptr) return nullptr;
    first_ = gp->queue_next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return gp;
  }

  // Moves all of other to the end of this one.
  void append(goroutine_list& other) noexcept {
    if (other.empty()) return;
    (last_ != nullptr ? last_->queue_next : first_) = other.first_;
    last_ = other.last_;
    size_ += other.size_;
    other = goroutine_list{};
  }

 private:
  goroutine* first_ = nullptr;
  goroutine* last_ = nullptr;
  std::uint32_t size_ = 0;
};

}  // namespace gos::rt
