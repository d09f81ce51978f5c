// time: sleep, timers and tickers.
//
//   gos::sleep(20ms);
//   gos::timer patience(2s);
//   gos::select(gos::recv(answers, use), gos::recv(patience.channel(), give_up));
//   for (gos::ticker beat(1s); auto due : beat.channel()) show(due);
//   gos::after_func(5min, [] { std::puts("tea"); });
//
// Everything may be used from any goroutine or plain thread; one handle not by two at once, unless both only call
// channel(), stop() and reset(). Durations are any std::chrono duration, saturating: hours::max() is for ever.
//
// A timer channel has neither length nor capacity: its value is made at the moment it is received. After stop() or
// reset() has returned nobody can receive a value of the old setting, and a timer that nobody waits for wakes nobody. A
// timer or ticker is stopped and freed with its last handle; a channel handle counts as one.
//
// Source: Go time/sleep.go, time/tick.go, runtime/time.go (1.23); contract TM-01..TM-16.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <gossamer/chan.hpp>
#include <gossamer/detail/duration.hpp>
#include <gossamer/detail/limit.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos {

namespace detail {

void sleep_until_ns(std::int64_t when_ns) noexcept;

// Channel timers. A new one has one reference. period_ns 0: fires once.
chan_core* timer_make(std::int64_t ns, std::int64_t period_ns);
bool timer_stop(chan_core* channel) noexcept;
bool timer_reset(chan_core* channel, std::int64_t ns, std::int64_t period_ns) noexcept;

// Function timers. `call` runs in a goroutine of its own each time.
struct timed_function {
  timed_function() = default;
  timed_function(const timed_function&) = delete;
  timed_function& operator=(const timed_function&) = delete;
  virtual ~timed_function() = default;
  virtual void call() = 0;
};
struct function_timer;
// Takes over *function, also when it throws. The handle's reference is the caller's.
function_timer* function_timer_make(timed_function* function, std::int64_t ns);
bool function_timer_stop(function_timer* timer) noexcept;
bool function_timer_reset(function_timer* timer, std::int64_t ns);
void function_timer_release(function_timer* timer) noexcept;

template <class F> struct timed_call final : timed_function {
  explicit timed_call(F&& f) : function(std::move(f)) {}
  explicit timed_call(const F& f) : function(f) {}
  void call() override { function(); }
  F function;
};

}  // namespace detail

// The library's clock: steady, the same as std::chrono::steady_clock.
inline time_point now() { return time_point(std::chrono::nanoseconds(detail::now_ns())); }

// Parks the caller for at least d. d <= 0 returns at once; a d too large to add up sleeps for ever.
template <any_duration D> void sleep(D d) {
  if (const std::int64_t ns = detail::to_nanoseconds(d); ns > 0) {
    detail::sleep_until_ns(detail::moment_after(detail::now_ns(), ns));
  }
}
void sleep(std::integral auto) = delete;  // a number of what? say sleep(1s); ::sleep would block the thread

// The same, unless `stop` comes first. A std::stop_token: true if the whole time has passed. A context: empty if it has,
// else the context's err().
template <any_duration D, detail::stop_condition S> detail::stop_result<S> sleep(const D& d, const S& stop) {
  return detail::wait_unless(
      stop, [] { return false; }, detail::limit_after(d));
}

// Parks the caller until `when`; time_point::max() is for ever.
inline void sleep_until(time_point when) { detail::sleep_until_ns(when.time_since_epoch().count()); }
template <detail::stop_condition S> detail::stop_result<S> sleep_until(time_point when, const S& stop) {
  return detail::wait_unless(
      stop, [] { return false; }, detail::limit_until(when));
}

// A channel that delivers one value, the moment d from now, when it is due.
template <any_duration D> [[nodiscard]] recv_chan<time_point> after(D d) {
  return detail::chan_access::make<recv_chan<time_point>>(detail::timer_make(detail::to_nanoseconds(d), 0));
}

recv_chan<time_point> after(std::integral auto) = delete;  // a number of what? say after(1s)

// A channel that delivers a value every d, or the nil channel if d <= 0. Ends when its last handle is gone.
template <any_duration D> [[nodiscard]] recv_chan<time_point> tick(D d) {
  const std::int64_t ns = detail::to_nanoseconds(d);
  if (ns <= 0) return {};
  return detail::chan_access::make<recv_chan<time_point>>(detail::timer_make(ns, ns));
}

recv_chan<time_point> tick(std::integral auto) = delete;  // a number of what? say tick(1s)

