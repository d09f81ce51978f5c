// chan: typed conduits between goroutines, and the way they wait for each other.
//
//   auto squares = gos::make_chan<int>(16);           // capacity 0: sender and receiver meet
//   gos::go([=] {
//     for (int i = 1; i <= 10; ++i) squares.send(i * i);
//     squares.close();                                // no more: receivers are told
//   });
//   for (int square : squares) std::cout << square << '\n';
//
// A handle - chan<T>, or send_chan<T> and recv_chan<T> for one direction - is one pointer. Copies
// name the same channel and compare equal; the channel lives as long as a handle does, and values
// never received are destroyed with it. All operations are const, as those of shared_ptr: they change
// the channel and not the handle. A default-constructed or moved-from handle, or nullptr, is the nil
// channel: sending to it and receiving from it block for ever, and a select ignores it.
//
// Threads. Every operation may be called from any goroutine or plain thread, beside all others, on
// the same channel. A single handle object is not synchronised: do not assign to it while another
// goroutine uses that same object; give each its copy.
//
// Order. Values leave in the order their sends took effect. Waiting receivers are served first come,
// first served, and so are waiting senders.
//
// Memory. A send happens before the matching receive completes. Without capacity, a receive happens
// before the matching send completes; with capacity C, receive k happens before send k + C completes.
// close happens before a receive that returns because of it. size and capacity order nothing.
//
// Elements must be nothrow move-constructible and nothrow destructible (checked when a channel is
// made); they need no default constructor and no copy. The nothrow move, and the destructor of what was
// moved from, are the only code of yours that runs inside the runtime, under the channel's lock: they
// must not use channels or locks themselves.
// A copy (send of an lvalue) is made on the sender's own time before that and may throw; then nothing
// was sent. chan<void> passes nothing but the event.
//
// Limits. Every wait can be given a time (recv_for, recv_until, send_for, send_until) or a stop condition (recv(stop),
// send(value, stop)): a std::stop_token or a gos::context. What can be done at once is done even if no time is left, but
// not if the stop condition holds already.
//
// Source: Go runtime/chan.go, Go spec "Channel types"; contract sections CH, CL, NI.
#pragma once

#include <compare>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <gossamer/detail/chan_core.hpp>
#include <gossamer/detail/limit.hpp>

namespace gos {

// Why a receive that does not wait for ever gave nothing: not yet (or not in time), or never more.
enum class recv_status { empty, closed };

template <class T> class chan;
template <class T> class send_chan;
template <class T> class recv_chan;

namespace detail {

// Raw memory for one element that the core constructs; take() moves it out and ends it.
template <class T> union element_storage {
  element_storage() noexcept {}
  ~element_storage() {}

  void* address() noexcept { return std::addressof(value); }
  template <class Result> Result take() noexcept {
    if constexpr (std::is_trivially_copyable_v<T>) {
      return Result(std::in_place, std::move(value));
    } else {
      struct end_of_life {
        T& element;
        ~end_of_life() { std::destroy_at(std::addressof(element)); }
      } guard{value};
      return Result(std::in_place, std::move(value));
    }
  }

  T value;
  // The core moves elements of eight bytes in its own frame; inlined, the compiler must see that any storage has them.
  unsigned char room[8];
};

// What all handles have.
class any_chan {
 public:
  // The number of buffered values; 0 for an unbuffered and for a nil channel. Never waits.
  std::size_t size() const noexcept { return chan_size(handle_.get()); }
  // The number of values that can be buffered; 0 for an unbuffered and for a nil channel.
  std::size_t capacity() const noexcept { return chan_capacity(handle_.get()); }
  // False for the nil channel.
  explicit operator bool() const noexcept { return handle_.get() != nullptr; }

 protected:
  friend struct chan_access;
  any_chan() noexcept = default;
  explicit any_chan(chan_handle handle) noexcept : handle_(std::move(handle)) {}

