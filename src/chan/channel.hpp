// channel: the untyped channel behind every handle, and its extension point for timer channels.
//
// One allocation: this struct, then the ring of `capacity` slots. All that changes is guarded by
// `lock`; the atomic members are written under it and may be looked at without it, as a hint.
//
// INV1 Receivers wait only while nothing is buffered and the channel is open; senders wait only
//      while the ring is full and the channel is open. A waiter that lost its select elsewhere may
//      stay in a queue until that select removes it; wait_queue::pop skips it.
// INV2 The slots [first, first + count) modulo capacity hold elements, the others raw memory.
// INV3 Who pops a waiter moves the element under the lock and readies the goroutine after it.
// INV4 A channel with a source has capacity 0, no senders, and is never closed.
//
// Rejected: a lock-free ring for buffered channels (sequence numbers per slot, as Vyukov's queue).
// The hand-over to waiters, close and select would need a second protocol beside it, and one
// exchange per operation is what the lock costs, too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/align.hpp"
#include "park/park.hpp"

#include <gossamer/detail/chan_core.hpp>

namespace gos::rt {

struct channel;

// Where the elements of a channel come from if not from senders: a timer, a ticker. Plain channels
// have none and pay nothing for it: a source is asked only where a receive would block.
//
// All but destroy are called in kernel mode with the channel's lock held, and must be short. They may
// take the lock of a timer heap (timer_start, timer_try_stop; timer_stop waits for fire, which takes the
// channel's lock: only as time/alarm.hpp does).
// A source wakes a receiver so: lock; waiter* w = pop_receiver(ch); construct the element at
// w->data; w->ok = true; race_release(w); unlock; ready(w->gp).
struct channel_source {
  // Whether a receive may complete now.
  bool (*ready)(channel& ch) noexcept;
  // Directly after ready() returned true, under the same lock: constructs the element at `to`.
  void (*take)(channel& ch, void* to) noexcept;
  // A receiver has joined `receivers`: from now on the source must wake it.
  void (*wanted)(channel& ch) noexcept;
  // The last receiver has left `receivers` without being woken: its select took another arm.
  void (*unwanted)(channel& ch) noexcept;
  // The last handle is gone. Outside kernel mode. Ends the channel and its memory.
  void (*destroy)(channel& ch) noexcept;
};

struct channel : detail::chan_core {
  static constexpr std::uint64_t never_used = UINT64_MAX;

  channel(std::size_t slots, const detail::element_type& element,
          const channel_source* from = nullptr) noexcept
      : kind(element.kind), capacity(slots), type(&element), source(from) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  object_lock lock;
  std::uint32_t first = 0;          // slot of the oldest element
  const detail::element_kind kind;  // immutable
  std::atomic<bool> closed{false};
  std::atomic<bool> receiver_waits{false};  // receivers is not empty
  std::atomic<bool> sender_waits{false};    // senders is not empty
  std::atomic<std::size_t> count{0};
  const std::size_t capacity;  // immutable
  wait_queue receivers;
  wait_queue senders;
  // Who used each end last, for dumps: ids of goroutines, 0 for a thread. What is done by a select counts when it is taken.
  std::atomic<std::uint64_t> last_receiver{never_used};
  std::atomic<std::uint64_t> last_sender{never_used};
  const detail::element_type* const type;  // immutable
  const channel_source* const source;      // immutable; null: a plain channel
};

// Under the lock: gp, which may be waiting there, uses that end.
// relaxed, both: for dumps.
[[gnu::always_inline]] inline void note_receiver(channel& ch, const goroutine* gp) noexcept {
  ch.last_receiver.store(gp->id, std::memory_order_relaxed);
}
[[gnu::always_inline]] inline void note_sender(channel& ch, const goroutine* gp) noexcept {
  ch.last_sender.store(gp->id, std::memory_order_relaxed);
}

// One that waits to send or receive, not in a select.
struct chan_waiter : waiter {
  const void* handle = nullptr;  // by which; null: by none that is known
};

// What an operation on elements of up to 8 bytes touches fits into one line and the ring.
static_assert(sizeof(channel) <= cache_line_size + 16);

// Where ThreadSanitizer is told of the close, and of the setting of a timer. Not at the channel's own address: the handles
// are counted there, and each that is dropped would seem to order something.
inline const void* race_end(const channel& ch) noexcept { return &ch.closed; }

// Who waits and who wakes him: when they run on different processors, that is counted.
[[gnu::always_inline]] inline void note_place(waiter& w) noexcept {
  if (!object_lock::is_alone()) w.processor = this_processor();
}
[[gnu::always_inline]] inline void note_partner(const waiter* w) noexcept {
  if (!object_lock::is_alone() && w != nullptr && w->processor != this_processor()) note_crossing(crossing_wake_ns);
}

// Joining and leaving a queue, so that the hint beside it stays true. Under the lock.
// relaxed, all six: the lock orders them; who looks without it takes them as hints.
[[gnu::always_inline]] inline void push_receiver(channel& ch, waiter& w) noexcept {
  note_place(w);
  ch.receivers.push_back(w);
  ch.receiver_waits.store(true, std::memory_order_relaxed);
}
[[gnu::always_inline]] inline void push_sender(channel& ch, waiter& w) noexcept {
  note_place(w);
  ch.senders.push_back(w);
  ch.sender_waits.store(true, std::memory_order_relaxed);
}
[[gnu::always_inline]] inline waiter* pop_receiver(channel& ch) noexcept {
  if (ch.receivers.empty()) return nullptr;
  waiter* w = ch.receivers.pop();
  note_partner(w);
  ch.receiver_waits.store(!ch.receivers.empty(), std::memory_order_relaxed);
  return w;
}
[[gnu::always_inline]] inline waiter* pop_sender(channel& ch) noexcept {
  if (ch.senders.empty()) return nullptr;
  waiter* w = ch.senders.pop();
  note_partner(w);
  ch.sender_waits.store(!ch.senders.empty(), std::memory_order_relaxed);
  return w;
}
// For arms of a select that lost; they may have been popped and passed by already.
[[gnu::always_inline]] inline void remove_receiver(channel& ch, waiter& w) noexcept {
  const bool was_queued = w.queued;
  ch.receivers.remove(w);
  ch.receiver_waits.store(!ch.receivers.empty(), std::memory_order_relaxed);
  if (GOS_UNLIKELY(ch.source != nullptr) && was_queued && ch.receivers.empty()) ch.source->unwanted(ch);
}
[[gnu::always_inline]] inline void remove_sender(channel& ch, waiter& w) noexcept {
  ch.senders.remove(w);
  ch.sender_waits.store(!ch.senders.empty(), std::memory_order_relaxed);
}

}  // namespace gos::rt
