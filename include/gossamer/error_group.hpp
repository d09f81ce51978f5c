// error_group: goroutines that work on parts of one task, and the first error that one of them returns.
//
//   gos::error_group group(ctx);                      // or without a context: then an error stops nobody
//   group.set_limit(8);                               // optional: so many at a time
//   for (const page& p : pages) {
//     group.go([&p, &group] { return fetch(p, group.ctx()); });   // returns a std::error_code, empty for success
//   }
//   if (std::error_code failed = group.wait()) report(failed);
//
// Functions return std::error_code, or what converts to one, such as gos::error. With a parent context the group has a
// context of its own, ctx(), which is cancelled by the first error, with that error as cause, or when wait returns. A
// panic is not carried to wait: it ends the process like any goroutine's. goexit counts as success.
//
// go, try_go and wait may be called from any goroutine or plain thread at the same time; go and try_go while nothing
// runs must happen before wait. After wait the group may be used again, with the error and the context that it has.
// Lifetime: the group may be destroyed as soon as wait has returned. Its destructor leaves nobody with a dangling group:
// it cancels ctx(), if there is a parent, and waits for the functions that still run; their errors are lost. Without a
// context they are not told, so do not leave the scope early then while they wait for something from it.
// Ordering: go happens before the function's first action, its end before the return of wait.
//
// Source: Go x/sync errgroup; contract EG-01..EG-04.
#pragma once

#include <atomic>
#include <chrono>
#include <system_error>
#include <type_traits>
#include <utility>

#include <gossamer/chan.hpp>
#include <gossamer/context.hpp>
#include <gossamer/detail/caught.hpp>
#include <gossamer/detail/group_call.hpp>
#include <gossamer/wait_group.hpp>

namespace gos {

class error_group {
 public:
  // Without a context: ctx() is background(), and an error cancels nothing.
  error_group() : ctx_(background()) {}
  // ctx() is below parent. Panics with `cannot create context from nil parent` if that is no context.
  explicit error_group(const context& parent);
  error_group(const error_group&) = delete;
  error_group& operator=(const error_group&) = delete;
  ~error_group() {
    if (has_context_) cancel_();
    running_.wait();
  }

  // For the functions: tells them when to give up. Valid as long as the group; copies are good for longer.
  const context& ctx() const noexcept { return ctx_; }

  // Calls f() in a goroutine of its own. With a limit, waits until fewer functions run. The callable is taken as by
  // gos::go and destroyed before wait returns. Throws std::bad_alloc, and what copying the callable throws.
  template <class F>
  requires std::is_invocable_r_v<std::error_code, F>
  [[gnu::always_inline]] inline void go(F&& f) {
    running_.add(1);
    if (slots_) slots_.send();
    start(std::forward<F>(f));
  }

  // The same without waiting: false, and f not taken, if as many run as the limit allows.
  template <class F>
  requires std::is_invocable_r_v<std::error_code, F>
  [[gnu::always_inline]] inline bool try_go(F&& f) {
    running_.add(1);
    if (slots_ && !slots_.try_send()) {
      running_.done();
      return false;
    }
    start(std::forward<F>(f));
    return true;
  }

  // From now on at most n functions run at a time; 0 admits none, a negative number as many as come. Panics with
  // `errgroup: modify limit while N goroutines in the group are still active` if N functions run. Not beside go or
  // try_go.
  void set_limit(int n);

  // Waits for all functions, cancels ctx(), and returns the first error; empty if there was none.
  std::error_code wait() {
    running_.wait();
    return finish_wait();
  }

  // Waits until all functions have ended, for at most d, or until `when`; true: they have. wait() does not wait then.
  template <any_duration D> [[nodiscard]] bool wait_for(const D& d) { return running_.wait_for(d); }
  template <class Clock, class D> [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, D>& when) {
    return running_.wait_until(when);
  }
  // ... unless `stop` comes first. A std::stop_token: true if they have ended. A context: empty if they have, else the
  // context's err().
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> wait(const S& stop) {
    return running_.wait(stop);
  }

 private:
  template <class Group, class F, class... A> friend struct detail::group_call;

  // Counted in running_, and with a slot if there is a limit.
  template <class F> [[gnu::always_inline]] inline void start(F&& f) {
    // relaxed: counts for set_limit(), which nothing may overlap.
    active_.fetch_add(1, std::memory_order_relaxed);
    try {
      detail::spawn_call<detail::group_call<error_group, std::decay_t<F>>>(nullptr, this, std::forward<F>(f));
    } catch (...) {
      function_ended();
      throw;
    }
  }

  template <class Call> void run(Call& call, bool& ended) {
    try {
      const std::error_code failed = call();
      ended = true;
      if (failed) fail(failed);
    } catch (...) {
      ended = detail::caught_goexit();
      throw;
    }
  }

  void function_ended() {
    // relaxed: the wait_group orders it.
    active_.fetch_sub(1, std::memory_order_relaxed);
    if (slots_) slots_.try_recv();  // INV1 of src/context/error_group.cpp: there is one
    running_.done();
  }

  void fail(std::error_code failed);
  std::error_code finish_wait();

  wait_group running_;
  std::atomic<int> active_{0};
  std::atomic<bool> failed_{false};
  bool has_context_ = false;
  chan<void> slots_;  // holds an element for each running function; nil: no limit
  std::error_code error_;
  context ctx_;
  cancel_function cancel_;
};

}  // namespace gos
