// broadcast: every subscriber gets every value.
//
//   gos::broadcast<event> events;
//   auto mine = events.subscribe(64);                        // up to 64 values may wait for us
//   gos::go([mine = std::move(mine)] {
//     for (const event& e : mine.channel()) show(e);         // until events is closed or gone
//   });
//   events.send(next_event());                               // never waits
//
// Each subscriber has a channel of its own, so it is selected like any other: gos::recv(mine.channel(), f). A subscriber
// that is too slow loses its oldest values, never those of others, and is told how many: lagged(). Values sent before
// a subscription are not seen by it.
//
// All members may be called from any goroutine or plain thread at the same time. T is copied once for each subscriber, on
// the sender's time and under the broadcast's mutex: wrap what is large in a std::shared_ptr<const T>. If a copy throws,
// the subscribers before it have the value and those after it do not.
// Order: all subscribers get the values in the same order. A send happens before the receive of its value.
//
// Source: tokio sync::broadcast, for the way in which slow receivers lag.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <gossamer/chan.hpp>
#include <gossamer/mutex.hpp>

namespace gos {

template <class T> class broadcast;
template <class T> class watch;

namespace detail {

template <class T> struct broadcast_line {
  explicit broadcast_line(chan<T> to) noexcept : channel(std::move(to)) {}
  const chan<T> channel;
  std::atomic<std::uint64_t> lagged{0};
};

// What a broadcast shares with its subscriptions.
template <class T> class broadcast_core {
 public:
  using line = std::shared_ptr<broadcast_line<T>>;

  // `first`: a value that is there from the start, or null.
  line open(std::size_t capacity, const T* first) {
    line made = std::make_shared<broadcast_line<T>>(make_chan<T>(capacity));
    if (first != nullptr) made->channel.send(*first);
    const std::lock_guard held(mutex_);
    if (closed_) made->channel.close();
    else lines_.push_back(made);
    return made;
  }

  void leave(const line& gone) noexcept {
    const std::lock_guard held(mutex_);
    std::erase(lines_, gone);
  }

  std::size_t send(const T& value) {
    const std::lock_guard held(mutex_);
    for (const line& to : lines_) push(*to, value);
    return lines_.size();
  }

  void close() {
    const std::lock_guard held(mutex_);
    closed_ = true;
    for (const line& to : std::exchange(lines_, {})) to->channel.close();
  }

 private:
  // The mutex is held: nobody else sends, so after one value has been dropped there is room, unless a receiver was
  // quicker, and then there is room, too.
  static void push(broadcast_line<T>& to, const T& value) {
    T copy(value);
    while (!to.channel.try_send(std::move(copy))) {
      // relaxed: a count that orders nothing.
      if (to.channel.try_recv()) to.lagged.fetch_add(1, std::memory_order_relaxed);
    }
  }

  mutex mutex_;
  std::vector<line> lines_;
  bool closed_ = false;
};

}  // namespace detail

// One subscriber's end. Movable; ends the subscription when it goes. What waits in the channel then is still received by
// who holds the channel.
template <class T> class [[nodiscard]] subscription {
 public:
  subscription(subscription&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)), line_(std::exchange(other.line_, nullptr)) {}
  subscription& operator=(subscription&& other) noexcept {
    subscription(std::move(other)).swap(*this);
    return *this;
  }
  ~subscription() {
    if (core_ != nullptr) core_->leave(line_);
  }

  // Where the values arrive: recv, recv_for, range-for, select. Closed when the broadcast is.
  recv_chan<T> channel() const noexcept {
    return line_ == nullptr ? recv_chan<T>() : recv_chan<T>(line_->channel);
  }

  // How many values have been lost here since the last time it was asked.
  std::uint64_t lagged() noexcept {
    // relaxed: a count that orders nothing.
    return line_ == nullptr ? 0 : line_->lagged.exchange(0, std::memory_order_relaxed);
  }

 private:
  friend class broadcast<T>;
  subscription(std::shared_ptr<detail::broadcast_core<T>> core,
               typename detail::broadcast_core<T>::line line) noexcept
      : core_(std::move(core)), line_(std::move(line)) {}
  void swap(subscription& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(line_, other.line_);
  }

  std::shared_ptr<detail::broadcast_core<T>> core_;
  typename detail::broadcast_core<T>::line line_;
};

template <class T> class broadcast {
 public:
  broadcast() : core_(std::make_shared<detail::broadcast_core<T>>()) {}
  broadcast(const broadcast&) = delete;
  broadcast& operator=(const broadcast&) = delete;
  // Closes.
  ~broadcast() { core_->close(); }

  // A new subscriber, for which up to `capacity` values may wait; at least 1.
  subscription<T> subscribe(std::size_t capacity = 16) {
    return subscription<T>(core_, core_->open(std::max<std::size_t>(capacity, 1), nullptr));
  }

  // Gives a copy to every subscriber there is, and returns how many that are. Never waits for a receiver.
  std::size_t send(const T& value) { return core_->send(value); }

  // Nothing more will be sent: subscribers receive what waits for them, and then see a closed channel. Sending afterwards
  // reaches nobody. Again: nothing.
  void close() { core_->close(); }

 private:
  friend class watch<T>;
  subscription<T> subscribe_after(const T& first) { return subscription<T>(core_, core_->open(1, &first)); }

  const std::shared_ptr<detail::broadcast_core<T>> core_;
};

}  // namespace gos