  chan_handle handle_;
};

// The arm that sends *element, which is moved from when that happens; no element for chan<void>.
inline select_arm send_arm(chan_core* core, void* element) noexcept {
  select_arm arm;
  arm.kind = select_kind::send;
  arm.core = core;
  arm.element = element;
  return arm;
}

// The arm that receives into *out: a std::expected that says `empty` until then.
template <class Out> select_arm recv_arm(chan_core* core, Out& out) noexcept {
  using value_type = typename Out::value_type;
  select_arm arm;
  arm.kind = select_kind::recv;
  arm.core = core;
  Out* const where = std::addressof(out);
  std::memcpy(arm.handler, &where, sizeof(where));
  arm.finish = [](const select_arm& taken, void* received) {
    Out* to;
    std::memcpy(&to, taken.handler, sizeof(to));
    if (received == nullptr) {
      *to = std::unexpected(recv_status::closed);
      return;
    }
    if constexpr (std::is_void_v<value_type>) {
      to->emplace();
    } else {
      auto* const value = static_cast<value_type*>(received);
      struct end_of_life {
        value_type* element;
        ~end_of_life() { std::destroy_at(element); }
      } guard{value};
      *to = Out(std::in_place, std::move(*value));
    }
  };
  return arm;
}

// The sending half of a handle of type Self.
template <class Self, class T> class sender {
 public:
  // Waits until the value has been handed to a receiver or has a place in the buffer. Copies or moves
  // exactly when that happens; a value that was not sent stays untouched. Panics with `send on closed
  // channel`, also when the close comes while it waits.
  void send(const T& value) const requires std::copy_constructible<T> {
    if constexpr (std::is_trivially_copyable_v<T>) {
      chan_send(handle(), const_cast<T*>(std::addressof(value)));
    } else {
      T copy(value);
      chan_send(handle(), std::addressof(copy));
    }
  }
  void send(T&& value) const { chan_send(handle(), std::addressof(value)); }

  // The same without waiting: false, and the value untouched, if there is neither room nor a waiting
  // receiver at this instant. Panics on a closed channel as send does.
  bool try_send(const T& value) const requires std::copy_constructible<T> {
    if constexpr (std::is_trivially_copyable_v<T>) {
      return chan_try_send(core(), const_cast<T*>(std::addressof(value)));
    } else {
      if (!chan_can_send(core())) return false;
      T copy(value);
      return chan_try_send(core(), std::addressof(copy));
    }
  }
  bool try_send(T&& value) const { return chan_try_send(core(), std::addressof(value)); }

  // As send, waiting for at most d, or until `when`. False: the time was up first, and the value is untouched.
  template <any_duration D>
  [[nodiscard]] bool send_for(const T& value, const D& d) const requires std::copy_constructible<T> {
    return send_within(value, limit_after(d));
  }
  template <any_duration D> [[nodiscard]] bool send_for(T&& value, const D& d) const {
    return send_within(std::move(value), limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool send_until(const T& value, const std::chrono::time_point<Clock, D>& when)
      const requires std::copy_constructible<T> {
    return send_within(value, limit_until(when));
  }
  template <class Clock, class D>
  [[nodiscard]] bool send_until(T&& value, const std::chrono::time_point<Clock, D>& when) const {
    return send_within(std::move(value), limit_until(when));
  }

  // As send, unless `stop` comes first, and then the value is untouched. A std::stop_token: true if it was sent. A
  // context: empty if it was, else the context's err().
  template <stop_condition S>
  [[nodiscard]] stop_result<S> send(const T& value, const S& stop) const requires std::copy_constructible<T> {
    const typename stop_traits<S>::limit limit(stop);
    return limit.outcome(!limit.over() && send_within(value, limit.arm()));
  }
  template <stop_condition S> [[nodiscard]] stop_result<S> send(T&& value, const S& stop) const {
    const typename stop_traits<S>::limit limit(stop);
    return limit.outcome(!limit.over() && send_within(std::move(value), limit.arm()));
  }

  // Says that nothing more will be sent. Buffered values can still be received; waiting receivers are
  // released. Panics with `close of closed channel` or `close of nil channel`.
  void close() const { chan_close(core()); }

 private:
  const chan_handle& handle() const noexcept { return chan_access::handle(static_cast<const Self&>(*this)); }
  chan_core* core() const noexcept { return handle().get(); }
  bool send_within(const T& value, const select_arm& limit) const {
    T copy(value);
    return send_within(std::move(copy), limit);
  }
  bool send_within(T&& value, const select_arm& limit) const {
    return try_send(std::move(value)) || wait_within(send_arm(core(), std::addressof(value)), limit);
  }
};

template <class Self> class sender<Self, void> {
 public:
  // As above, without a value.
  void send() const { chan_send(handle(), nullptr); }
  bool try_send() const { return chan_try_send(core(), nullptr); }
  template <any_duration D> [[nodiscard]] bool send_for(const D& d) const {
    return try_send() || wait_within(send_arm(core(), nullptr), limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool send_until(const std::chrono::time_point<Clock, D>& when) const {
    return try_send() || wait_within(send_arm(core(), nullptr), limit_until(when));
  }
  template <stop_condition S> [[nodiscard]] stop_result<S> send(const S& stop) const {
    return wait_unless(
        stop, [this] { return try_send(); }, send_arm(core(), nullptr));
  }
  void close() const { chan_close(core()); }

 private:
  const chan_handle& handle() const noexcept { return chan_access::handle(static_cast<const Self&>(*this)); }
  chan_core* core() const noexcept { return handle().get(); }
};

template <class T> class chan_iterator;

// The receiving half of a handle of type Self.
template <class Self, class T> class receiver {
 public:
  // Waits for the next value. Empty when the channel is closed and everything sent was received.
  std::optional<T> recv() const {
    element_storage<T> storage;
    if (!chan_recv(handle(), storage.address())) return std::nullopt;
    return storage.template take<std::optional<T>>();
  }

  // The same without waiting: recv_status::empty if there is nothing at this instant.
  std::expected<T, recv_status> try_recv() const {
    element_storage<T> storage;
    const recv_outcome outcome = chan_try_recv(core(), storage.address());
    if (outcome != recv_outcome::received) {
      return std::unexpected(outcome == recv_outcome::closed ? recv_status::closed : recv_status::empty);
    }
    return storage.template take<std::expected<T, recv_status>>();
  }

  // As recv, waiting for at most d, or until `when`: recv_status::empty if the time was up first.
  template <any_duration D> [[nodiscard]] std::expected<T, recv_status> recv_for(const D& d) const {
    return recv_within(limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] std::expected<T, recv_status> recv_until(
      const std::chrono::time_point<Clock, D>& when) const {
    return recv_within(limit_until(when));
  }

  // As recv, unless `stop`, a std::stop_token or a context, comes first: then recv_status::empty.
  template <stop_condition S> [[nodiscard]] std::expected<T, recv_status> recv(const S& stop) const {
    const typename stop_traits<S>::limit limit(stop);
    if (limit.over()) return std::unexpected(recv_status::empty);
    return recv_within(limit.arm());
  }

  // For range-for: each round receives one value, until the channel is closed and drained. Leaving
  // the loop leaves the remaining values in the channel. Several may range over one channel: together
  // they see each value once.
  chan_iterator<T> begin() const noexcept { return chan_iterator<T>(static_cast<const Self&>(*this)); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  const chan_handle& handle() const noexcept { return chan_access::handle(static_cast<const Self&>(*this)); }
  chan_core* core() const noexcept { return handle().get(); }
  std::expected<T, recv_status> recv_within(const select_arm& limit) const {
    std::expected<T, recv_status> received = try_recv();
    if (received || received.error() == recv_status::closed) return received;
    wait_within(recv_arm(core(), received), limit);
    return received;
  }
};

template <class Self> class receiver<Self, void> {
 public:
  // True for an event, false when the channel is closed and drained.
  bool recv() const { return chan_recv(handle(), nullptr); }
  std::expected<void, recv_status> try_recv() const {
    const recv_outcome outcome = chan_try_recv(core(), nullptr);
    if (outcome == recv_outcome::received) return {};
    return std::unexpected(outcome == recv_outcome::closed ? recv_status::closed : recv_status::empty);
  }
  template <any_duration D> [[nodiscard]] std::expected<void, recv_status> recv_for(const D& d) const {
    return recv_within(limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] std::expected<void, recv_status> recv_until(
      const std::chrono::time_point<Clock, D>& when) const {
    return recv_within(limit_until(when));
  }
  template <stop_condition S> [[nodiscard]] std::expected<void, recv_status> recv(const S& stop) const {
    const typename stop_traits<S>::limit limit(stop);
    if (limit.over()) return std::unexpected(recv_status::empty);
    return recv_within(limit.arm());
  }

 private:
  const chan_handle& handle() const noexcept { return chan_access::handle(static_cast<const Self&>(*this)); }
  chan_core* core() const noexcept { return handle().get(); }
  std::expected<void, recv_status> recv_within(const select_arm& limit) const {
    std::expected<void, recv_status> received = try_recv();
    if (received || received.error() == recv_status::closed) return received;
    wait_within(recv_arm(core(), received), limit);
    return received;
  }
};

}  // namespace detail

// A handle that can only send, and close.
template <class T> class send_chan : public detail::any_chan, public detail::sender<send_chan<T>, T> {
 public:
  using value_type = T;
  // The sentences stay on the line of the name.
  // clang-format off
  void recv() const = delete;      // a send_chan can only send
  void try_recv() const = delete;  // a send_chan can only send
  T* begin() const = delete;       // a send_chan can only send: there is nothing to range over
  T* end() const = delete;         // a send_chan can only send: there is nothing to range over
  // clang-format on
  send_chan() noexcept = default;
  send_chan(std::nullptr_t) noexcept {}
  send_chan(const chan<T>& both) noexcept : any_chan(both) {}
  send_chan(chan<T>&& both) noexcept : any_chan(std::move(both)) {}
  friend bool operator==(const send_chan& a, const send_chan& b) noexcept {
    return a.handle_.get() == b.handle_.get();
  }

 private:
  friend struct detail::chan_access;
  explicit send_chan(detail::chan_handle handle) noexcept : any_chan(std::move(handle)) {}
};

// A handle that can only receive.
template <class T> class recv_chan : public detail::any_chan, public detail::receiver<recv_chan<T>, T> {
 public:
  using value_type = T;
  recv_chan() noexcept = default;
  recv_chan(std::nullptr_t) noexcept {}
  recv_chan(const chan<T>& both) noexcept : any_chan(both) {}
  recv_chan(chan<T>&& both) noexcept : any_chan(std::move(both)) {}
  friend bool operator==(const recv_chan& a, const recv_chan& b) noexcept {
    return a.handle_.get() == b.handle_.get();
  }

 private:
  friend struct detail::chan_access;
  explicit recv_chan(detail::chan_handle handle) noexcept : any_chan(std::move(handle)) {}
};

// A handle that can do both; converts to either.
template <class T>
class chan : public detail::any_chan, public detail::sender<chan<T>, T>, public detail::receiver<chan<T>, T> {
 public:
  using value_type = T;
  chan() noexcept = default;
  chan(std::nullptr_t) noexcept {}
  friend bool operator==(const chan& a, const chan& b) noexcept { return a.handle_.get() == b.handle_.get(); }

 private:
  friend struct detail::chan_access;
  friend class send_chan<T>;
  friend class recv_chan<T>;
  explicit chan(detail::chan_handle handle) noexcept : any_chan(std::move(handle)) {}
};

// Makes a channel that buffers up to `capacity` values; 0: each send waits for its receiver. Panics
// with `makechan: size out of range` if that can never fit (a negative number is such a size);
// throws std::bad_alloc if memory is exhausted.
template <class T> [[nodiscard]] chan<T> make_chan(std::size_t capacity = 0) {
  return detail::chan_access::make<chan<T>>(detail::chan_make(capacity, detail::element_type_of<T>));
}

namespace detail {

// An input iterator that receives when it is looked at, not when it is advanced: views::take(n) takes
// n values and does not wait for one more. Holds a handle of its own.
template <class T> class chan_iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit chan_iterator(recv_chan<T> from) noexcept : from_(std::move(from)) {}

  // Moves the value out: once per round.
  T operator*() const {
    fetch();
    return std::move(*value_);
  }
  chan_iterator& operator++() {
    fetch();
    wanted_ = true;
    return *this;
  }
  void operator++(int) { ++*this; }
  // Waits for the next value; equal to the sentinel when there is none and never will be.
  bool operator==(std::default_sentinel_t) const {
    fetch();
    return !value_.has_value();
  }

 private:
  void fetch() const {
    if (!wanted_) return;
    wanted_ = false;
    value_.reset();
    if (auto next = from_.recv()) value_.emplace(std::move(*next));
  }

  recv_chan<T> from_;
  mutable std::optional<T> value_;
  mutable bool wanted_ = true;
};

}  // namespace detail
}  // namespace gos
