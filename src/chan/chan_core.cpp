// chan_core: send, receive and close of a single channel (select.cpp: of several).
//
// Every operation is one frame: between the caller's code and the switch in park() lies no other
// function, because each frame more costs 10 ns at wake-up. What must wait, and what is rare or large (the lock is taken,
// elements of more than a word), is called in tail position: chan_send and chan_recv call nothing that returns to them, and
// so they save no registers. That pays for the address of the handle, which they carry along for reports.
// See channel.hpp for the invariants and transfer.hpp for the moves of elements.
#include "chan/channel.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "base/assert.hpp"
#include "chan/nil_chan.hpp"
#include "chan/transfer.hpp"
#include "platform/wait_call.hpp"
#include "sched/object_names.hpp"

#include <gossamer/detail/raise.hpp>

namespace gos::rt {

using detail::element_kind;

void move_bytes(const channel& ch, void* to, const void* from) noexcept {
  if (ch.kind == element_kind::raw_16) std::memcpy(to, from, 16);
  else std::memcpy(to, from, ch.type->size);
}

namespace {

std::size_t offset_of_ring(const detail::element_type& type) noexcept {
  return (ring_offset + type.alignment - 1) & ~(type.alignment - 1);
}

std::size_t alignment_of(const detail::element_type& type) noexcept {
  return type.alignment > alignof(std::max_align_t) ? type.alignment : alignof(std::max_align_t);
}

[[gnu::cold]] [[noreturn]] void raise_send_on_closed() {
  detail::raise_runtime_error("send on closed channel");
}

// What a send or receive does that cannot be done at once: in kernel mode, with the lock held. Not
// kernel_section: its destructor would run after the call, which then were not in tail position.
[[gnu::noinline]] void send_slow(channel& ch, void* element, attempt result, const void* handle) {
  if (GOS_LIKELY(result == attempt::blocks)) {
    chan_waiter me;
    me.gp = self();
    me.data = element;
    me.handle = handle;
    note_sender(ch, me.gp);
    race_before_park(ch, me, ch.senders);
    push_sender(ch, me);
    ch.lock.unlock();
    park(wait_reason::chan_send, &ch);
    race_after_send(me);
    kernel_leave();
    if (GOS_LIKELY(me.ok)) return;
  } else {
    ch.lock.unlock();
    kernel_leave();
  }
  raise_send_on_closed();
}

template <bool sourced>
[[gnu::always_inline]] inline bool wait_to_recv(channel& ch, void* to, const void* handle) {
  chan_waiter me;
  me.gp = self();
  me.data = to;
  me.handle = handle;
  note_receiver(ch, me.gp);
  race_before_park(ch, me, ch.receivers);
  push_receiver(ch, me);
  if constexpr (sourced) ch.source->wanted(ch);
  ch.lock.unlock();
  park(wait_reason::chan_receive, &ch);
  race_after_recv(ch, me);
  const bool ok = me.ok;
  kernel_leave();
  return ok;
}

[[gnu::noinline]] bool recv_from_source(channel& ch, void* to, const void* handle) {
  if (!try_source_locked(ch, to)) return wait_to_recv<true>(ch, to, handle);
  ch.lock.unlock();
  kernel_leave();
  return true;
}

[[gnu::noinline]] bool recv_slow(channel& ch, void* to, attempt result, const void* handle) {
  if (GOS_UNLIKELY(result == attempt::closed)) {
    ch.lock.unlock();
    kernel_leave();
    return false;
  }
  if (GOS_UNLIKELY(ch.source != nullptr)) return recv_from_source(ch, to, handle);
  return wait_to_recv<false>(ch, to, handle);
}

}  // namespace

std::byte* slot_any(const channel& ch, std::size_t index) noexcept {
  auto* base = reinterpret_cast<std::byte*>(const_cast<channel*>(&ch));
  return base + offset_of_ring(*ch.type) + index * ch.type->size;
}

// The whole operation on the locked channel, in kernel mode on mp.
template <elements known>
[[gnu::noinline]] void send_locked(channel& ch, void* element, const void* handle, machine* mp) {
  waiter* woken;
  const attempt result = try_send_locked<known>(ch, mp, element, woken);
  if (GOS_UNLIKELY(result != attempt::done)) return wait_call(&send_slow, ch, element, result, handle);
  ch.lock.unlock();
  if (woken != nullptr) static_cast<void>(ready_and_leave(mp, woken->gp));
  else static_cast<void>(leave_with_true(mp));
}

template <elements known>
[[gnu::noinline]] bool recv_locked(channel& ch, void* to, const void* handle, machine* mp) {
  waiter* woken;
  const attempt result = try_recv_locked<known>(ch, mp, to, woken);
  if (GOS_UNLIKELY(result != attempt::done)) return wait_call(&recv_slow, ch, to, result, handle);
  ch.lock.unlock();
  return woken != nullptr ? ready_and_leave(mp, woken->gp) : leave_with_true(mp);
}

// Those whose lock, or whose entry into kernel mode, was not to be had at once.
[[gnu::noinline]] void send_contended(channel& ch, void* element, const void* handle, machine* mp) {
  ch.lock.lock_slow();
  send_locked<elements::any>(ch, element, handle, mp);
}
[[gnu::noinline]] bool recv_contended(channel& ch, void* to, const void* handle, machine* mp) {
  ch.lock.lock_slow();
  return recv_locked<elements::any>(ch, to, handle, mp);
}
[[gnu::noinline]] void send_revoked(channel& ch, void* element, const void* handle, machine* mp) {
  mp = kernel_enter_slow(mp);
  ch.lock.lock();
  send_locked<elements::any>(ch, element, handle, mp);
}
[[gnu::noinline]] bool recv_revoked(channel& ch, void* to, const void* handle, machine* mp) {
  mp = kernel_enter_slow(mp);
  ch.lock.lock();
  return recv_locked<elements::any>(ch, to, handle, mp);
}

}  // namespace gos::rt

