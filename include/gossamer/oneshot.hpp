// oneshot: one value from one place to another, once.
//
//   auto [reply, answer] = gos::make_oneshot<int>();
//   requests.send(request{question, std::move(reply)});
//   gos::select({
//     gos::recv(answer.channel(), [&](std::optional<int> a) { a ? use(*a) : nobody_answers(); }),
//     gos::after(1s, give_up),
//   });
//
// Each end knows when the other has gone: a sender that goes without sending leaves a closed channel, a receiver that goes
// is seen by sending (false) and by gone(). Ends are movable, and not for use from two threads at once; the two are for
// different ones. A send happens before the receive of its value.
//
// Source: tokio sync::oneshot.
#pragma once

#include <optional>
#include <utility>

#include <gossamer/chan.hpp>

namespace gos {

template <class T> class oneshot_sender;
template <class T> class oneshot_receiver;
template <class T> struct oneshot;
template <class T> oneshot<T> make_oneshot();

// The end that sends.
template <class T> class [[nodiscard]] oneshot_sender {
 public:
  oneshot_sender(oneshot_sender&& other) noexcept = default;
  oneshot_sender& operator=(oneshot_sender&& other) noexcept {
    std::swap(value_, other.value_);
    std::swap(receiver_gone_, other.receiver_gone_);
    return *this;
  }
  // Without a send: the receiver sees that none will come.
  ~oneshot_sender() {
    if (value_) value_.close();
  }

  // Sends and is done: never waits. False, and the value untouched, if the receiver has gone or a value has been sent.
  bool send(T&& value) {
    if (!value_ || is_gone()) return false;
    const chan<T> to = std::move(value_);
    to.send(std::move(value));  // there is room
    to.close();
    return true;
  }
  bool send(const T& value) requires std::copy_constructible<T> {
    if (!value_ || is_gone()) return false;
    return send(T(value));
  }

  // Closed when the receiver has gone: nobody needs the value any more. For select.
  recv_chan<void> gone() const noexcept { return receiver_gone_; }
  bool is_gone() const {
    const auto look = receiver_gone_.try_recv();
    return !look && look.error() == recv_status::closed;
  }

 private:
  friend oneshot<T> make_oneshot<T>();
  oneshot_sender(chan<T> value, recv_chan<void> gone) noexcept
      : value_(std::move(value)), receiver_gone_(std::move(gone)) {}

  chan<T> value_;
  recv_chan<void> receiver_gone_;
};

// The end that receives.
template <class T> class [[nodiscard]] oneshot_receiver {
 public:
  oneshot_receiver(oneshot_receiver&& other) noexcept = default;
  oneshot_receiver& operator=(oneshot_receiver&& other) noexcept {
    std::swap(value_, other.value_);
    std::swap(gone_, other.gone_);
    return *this;
  }
  ~oneshot_receiver() {
    if (gone_) gone_.close();
  }

  // Waits for the value. Empty: the sender has gone without one, or it has been received.
  std::optional<T> recv() const { return value_.recv(); }

  // Where the value arrives, with all the ways to wait of a channel, and for select.
  recv_chan<T> channel() const noexcept { return value_; }

 private:
  friend oneshot<T> make_oneshot<T>();
  oneshot_receiver(recv_chan<T> value, chan<void> gone) noexcept
      : value_(std::move(value)), gone_(std::move(gone)) {}

  recv_chan<T> value_;
  chan<void> gone_;
};

template <class T> struct oneshot {
  oneshot_sender<T> sender;
  oneshot_receiver<T> receiver;
};

template <class T> [[nodiscard]] oneshot<T> make_oneshot() {
  auto value = make_chan<T>(1);
  auto gone = make_chan<void>();
  return {oneshot_sender<T>(value, gone), oneshot_receiver<T>(value, gone)};
}

}  // namespace gos
