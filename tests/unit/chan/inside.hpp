// inside: how the unit tests of src/chan look into a channel.
#pragma once

#include <gossamer/chan.hpp>

#include "chan/channel.hpp"
#include "fixture.hpp"

namespace gos_test {

template <class Handle> gos::rt::channel& inside(const Handle& handle) {
  return static_cast<gos::rt::channel&>(*gos::detail::chan_access::core(handle));
}

template <class Handle> bool receiver_waits(const Handle& handle) {
  return inside(handle).receiver_waits.load(std::memory_order_relaxed);  // relaxed: polled
}
template <class Handle> bool sender_waits(const Handle& handle) {
  return inside(handle).sender_waits.load(std::memory_order_relaxed);  // relaxed: polled
}

// Nobody is queued, and the hints say so.
template <class Handle> bool without_trace(const Handle& handle) {
  gos::rt::kernel_section kernel;
  gos::rt::channel& ch = inside(handle);
  gos::rt::spin_guard locked(ch.lock);
  return ch.receivers.empty() && ch.senders.empty() && !receiver_waits(handle) && !sender_waits(handle);
}

}  // namespace gos_test
