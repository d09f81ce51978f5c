// select: wait for several channel operations at once, and do exactly one of them.
//
//   gos::select({
//     gos::recv(jobs, [&](std::optional<job> j) { if (j) work(*j); else jobs = nullptr; }),
//     gos::send(results, next, [&] { next = produce(); }),
//     gos::after(1s, [] { puts("nothing for a second"); }),
//   });
//
// select returns the index of the arm it took. Of several ready arms one is chosen at random, each
// with the same chance. If none is ready it waits, unless there is an `otherwise` arm: that one is
// taken when no other was ready at one common instant. Arms of nil channels are never ready; a select
// without any other arm waits for ever. The arms that are not taken leave no trace: nothing is
// received by them and values stay with the caller.
//
// Handlers run on the caller, after the operation has taken effect: they may do anything, also select
// again. A receive handler is called with std::optional<T> (empty: closed and drained) or with
// nothing, that of a chan<void> with bool or with nothing, all others with nothing.
//
// Arms in a braced list, select({...}), are evaluated in source order; in select(a, b, ...) the
// compiler chooses. A list made at run time is passed as std::span<select_case>, and can be used for
// any number of selects. Nothing is allocated for up to 16 arms of ordinary size. A select may take
// 65536 arms and one `otherwise`.
//
// May be called from any goroutine or plain thread. The edges of the memory model are those of the
// plain operations. A panic of the taken operation (`send on closed channel`) comes out of select.
//
// Other things than channels can be arms, too: <gossamer/arms.hpp>.
//
// Source: Go runtime/select.go, Go spec "Select statements"; contract section SE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <gossamer/chan.hpp>
#include <gossamer/detail/duration.hpp>
#include <gossamer/detail/select_core.hpp>

namespace gos {

namespace detail {
template <class F, class T>
concept recv_handler = std::invocable<F&> || std::invocable<F&, std::optional<T>>;
template <class F>
concept recv_handler_void = std::invocable<F&> || std::invocable<F&, bool>;
template <class F, class T>
concept recv_handler_of = (std::is_void_v<T> && recv_handler_void<F>) ||
                          (!std::is_void_v<T> && recv_handler<F, T>);
struct select_access;
}  // namespace detail

// One arm, made by recv, send, after and otherwise.
//
// It refers to what it was made of, which must live until the select is done; in place, inside the
// call of select, everything does. In particular a send arm refers to its value: an lvalue is copied,
// an rvalue moved, and only if the arm is chosen. An arm that is kept refers to an lvalue handle until
// it is copied; every copy, and every arm made of an rvalue handle, holds a handle of its own. Rvalues
// that are trivially copyable and small are kept by value: values of 8 bytes, handlers of 24.
class [[nodiscard]] select_case {
 public:
  select_case(const select_case& other) noexcept : arm_(other.arm_) {
    detail::chan_handle::retain(arm_.core);
    arm_.flags |= detail::select_flag::counted;
  }
  select_case& operator=(const select_case& other) noexcept {
    if (this != &other) {
      detail::chan_handle::retain(other.arm_.core);
      release();
      arm_ = other.arm_;
      arm_.flags |= detail::select_flag::counted;
    }
    return *this;
  }
  ~select_case() { release(); }

 private:
  friend struct detail::select_access;
  select_case() noexcept {}
  void release() noexcept {
    if ((arm_.flags & detail::select_flag::counted) != 0) detail::chan_handle::release(arm_.core);
  }