namespace gos::detail {

using namespace gos::rt;  // the cores are the seam's names and the runtime's means

chan_core* chan_make(std::size_t capacity, const element_type& type) {
  // The address space of a process ends at 2^47; slots are numbered with 32 bits.
  constexpr std::size_t bytes_max = std::size_t{1} << 47;
  const std::size_t header = offset_of_ring(type);
  const std::size_t capacity_max =
      type.size == 0
          ? static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())
          : std::min<std::size_t>(std::numeric_limits<std::uint32_t>::max(), bytes_max / type.size);
  if (capacity > capacity_max) raise_runtime_error("makechan: size out of range");
  void* memory = ::operator new (header + capacity * type.size, std::align_val_t{alignment_of(type)});
  return ::new (memory) channel(capacity, type);
}

void chan_destroy(chan_core* core) noexcept {
  channel& ch = static_cast<channel&>(*core);
  object_name_forget(&ch);
  if (ch.source != nullptr) {
    ch.source->destroy(ch);
    return;
  }
  if (ch.kind == element_kind::object) {
    // relaxed: nobody else has a handle any more.
    for (std::size_t left = ch.count.load(std::memory_order_relaxed); left != 0; --left) {
      ch.type->destroy(slot<elements::any>(ch, ch.first));
      advance_first(ch);
    }
  }
  const std::align_val_t alignment{alignment_of(*ch.type)};
  ch.~channel();
  ::operator delete(static_cast<void*>(&ch), alignment);
}

void chan_send(const chan_handle& by, void* element) {
  if (GOS_UNLIKELY(by.get() == nullptr)) nil_send();
  channel& ch = static_cast<channel&>(*by.get());
  machine* mp;
  if (GOS_UNLIKELY(!kernel_enter_quick(mp))) return send_revoked(ch, element, &by, mp);
  if (GOS_UNLIKELY(!ch.lock.lock_quick())) return send_contended(ch, element, &by, mp);
  if (!is_quick(ch)) return send_locked<elements::not_quick>(ch, element, &by, mp);
  waiter* woken;
  const attempt result = try_send_locked<elements::quick>(ch, mp, element, woken);
  if (GOS_UNLIKELY(result != attempt::done)) return wait_call(&send_slow, ch, element, result, &by);
  ch.lock.unlock();
  if (woken != nullptr) static_cast<void>(ready_and_leave(mp, woken->gp));
  else static_cast<void>(leave_with_true(mp));
}

