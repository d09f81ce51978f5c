// condition_variable: wait, with a mutex, until others have changed something.
//
//   std::unique_lock held(lock);
//   changed.wait(held, [&] { return !queue.empty(); });
//   if (!changed.wait_for(held, 1s, [&] { return !queue.empty(); })) give_up();
//   changed.wait(held, stop, [&] { return !queue.empty(); });    // std::stop_token or gos::context
//
// Source: Go sync/cond.go; contract CO-01..CO-06.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>

#include <gossamer/mutex.hpp>

namespace gos {

namespace detail {
class condition_object;
}

// All members may be called from any goroutine or plain thread at the same time, with or without the mutex.
// Lifetime: may be destroyed when every waiter has been notified, even if some have not returned from wait() yet.
// Ordering: a notification happens before the return of the wait() that it ends.
class condition_variable {
 public:
  constexpr condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  // Ends the wait of who has waited longest. Without waiters it does nothing and is not remembered.
  void notify_one() noexcept {
    // relaxed: a waiter announces itself before it releases the mutex; who changed what it waits for comes after that.
    if (has_waiters_.load(std::memory_order_relaxed)) notify_one_slow();
  }

  // Ends the wait of everyone who waits at this moment.
  void notify_all() noexcept {
    // relaxed: as in notify_one().
    if (has_waiters_.load(std::memory_order_relaxed)) notify_all_slow();
  }

  // Releases the mutex and waits, as one step, until notified; then locks the mutex again. Never returns otherwise.
  // Panics with a runtime error if `lock` does not hold a mutex.
  void wait(std::unique_lock<mutex>& lock);

  // Waits until pred() holds, which is called with the mutex held.
  template <std::predicate P> void wait(std::unique_lock<mutex>& lock, P pred) {
    while (!pred()) wait(lock);
  }

  // Waits for at most d, or until `when`. The mutex is released meanwhile also if no time is left, and locked again,
  // without any limit, on return. Panics as wait() does.
  template <any_duration D> std::cv_status wait_for(std::unique_lock<mutex>& lock, const D& d) {
    return wait_within(lock, detail::limit_after(d)) ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Clock, class D>
  std::cv_status wait_until(std::unique_lock<mutex>& lock, const std::chrono::time_point<Clock, D>& when) {
    return wait_within(lock, detail::limit_until(when)) ? std::cv_status::no_timeout
                                                        : std::cv_status::timeout;
  }
  // The same until pred() holds; returns pred() as it is at the end.
  template <any_duration D, std::predicate P>
  bool wait_for(std::unique_lock<mutex>& lock, const D& d, P pred) {
    return wait_until(lock, detail::moment(d), std::move(pred));
  }
  template <class Clock, class D, std::predicate P>
  bool wait_until(std::unique_lock<mutex>& lock, const std::chrono::time_point<Clock, D>& when, P pred) {
    while (!pred()) {
      if (wait_until(lock, when) == std::cv_status::timeout) return pred();
    }
    return true;
  }

  // Waits until pred() holds, unless `stop` comes first. A std::stop_token: returns pred() as it is at the end. A
  // context: empty if pred() held, else the context's err().
  template <detail::stop_condition S, std::predicate P>
  detail::stop_result<S> wait(std::unique_lock<mutex>& lock, const S& stop, P pred) {
    const typename detail::stop_traits<S>::limit limit(stop);
    bool holds = pred();
    while (!holds && !limit.over()) {
      wait_within(lock, limit.arm());
      holds = pred();
    }
    return limit.outcome(holds);
  }

  // The sentence stays on the line of the name.
  // clang-format off
  template <class M, class... A>
  requires(!std::is_same_v<M, mutex>)
  void wait(std::unique_lock<M>&, A&&...) = delete;  // waits with a std::unique_lock of a gos::mutex
  // clang-format on

 private:
  friend class detail::condition_object;

  bool wait_within(std::unique_lock<mutex>& lock, const detail::select_arm& limit);
  void note_waiters() noexcept;
  void notify_one_slow() noexcept;
  void notify_all_slow() noexcept;

  std::atomic<bool> has_waiters_{false};
};

}  // namespace gos