  detail::select_arm arm_;
};

namespace detail {

// How handlers are kept and called. F as deduced for F&&: an lvalue reference or an object type.
inline constexpr std::size_t object_handler_room =
    16;  // in arms on other things than channels, which may have an amount
template <class F, std::size_t room = sizeof(select_arm::handler)> struct arm_handler {
  using function = std::remove_reference_t<F>;
  static consteval bool kept_by_value() {
    if constexpr (std::is_reference_v<F> || !std::is_trivially_copyable_v<function> ||
                  !std::is_trivially_copy_constructible_v<function>) {
      return false;
    } else {
      return sizeof(function) <= room && alignof(function) <= alignof(void*);
    }
  }
  static constexpr bool by_value = kept_by_value();

  static void keep(select_arm& arm, function& f) noexcept {
    if constexpr (by_value) {
      ::new (static_cast<void*>(arm.handler)) function(std::move(f));
    } else {
      function* where = std::addressof(f);
      std::memcpy(arm.handler, &where, sizeof(where));
    }
  }

  // use(f), with the handler as f.
  template <class Use> static void with(const select_arm& arm, Use&& use) {
    if constexpr (by_value) {
      auto* kept = std::launder(reinterpret_cast<const function*>(arm.handler));
      function own(*kept);
      use(own);
    } else {
      function* where;
      std::memcpy(&where, arm.handler, sizeof(where));
      use(*where);
    }
  }
};

// What the handler is given: the element, which ends here, or nothing. Not inlined: a compiler that
// sees both outcomes in one function warns of handlers that do not ask which it is.
template <class T> [[gnu::noinline]] std::optional<T> take_received(void* received) noexcept {
  if (received == nullptr) return std::nullopt;
  struct end_of_life {
    T& element;
    ~end_of_life() { std::destroy_at(std::addressof(element)); }
  } guard{*static_cast<T*>(received)};
  return std::optional<T>(std::in_place, std::move(guard.element));
}

template <class F, class T> void finish_recv(const select_arm& arm, void* received) {
  using kept = arm_handler<F>;
  if constexpr (std::is_void_v<T>) {
    if constexpr (std::invocable<F&, bool>)
      kept::with(arm, [&](auto& f) { std::invoke(f, received != nullptr); });
    else kept::with(arm, [](auto& f) { std::invoke(f); });
  } else if constexpr (!std::invocable<F&, std::optional<T>>) {
    if (received != nullptr) std::destroy_at(static_cast<T*>(received));
    kept::with(arm, [](auto& f) { std::invoke(f); });
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    std::optional<T> value;
    if (received != nullptr) value.emplace(std::move(*static_cast<T*>(received)));
    kept::with(arm, [&](auto& f) { std::invoke(f, std::move(value)); });
  } else {
    kept::with(arm, [&](auto& f) { f(take_received<T>(received)); });
  }
}

template <class F> void finish_plain(const select_arm& arm, void*) {
  arm_handler<F>::with(arm, [](auto& f) { std::invoke(f); });
}

template <class F> void finish_object(const select_arm& arm, void*) {
  arm_handler<F, object_handler_room>::with(arm, [](auto& f) { std::invoke(f); });
}

template <class T> void finish_unheard(const select_arm&, void* received) {
  if (received != nullptr) std::destroy_at(static_cast<T*>(received));
}

// Builds arms in the place where they are returned.
struct select_access {
  template <class T, class Handle> static select_case recv(Handle&& ch) noexcept {
    select_case made;
    begin(made.arm_, select_kind::recv, std::forward<Handle>(ch));
    if constexpr (!std::is_void_v<T> && !std::is_trivially_destructible_v<T>)
      made.arm_.finish = &finish_unheard<T>;
    return made;
  }
  template <class T, class F, class Handle>
  static select_case recv(Handle&& ch, std::remove_reference_t<F>& handler) noexcept {
    select_case made;
    begin(made.arm_, select_kind::recv, std::forward<Handle>(ch));
    made.arm_.finish = &finish_recv<F, T>;
    arm_handler<F>::keep(made.arm_, handler);
    return made;
  }

  // V as deduced for V&&.
  template <class T, class V, class Handle>
  static select_case send(Handle&& ch, std::remove_reference_t<V>& value) noexcept {
    select_case made;
    begin(made.arm_, select_kind::send, std::forward<Handle>(ch));
    give<T, V>(made.arm_, value);
    return made;
  }
  template <class T, class V, class F, class Handle>
  static select_case send(Handle&& ch, std::remove_reference_t<V>& value,
                          std::remove_reference_t<F>& handler) noexcept {
    select_case made;
    begin(made.arm_, select_kind::send, std::forward<Handle>(ch));
    give<T, V>(made.arm_, value);
    hear<F>(made.arm_, handler);
    return made;
  }
  template <class Handle> static select_case send_event(Handle&& ch) noexcept {
    select_case made;
    begin(made.arm_, select_kind::send, std::forward<Handle>(ch));
    return made;
  }
  template <class F, class Handle>
  static select_case send_event(Handle&& ch, std::remove_reference_t<F>& handler) noexcept {
    select_case made;
    begin(made.arm_, select_kind::send, std::forward<Handle>(ch));
    hear<F>(made.arm_, handler);
    return made;
  }

  template <class F>
  static select_case after(std::int64_t delay_ns, std::remove_reference_t<F>& handler) noexcept {
    select_case made;
    made.arm_.kind = select_kind::after;
    made.arm_.delay_ns = delay_ns;
    hear<F>(made.arm_, handler);
    return made;
  }
  static select_case otherwise() noexcept { return select_case(); }
  template <class F> static select_case otherwise(std::remove_reference_t<F>& handler) noexcept {
    select_case made;
    hear<F>(made.arm_, handler);
    return made;
  }

