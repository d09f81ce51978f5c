// limit: how every wait takes a time limit or a stop condition: it becomes a select of two arms, what is waited for and
// what ends the wait.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <new>
#include <stop_token>
#include <type_traits>

#include <gossamer/detail/duration.hpp>
#include <gossamer/detail/select_core.hpp>

namespace gos::detail {

std::int64_t now_ns() noexcept;

// Time limits.
inline select_arm limit_after_ns(std::int64_t ns) noexcept {
  select_arm arm;
  arm.kind = select_kind::after;
  arm.flags = select_flag::limit;
  arm.delay_ns = ns;
  return arm;
}
template <any_duration D> select_arm limit_after(const D& d) noexcept {
  return limit_after_ns(to_nanoseconds(d));
}
// Moments of other clocks are turned into a duration when the wait begins.
template <class Clock, class D> select_arm limit_until(const std::chrono::time_point<Clock, D>& when) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    const std::int64_t when_ns = to_nanoseconds(when.time_since_epoch());
    std::int64_t left_ns = 0;
    if (__builtin_sub_overflow(when_ns, now_ns(), &left_ns))
      left_ns = std::numeric_limits<std::int64_t>::min();
    return limit_after_ns(left_ns);
  } else {
    return limit_after(when - Clock::now());
  }
}

// The moment d from now, or never.
template <any_duration D> time_point moment(const D& d) noexcept {
  return time_point(std::chrono::nanoseconds(moment_after(now_ns(), to_nanoseconds(d))));
}

// Stop conditions: std::stop_token (the result is true if the wait was not stopped), and gos::context, whose traits are in
// context.hpp (the result is empty, or the context's err()).
template <class S> struct stop_traits;
template <class S>
concept stop_condition = requires {
  typename stop_traits<std::remove_cvref_t<S>>::limit;
};
template <stop_condition S> using stop_result = typename stop_traits<std::remove_cvref_t<S>>::result;

// The arm that a std::stop_source wins. What the standard library does to its callback is in this header, so that
// ThreadSanitizer sees it where it sees the user's code.
//
// INV1 shared_ is set while the arm is joined, under lock_. The callback takes the claim under the lock, so after leave()
//      it touches nothing of the select's frame.
// INV2 The std::stop_callback is made and ended in user mode: its end waits for a callback that is running, which may have
//      given its processor away.
class stop_core : public select_object {
 public:
  bool join(rt::claim& shared, rt::goroutine* gp, std::uint32_t arm) noexcept final;
  void leave(bool won) noexcept final;
  std::uint8_t reason() const noexcept final;
  const void* address() const noexcept final { return nullptr; }

 protected:
  void stopped() noexcept;  // by the callback, on the thread that requests the stop, in user mode

 private:
  std::atomic<std::uint32_t> lock_{0};  // guards the three below
  rt::claim* shared_ = nullptr;
  rt::goroutine* gp_ = nullptr;
  std::uint32_t arm_ = 0;
};

class stop_object final : public stop_core {
 public:
  explicit stop_object(const std::stop_token& token) : token_(token), callback_(token, on_stop{this}) {}
  bool try_take() noexcept override { return token_.stop_requested(); }

 private:
  struct on_stop {
    stop_object* self;
    void operator()() const noexcept { self->stopped(); }
  };

  const std::stop_token token_;
  const std::stop_callback<on_stop> callback_;  // last: it may run at once
};

// Of an arm whose element is a const std::stop_token.
inline void make_stop_object(void* to, void* from) {
  static_assert(sizeof(stop_object) <= select_object_room && alignof(stop_object) <= select_object_alignment);
  ::new (to) stop_object(*static_cast<const std::stop_token*>(static_cast<const select_arm*>(from)->element));
}

template <> struct stop_traits<std::stop_token> {
  using result = bool;

  class limit {
   public:
    explicit limit(const std::stop_token& token) noexcept : token_(token) {}
    bool over() const noexcept { return token_.stop_requested(); }
    select_arm arm() const noexcept {
      select_arm stopped;
      stopped.kind = select_kind::object;
      stopped.flags = select_flag::limit;
      stopped.element = const_cast<std::stop_token*>(&token_);
      stopped.construct = make_stop_object;
      return stopped;
    }
    bool outcome(bool done) const noexcept { return done; }

   private:
    const std::stop_token& token_;
  };
};

// The arm for something that is not a channel: `construct` makes the select_object.
inline select_arm object_arm(const void* object, void (*construct)(void* to, void* from)) noexcept {
  select_arm arm;
  arm.kind = select_kind::object;
  arm.element = const_cast<void*>(object);
  arm.construct = construct;
  return arm;
}

// True if `what` was to be had before `limit` was. It is tried at least once.
inline bool wait_within(const select_arm& what, const select_arm& limit) {
  const select_arm* const arms[] = {&what, &limit};
  return select_run(arms, 2) == 0;
}

// As every wait with a stop condition goes: a condition that holds already wins; then try_now(), then the wait.
template <stop_condition S, std::predicate Try>
stop_result<S> wait_unless(const S& stop, Try&& try_now, const select_arm& what) {
  const typename stop_traits<std::remove_cvref_t<S>>::limit limit(stop);
  return limit.outcome(!limit.over() && (try_now() || wait_within(what, limit.arm())));
}

}  // namespace gos::detail
