// transfer: what a send or a receive does on a locked channel, for the plain operations and select.
//
// An attempt moves the element at once or reports that it would block; it never unlocks. The waiter
// it hands back has its outcome already: the caller unlocks, then readies it.
//
// Happens-before edges for ThreadSanitizer (base/race.hpp), as the memory model promises them:
//   unbuffered  both sides release to and acquire from the waiter of whoever came first.
//   buffered    each slot is released and acquired by who fills and by who empties it, so that send
//               k precedes receive k, and receive k precedes send k + capacity (MM-04), and nothing
//               more. A goroutine that parks cannot do so at the right moment. It releases to the
//               queue it joins before it parks; later operations through the ring acquire that.
//   closing     releases race_end(ch), a receive because of it acquires that (MM-05). So does setting a timer, and
//               the receive of its value (MM-11).
#pragma once

#include <cstring>

#include "base/race.hpp"
#include "chan/channel.hpp"

namespace gos::rt {

enum class attempt : std::uint8_t { done, closed, blocks };

#if defined(GOS_TSAN)
inline constexpr bool race_enabled = true;
#else
inline constexpr bool race_enabled = false;
#endif

// A channel of elements that are moved where the operation stands, without a call: it saves no registers then.
[[gnu::always_inline]] inline bool is_quick(const channel& ch) noexcept {
  return ch.kind <= detail::element_kind::raw_8;
}

// Of other kinds.
void move_bytes(const channel& ch, void* to, const void* from) noexcept;
std::byte* slot_any(const channel& ch, std::size_t index) noexcept;

[[gnu::always_inline]] inline void move_element_quick(const channel& ch, void* to,
                                                      const void* from) noexcept {
  if (ch.kind == detail::element_kind::raw_8) std::memcpy(to, from, 8);
  else if (ch.kind == detail::element_kind::raw_4) std::memcpy(to, from, 4);
  else if (ch.kind == detail::element_kind::raw_2) std::memcpy(to, from, 2);
  else if (ch.kind == detail::element_kind::raw_1) std::memcpy(to, from, 1);
}

// What is known of is_quick(ch) where the following stand.
enum class elements : std::uint8_t { any, quick, not_quick };

template <elements known> [[gnu::always_inline]] inline bool is_quick_as(const channel& ch) noexcept {
  return known == elements::quick || (known == elements::any && is_quick(ch));
}

// Constructs the element at `to` from that at `from`, which stays an object (of its owner).
template <elements known>
[[gnu::always_inline]] inline void move_element(const channel& ch, void* to, void* from) noexcept {
  race_ignore_scope hand_over;
  if (is_quick_as<known>(ch)) move_element_quick(ch, to, from);
  else if (GOS_LIKELY(ch.kind == detail::element_kind::object)) ch.type->move(to, from);
  else move_bytes(ch, to, from);
}

// The same, and the element at `from` ends.
template <elements known>
[[gnu::always_inline]] inline void relocate_element(const channel& ch, void* to, void* from) noexcept {
  race_ignore_scope hand_over;
  if (is_quick_as<known>(ch)) move_element_quick(ch, to, from);
  else if (GOS_LIKELY(ch.kind == detail::element_kind::object)) ch.type->relocate(to, from);
  else move_bytes(ch, to, from);
}

// The ring begins behind the struct; its offset is a multiple of 16, more only for over-aligned elements.
inline constexpr std::size_t ring_offset = (sizeof(channel) + 15) & ~std::size_t{15};

template <elements known>
[[gnu::always_inline]] inline std::byte* slot(channel& ch, std::size_t index) noexcept {
  if (!is_quick_as<known>(ch)) return slot_any(ch, index);
  std::byte* ring = reinterpret_cast<std::byte*>(&ch) + ring_offset;
  if (ch.kind == detail::element_kind::raw_8) return ring + index * 8;
  if (ch.kind == detail::element_kind::raw_4) return ring + index * 4;
  if (ch.kind == detail::element_kind::raw_2) return ring + index * 2;
  if (ch.kind == detail::element_kind::raw_1) return ring + index;
  return ring;
}

[[gnu::always_inline]] inline void advance_first(channel& ch) noexcept {
  ch.first = ch.first + 1 == ch.capacity ? 0 : ch.first + 1;
}

[[gnu::always_inline]] inline void race_slot([[maybe_unused]] const void* address) noexcept {
  race_release(address);
  race_acquire(address);
}

// Before a waiter of ours is published.
[[gnu::always_inline]] inline void race_before_park(const channel& ch, const waiter& me,
                                                    const wait_queue& queue) noexcept {
  race_release(ch.capacity == 0 ? static_cast<const void*>(&me) : static_cast<const void*>(&queue));
}

// After it was served. Without ThreadSanitizer the channel is not touched any more: who has served us may have dropped the
// last handle.
[[gnu::always_inline]] inline void race_after_recv([[maybe_unused]] const channel& ch,
                                                   [[maybe_unused]] const waiter& me) noexcept {
  if constexpr (race_enabled) {
    if (me.ok) race_acquire(&me);
    if (!me.ok || ch.source != nullptr) race_acquire(race_end(ch));
  }
}
[[gnu::always_inline]] inline void race_after_send(const waiter& me) noexcept {
  if (me.ok) race_acquire(&me);
}

// Who uses a channel: who runs on a machine that is known, or that is found out only when somebody has to be named.
struct this_machines {};
[[gnu::always_inline]] inline const goroutine* user(const machine* mp) noexcept { return mp->current; }
[[gnu::always_inline]] inline const goroutine* user(this_machines) noexcept { return self(); }

// For user(of): sends *element if it can be done at once. `woken`: the receiver to ready, or null.
template <elements known>
[[gnu::always_inline]] inline attempt try_send_locked(channel& ch, auto of, void* element,
                                                      waiter*& woken) noexcept {
  woken = nullptr;
  // relaxed: written under the lock, which we hold. The same for count below.
  if (GOS_UNLIKELY(ch.closed.load(std::memory_order_relaxed))) return attempt::closed;
  if (waiter* w = pop_receiver(ch)) {
    move_element<known>(ch, w->data, element);
    w->ok = true;
    note_sender(ch, user(of));
    if (w->shared != nullptr) note_receiver(ch, w->gp);
    if constexpr (race_enabled) {
      race_release(w);
      if (ch.capacity == 0) {
        race_acquire(w);
      } else {  // as if through the ring: the same slots follow each other
        race_slot(slot<known>(ch, ch.first));
        advance_first(ch);
      }
    }
    woken = w;
    return attempt::done;
  }
  const std::size_t count = ch.count.load(std::memory_order_relaxed);
  if (count == ch.capacity) return attempt::blocks;
  std::size_t last = ch.first + count;
  if (last >= ch.capacity) last -= ch.capacity;
  std::byte* place = slot<known>(ch, last);
  move_element<known>(ch, place, element);
  race_slot(place);
  race_acquire(&ch.receivers);
  ch.count.store(count + 1, std::memory_order_relaxed);
  note_sender(ch, user(of));
  return attempt::done;
}

// The rest of a receive that found nothing: from the channel's source, if it has one and that has something.
[[gnu::always_inline]] inline bool try_source_locked(channel& ch, void* to) noexcept {
  if (GOS_LIKELY(ch.source == nullptr) || !ch.source->ready(ch)) return false;
  ch.source->take(ch, to);
  race_acquire(race_end(ch));
  return true;
}

// For user(of): receives into the raw memory at `to` if it can be done at once. `woken`: the sender to ready, or null. A quick
// one leaves the source to who finds that it would block.
template <elements known>
[[gnu::always_inline]] inline attempt try_recv_locked(channel& ch, auto of, void* to,
                                                      waiter*& woken) noexcept {
  woken = nullptr;
  // relaxed: written under the lock, which we hold. The same for closed below.
  const std::size_t count = ch.count.load(std::memory_order_relaxed);
  if (count != 0) {
    std::byte* place = slot<known>(ch, ch.first);
    relocate_element<known>(ch, to, place);
    waiter* w = pop_sender(ch);
    if (w != nullptr) {  // the ring was full: the place just emptied is now its last (CH-05)
      move_element<known>(ch, place, w->data);
      w->ok = true;
      if (w->shared != nullptr) note_sender(ch, w->gp);
      race_release(w);
    } else {
      ch.count.store(count - 1, std::memory_order_relaxed);
    }
    advance_first(ch);
    note_receiver(ch, user(of));
    race_slot(place);
    race_acquire(&ch.senders);
    woken = w;
    return attempt::done;
  }
  if (waiter* w = pop_sender(ch)) {
    move_element<known>(ch, to, w->data);
    w->ok = true;
    note_receiver(ch, user(of));
    if (w->shared != nullptr) note_sender(ch, w->gp);
    race_release(w);
    race_acquire(w);
    woken = w;
    return attempt::done;
  }
  if (GOS_UNLIKELY(ch.closed.load(std::memory_order_relaxed))) {
    race_acquire(race_end(ch));
    return attempt::closed;
  }
  return known != elements::quick && try_source_locked(ch, to) ? attempt::done : attempt::blocks;
}

}  // namespace gos::rt