  // Arms on other things than channels.
  template <class Object, class... Amount>
  static select_arm arm(const Object& object, Amount... amount) noexcept {
    return object.arm(amount...);
  }
  template <class Object> static select_arm writer_arm(const Object& object) noexcept {
    return object.writer_arm();
  }
  template <class Object> static select_arm reader_arm(const Object& object) noexcept {
    return object.reader_arm();
  }
  static select_case object(const select_arm& arm) noexcept {
    select_case made;
    made.arm_ = arm;
    return made;
  }
  template <class F>
  static select_case object(const select_arm& arm, std::remove_reference_t<F>& handler,
                            void (*finish)(const select_arm&, void*)) noexcept {
    select_case made;
    made.arm_ = arm;
    made.arm_.finish = finish;
    arm_handler<F, object_handler_room>::keep(made.arm_, handler);
    return made;
  }

  static const select_arm* arm(const select_case& c) noexcept { return &c.arm_; }
  static const select_arm* arms(const select_case* first) noexcept {
    static_assert(sizeof(select_case) == sizeof(select_arm) && std::is_standard_layout_v<select_case>);
    return reinterpret_cast<const select_arm*>(first);
  }

 private:
  static void begin(select_arm& arm, select_kind kind, const any_chan& ch) noexcept {
    arm.kind = kind;
    arm.core = chan_access::core(ch);
  }
  static void begin(select_arm& arm, select_kind kind, any_chan&& ch) noexcept {
    arm.kind = kind;
    arm.core = chan_access::detach(ch);
    arm.flags = select_flag::counted;
  }

  // An element itself is taken as it is; all else is converted when its time comes.
  template <class T, class V> static void give(select_arm& arm, std::remove_reference_t<V>& value) noexcept {
    using source = std::remove_reference_t<V>;
    constexpr bool moved = std::is_same_v<source, T> && !std::is_reference_v<V>;
    constexpr bool trivial =
        std::is_same_v<std::remove_const_t<source>, T> && std::is_trivially_copyable_v<T>;
    if constexpr (trivial && !std::is_reference_v<V> && sizeof(T) <= sizeof(arm.value)) {
      std::memcpy(arm.value, std::addressof(value), sizeof(T));
      arm.flags |= select_flag::value_within;
      return;
    }
    arm.element = const_cast<void*>(reinterpret_cast<const volatile void*>(std::addressof(value)));
    if constexpr (!moved && !trivial) {
      arm.construct = [](void* to, void* from) {
        ::new (to) T(static_cast<V&&>(*reinterpret_cast<source*>(from)));
      };
    }
  }