// One event in the future: a value on a channel, or a call (after_func).
class timer {
 public:
  // Not a timer yet: channel() is nil, stop() and reset() panic.
  timer() noexcept = default;
  // Started: due d from now.
  template <any_duration D>
  explicit timer(D d) : channel_(detail::timer_make(detail::to_nanoseconds(d), 0)) {}
  explicit timer(std::integral auto) = delete;  // a number of what? say timer(1s)
  timer(timer&& other) noexcept
      : channel_(std::move(other.channel_)), function_(std::exchange(other.function_, nullptr)) {}
  timer& operator=(timer&& other) noexcept {
    timer taken(std::move(other));
    channel_.swap(taken.channel_);
    std::swap(function_, taken.function_);
    return *this;
  }
  ~timer() {
    if (function_ != nullptr) detail::function_timer_release(function_);
  }

  // Delivers the moment at which the timer was due, once, to one receiver. Nil for an after_func.
  recv_chan<time_point> channel() const {
    return detail::chan_access::make<recv_chan<time_point>>(detail::chan_handle(channel_).detach());
  }

  // Ends the timer. True if its value had not been received (or its call not started), false if it had been or the
  // timer was stopped already. Does not wait for a running call.
  // Panics with `time: Stop called on uninitialized Timer`.
  bool stop() {
    if (function_ != nullptr) return detail::function_timer_stop(function_);
    if (channel_.get() == nullptr) uninitialized("time: Stop called on uninitialized Timer");
    return detail::timer_stop(channel_.get());
  }

  // Starts it anew: due d from now. Returns what stop() would have. What happens before reset() happens before the
  // receive of the value, or before the call. Panics with `time: Reset called on uninitialized Timer`.
  template <any_duration D> bool reset(D d) {
    const std::int64_t ns = detail::to_nanoseconds(d);
    if (function_ != nullptr) return detail::function_timer_reset(function_, ns);
    if (channel_.get() == nullptr) uninitialized("time: Reset called on uninitialized Timer");
    return detail::timer_reset(channel_.get(), ns, 0);
  }

 private:
  template <any_duration D, std::invocable F> friend timer after_func(D d, F&& f);
  [[noreturn]] static void uninitialized(const char* text);

  detail::chan_handle channel_;
  detail::function_timer* function_ = nullptr;
};

// An event again and again, on the grid of its period. A tick that nobody has received when the next is due makes the
// later ones be dropped: at most one tick waits.
class ticker {
 public:
  // Not a ticker yet: channel() is nil, stop() does nothing, reset() panics.
  ticker() noexcept = default;
  // Started. Panics with `non-positive interval for NewTicker`.
  template <any_duration D> explicit ticker(D d) : channel_(make(detail::to_nanoseconds(d))) {}
  explicit ticker(std::integral auto) = delete;  // a number of what? say ticker(1s)
  ticker(ticker&&) noexcept = default;
  ticker& operator=(ticker&&) noexcept = default;
  ~ticker() = default;

  recv_chan<time_point> channel() const {
    return detail::chan_access::make<recv_chan<time_point>>(detail::chan_handle(channel_).detach());
  }

  // No further tick can be received; the channel is not closed.
  void stop() {
    if (channel_.get() != nullptr) detail::timer_stop(channel_.get());
  }

  // A new period, from now. Panics with `non-positive interval for Ticker.Reset` or
  // `time: Reset called on uninitialized Ticker`.
  template <any_duration D> void reset(D d) { reset_ns(detail::to_nanoseconds(d)); }

 private:
  static detail::chan_core* make(std::int64_t ns);
  void reset_ns(std::int64_t ns);

  detail::chan_handle channel_;
};

// Calls f() in a goroutine of its own, d from now. The call stays scheduled when the timer is dropped; stop() prevents
// it, reset() schedules it again, so that two runs may overlap. f is destroyed with the last handle and run.
template <any_duration D, std::invocable F> [[gnu::always_inline]] inline timer after_func(D d, F&& f) {
  using function = std::decay_t<F>;
  auto owned = std::make_unique<detail::timed_call<function>>(std::forward<F>(f));
  if constexpr (detail::maybe_empty<function>) {
    if (owned->function == nullptr) detail::spawn_empty_callable();
  }
  timer made;
  made.function_ = detail::function_timer_make(owned.release(), detail::to_nanoseconds(d));
  return made;
}
// The sentence stays on the line of the name.
// clang-format off
template <class F> timer after_func(std::integral auto, F&&) = delete;  // a number of what? say after_func(1s, f)
// clang-format on

}  // namespace gos
