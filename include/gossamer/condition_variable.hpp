// condition_variable: wait, with a mutex, until others have changed something.
//
//   std::unique_lock held(lock);
//   changed.wait(held, [&] { return !queue.empty(); });
//
// Source: Go sync/cond.go; contract CO-01..CO-06.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <mutex>

#include <gossamer/mutex.hpp>

namespace gos {

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
    // relaxed: a waiter counts itself before it releases the mutex; who changed what it waits for comes after that.
    if (waiters_.load(std::memory_order_relaxed) != 0) notify_one_slow();
  }

  // Ends the wait of everyone who waits at this moment.
  void notify_all() noexcept {
    // relaxed: as in notify_one().
    if (waiters_.load(std::memory_order_relaxed) != 0) notify_all_slow();
  }

  // Releases the mutex and waits, as one step, until notified; then locks the mutex again. Never returns otherwise.
  // Panics with a runtime error if `lock` does not hold a mutex.
  void wait(std::unique_lock<mutex>& lock);

  // Waits until pred() holds, which is called with the mutex held.
  template <std::predicate P> void wait(std::unique_lock<mutex>& lock, P pred) {
    while (!pred()) wait(lock);
  }

 private:
  void notify_one_slow() noexcept;
  void notify_all_slow() noexcept;

  std::atomic<std::uint32_t> waiters_{0};
};

}  // namespace gos