bool chan_recv(const chan_handle& by, void* to) {
  if (GOS_UNLIKELY(by.get() == nullptr)) nil_recv();
  channel& ch = static_cast<channel&>(*by.get());
  machine* mp;
  if (GOS_UNLIKELY(!kernel_enter_quick(mp))) return recv_revoked(ch, to, &by, mp);
  if (GOS_UNLIKELY(!ch.lock.lock_quick())) return recv_contended(ch, to, &by, mp);
  if (!is_quick(ch)) return recv_locked<elements::not_quick>(ch, to, &by, mp);
  waiter* woken;
  const attempt result = try_recv_locked<elements::quick>(ch, mp, to, woken);
  if (GOS_UNLIKELY(result != attempt::done)) return wait_call(&recv_slow, ch, to, result, &by);
  ch.lock.unlock();
  return woken != nullptr ? ready_and_leave(mp, woken->gp) : leave_with_true(mp);
}

void chan_send_on(chan_core* core, void* element) {
  if (GOS_UNLIKELY(core == nullptr)) nil_send();
  channel& ch = static_cast<channel&>(*core);
  machine* const mp = kernel_enter();
  ch.lock.lock();
  send_locked<elements::any>(ch, element, nullptr, mp);
}

bool chan_recv_on(chan_core* core, void* to) {
  if (GOS_UNLIKELY(core == nullptr)) nil_recv();
  channel& ch = static_cast<channel&>(*core);
  machine* const mp = kernel_enter();
  ch.lock.lock();
  return recv_locked<elements::any>(ch, to, nullptr, mp);
}

bool chan_try_send(chan_core* core, void* element) {
  if (GOS_UNLIKELY(core == nullptr)) return false;
  channel& ch = static_cast<channel&>(*core);
  {
    kernel_section kernel;
    ch.lock.lock();
    waiter* woken;
    const attempt result = try_send_locked<elements::any>(ch, this_machines{}, element, woken);
    ch.lock.unlock();
    if (woken != nullptr) ready(woken->gp);
    if (GOS_LIKELY(result != attempt::closed)) return result == attempt::done;
  }
  raise_send_on_closed();
}

bool chan_can_send(chan_core* core) noexcept {
  if (core == nullptr) return false;
  channel& ch = static_cast<channel&>(*core);
  kernel_section kernel;
  spin_guard locked(ch.lock);
  // relaxed: the lock orders them.
  return ch.closed.load(std::memory_order_relaxed) || !ch.receivers.empty() ||
         ch.count.load(std::memory_order_relaxed) < ch.capacity;
}

recv_outcome chan_try_recv(chan_core* core, void* to) noexcept {
  if (GOS_UNLIKELY(core == nullptr)) return recv_outcome::empty;
  channel& ch = static_cast<channel&>(*core);
  kernel_section kernel;
  ch.lock.lock();
  waiter* woken;
  const attempt result = try_recv_locked<elements::any>(ch, this_machines{}, to, woken);
  ch.lock.unlock();
  if (woken != nullptr) ready(woken->gp);
  if (GOS_LIKELY(result == attempt::done)) return recv_outcome::received;
  return result == attempt::closed ? recv_outcome::closed : recv_outcome::empty;
}

// Receivers are released before senders, so that a select waiting for both on this channel receives
// (SE-13).
void chan_close(chan_core* core) {
  if (core == nullptr) raise_runtime_error("close of nil channel");
  channel& ch = static_cast<channel&>(*core);
  {
    kernel_section kernel;
    ch.lock.lock();
    // relaxed: written under the lock, which we hold.
    if (GOS_LIKELY(!ch.closed.load(std::memory_order_relaxed))) {
      GOS_ASSERT(ch.source == nullptr);
      ch.closed.store(true, std::memory_order_relaxed);  // relaxed: see above
      race_release(race_end(ch));
      waiter* released = nullptr;
      waiter** end = &released;
      const auto release = [&end](waiter* w) noexcept {
        w->ok = false;
        w->next = nullptr;
        *end = w;
        end = &w->next;
      };
      while (waiter* w = pop_receiver(ch)) release(w);
      while (waiter* w = pop_sender(ch)) release(w);
      ch.lock.unlock();
      while (released != nullptr) {
        waiter* w = released;
        released = w->next;
        ready(w->gp);
      }
      return;
    }
    ch.lock.unlock();
  }
  raise_runtime_error("close of closed channel");
}

std::size_t chan_size(const chan_core* core) noexcept {
  // relaxed: a reading without any edge (MM-06).
  return core == nullptr ? 0 : static_cast<const channel*>(core)->count.load(std::memory_order_relaxed);
}

std::size_t chan_capacity(const chan_core* core) noexcept {
  return core == nullptr ? 0 : static_cast<const channel*>(core)->capacity;
}

}  // namespace gos::detail
