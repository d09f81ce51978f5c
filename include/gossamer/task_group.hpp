// task_group: goroutines that do not outlive a scope, and whose panics and exceptions come back to it.
//
//   {
//     gos::task_group tasks;
//     tasks.go(load, &index);                           // result ignored
//     tasks.go([&] { serve(tasks.ctx()); });            // gives up when another task has failed
//   }                                                   // waits; throws what the first failing task threw
//
// A task fails when it ends by a panic or any other C++ exception. The group takes that over (it does not end the
// process), and cancels ctx(), so that the other tasks give up. wait(), or the destructor if nobody has called wait since,
// throws the first failure. goexit ends a task without failing it.
//
// The destructor waits for all tasks. If the scope is left by an exception, a panic or goexit, it cancels ctx() first, and
// drops what the tasks fail with: the exception on its way is the older one. Otherwise it throws as wait does, so a
// task_group as a member, or in a container, makes the destructor of that throw: wait before.
//
// go, wait, ctx and failures may be called from any goroutine or plain thread at the same time, go also from tasks; go
// while no task runs must happen before wait. A task that waits for its own group waits for ever.
// Ordering: go happens before the task's first action, its end before the return of wait.
//
// Source: none in Go, whose panics end the process; api.md "Spawning", contract PD-12. Python's TaskGroup is the nearest.
#pragma once

#include <chrono>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/detail/caught.hpp>
#include <gossamer/detail/group_call.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/panic.hpp>
#include <gossamer/wait_group.hpp>

namespace gos {

class task_group {
 public:
  // ctx() is below parent. Panics with `cannot create context from nil parent` if that is no context.
  task_group() : task_group(background()) {}
  explicit task_group(const context& parent);
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;
  ~task_group() noexcept(false) {
    const bool unwinding = std::uncaught_exceptions() > uncaught_;
    if (unwinding) cancel_();
    running_.wait();
    finish(unwinding);
  }

  // Is cancelled when a task has failed, or at the group's end. The cause is the code() of a std::system_error.
  const context& ctx() const noexcept { return ctx_; }

  // Calls f(args...) in a goroutine of its own; also when a task has failed already. Callable and arguments are taken as
  // by gos::go and destroyed before wait returns; the result is dropped. Throws std::bad_alloc, and what copying throws.
  template <class F, class... A>
  requires detail::spawnable<F, A...>
  [[gnu::always_inline]] inline void go(F&& f, A&&... args) {
    using call = detail::group_call<task_group, std::decay_t<F>, std::decay_t<A>...>;
    running_.add(1);
    try {
      detail::spawn_call<call>(nullptr, this, std::forward<F>(f), std::forward<A>(args)...);
    } catch (...) {
      function_ended();
      throw;
    }
  }

  // Waits for all tasks. Then panics with the first failure, if there is one that has not been thrown yet: a C++ exception
  // goes on as what it was, a panic keeps its stack. Thrown once: later calls return. Without a failure ctx() stays as it
  // is and more tasks may follow.
  void wait() {
    running_.wait();
    throw_first();
  }

  // What tasks have failed with so far, in the order of their ends.
  std::vector<panic_value> failures() const;

  // Waits until all tasks have ended, for at most d, or until `when`; true: they have. wait() does not wait then.
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

  template <class Call> void run(Call& call, bool& ended) {
    ended = true;
    try {
      static_cast<void>(call());
    } catch (...) {
      if (detail::caught_goexit()) throw;
      fail(detail::take_caught_panic());
    }
  }

  void function_ended() { running_.done(); }
  void fail(panic_value why);
  void throw_first();
  void finish(bool unwinding);

  wait_group running_;
  context ctx_;
  cancel_function cancel_;
  const int uncaught_ = std::uncaught_exceptions();
  mutable mutex lock_;
  std::vector<panic_value> failures_;  // guarded by lock_
  bool thrown_ = false;                // guarded by lock_: the first of them
};

}  // namespace gos