  template <class F> static void hear(select_arm& arm, std::remove_reference_t<F>& handler) noexcept {
    arm.finish = &finish_plain<F>;
    arm_handler<F>::keep(arm, handler);
  }
};

}  // namespace detail

// Receive from ch. With a handler: it is given what was received.
template <class T> select_case recv(const chan<T>& ch) { return detail::select_access::recv<T>(ch); }
template <class T> select_case recv(const recv_chan<T>& ch) { return detail::select_access::recv<T>(ch); }
template <class T, class F>
requires detail::recv_handler_of<F, T> select_case recv(const chan<T>& ch, F&& handler) {
  return detail::select_access::recv<T, F>(ch, handler);
}
template <class T, class F>
requires detail::recv_handler_of<F, T> select_case recv(const recv_chan<T>& ch, F&& handler) {
  return detail::select_access::recv<T, F>(ch, handler);
}
// The same for rvalue handles, such as gos::after(1s): the arm takes the handle over.
template <class T> select_case recv(chan<T>&& ch) { return detail::select_access::recv<T>(std::move(ch)); }
template <class T> select_case recv(recv_chan<T>&& ch) {
  return detail::select_access::recv<T>(std::move(ch));
}
template <class T, class F>
requires detail::recv_handler_of<F, T> select_case recv(chan<T>&& ch, F&& handler) {
  return detail::select_access::recv<T, F>(std::move(ch), handler);
}
template <class T, class F>
requires detail::recv_handler_of<F, T> select_case recv(recv_chan<T>&& ch, F&& handler) {
  return detail::select_access::recv<T, F>(std::move(ch), handler);
}

// What cannot be meant so. A compiler shows these lines.
// The sentence stays on the line of the name.
// clang-format off
template <class T, class... A> select_case recv(const send_chan<T>&, A&&...) = delete;  // a send_chan can only send
template <class T, class F>
requires(!detail::recv_handler_of<F, T>)
select_case recv(const chan<T>&, F&&) = delete;  // a receive handler takes std::optional<T>, or nothing; for chan<void> a bool, or nothing
template <class T, class F>
requires(!detail::recv_handler_of<F, T>)
select_case recv(const recv_chan<T>&, F&&) = delete;  // a receive handler takes std::optional<T>, or nothing; for chan<void> a bool, or nothing
template <class T, class... A> select_case send(const recv_chan<T>&, A&&...) = delete;  // a recv_chan can only receive
template <class T, class V, class... F>
requires(!std::is_void_v<T> && !std::constructible_from<T, V>)
select_case send(const chan<T>&, V&&, F&&...) = delete;  // no element can be made of this value
template <class T, class V, class... F>
requires(!std::is_void_v<T> && !std::constructible_from<T, V>)
select_case send(const send_chan<T>&, V&&, F&&...) = delete;  // no element can be made of this value
// clang-format on

// Send `value`, or a T made of it, to ch. What is not a T yet, or must be copied by code of yours, is
// made when the arm is chosen, or before a select that has to wait.
template <class T, class V>
requires std::constructible_from<T, V> select_case send(const chan<T>& ch, V&& value) {
  return detail::select_access::send<T, V>(ch, value);
}
template <class T, class V>
requires std::constructible_from<T, V> select_case send(const send_chan<T>& ch, V&& value) {
  return detail::select_access::send<T, V>(ch, value);
}
template <class T, class V, std::invocable F>
requires std::constructible_from<T, V> select_case send(const chan<T>& ch, V&& value, F&& handler) {
  return detail::select_access::send<T, V, F>(ch, value, handler);
}
template <class T, class V, std::invocable F>
requires std::constructible_from<T, V> select_case send(const send_chan<T>& ch, V&& value, F&& handler) {
  return detail::select_access::send<T, V, F>(ch, value, handler);
}
template <class T, class V>
requires std::constructible_from<T, V> select_case send(chan<T>&& ch, V&& value) {
  return detail::select_access::send<T, V>(std::move(ch), value);
}
template <class T, class V>
requires std::constructible_from<T, V> select_case send(send_chan<T>&& ch, V&& value) {
  return detail::select_access::send<T, V>(std::move(ch), value);
}
template <class T, class V, std::invocable F>
requires std::constructible_from<T, V> select_case send(chan<T>&& ch, V&& value, F&& handler) {
  return detail::select_access::send<T, V, F>(std::move(ch), value, handler);
}
template <class T, class V, std::invocable F>
requires std::constructible_from<T, V> select_case send(send_chan<T>&& ch, V&& value, F&& handler) {
  return detail::select_access::send<T, V, F>(std::move(ch), value, handler);
}

// Send an event to ch.
inline select_case send(const chan<void>& ch) { return detail::select_access::send_event(ch); }
inline select_case send(const send_chan<void>& ch) { return detail::select_access::send_event(ch); }
inline select_case send(chan<void>&& ch) { return detail::select_access::send_event(std::move(ch)); }
inline select_case send(send_chan<void>&& ch) { return detail::select_access::send_event(std::move(ch)); }
template <std::invocable F> select_case send(const chan<void>& ch, F&& handler) {
  return detail::select_access::send_event<F>(ch, handler);
}
template <std::invocable F> select_case send(const send_chan<void>& ch, F&& handler) {
  return detail::select_access::send_event<F>(ch, handler);
}
template <std::invocable F> select_case send(chan<void>&& ch, F&& handler) {
  return detail::select_access::send_event<F>(std::move(ch), handler);
}
template <std::invocable F> select_case send(send_chan<void>&& ch, F&& handler) {
  return detail::select_access::send_event<F>(std::move(ch), handler);
}

// Ready when the select has waited for d; at once if d <= 0. Costs no channel and no allocation.
template <any_duration D, std::invocable F> select_case after(D d, F&& handler) {
  return detail::select_access::after<F>(detail::to_nanoseconds(d), handler);
}

// Taken when no other arm is ready: the select does not wait.
inline select_case otherwise() { return detail::select_access::otherwise(); }
template <std::invocable F> select_case otherwise(F&& handler) {
  return detail::select_access::otherwise<F>(handler);
}

// The three forms; see the top of this file.
template <class... Case>
requires(std::same_as<std::remove_cvref_t<Case>, select_case>&&...) std::size_t select(Case&&... cases) {
  if constexpr (sizeof...(Case) == 0) {
    return detail::select_run(nullptr, 0);
  } else {
    const detail::select_arm* const arms[] = {detail::select_access::arm(cases)...};
    return detail::select_run(arms, sizeof...(Case));
  }
}
// What cannot be meant so. A compiler shows these lines.
// The sentence stays on the line of the name.
// clang-format off
template <class... Case>
requires(sizeof...(Case) != 0 && !(std::convertible_to<Case, select_case> || ...) && !(std::convertible_to<Case, std::span<const select_case>> || ...))
std::size_t select(Case&&...) = delete;  // select takes arms: gos::recv(ch), gos::send(ch, value), gos::after(d, f), ...
// clang-format on
inline std::size_t select(std::initializer_list<select_case> cases) {
  return detail::select_run_list(detail::select_access::arms(cases.begin()), cases.size());
}
inline std::size_t select(std::span<const select_case> cases) {
  return detail::select_run_list(detail::select_access::arms(cases.data()), cases.size());
}

}  // namespace gos
