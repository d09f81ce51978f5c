// mutex: mutual exclusion that parks the goroutine, never the thread.
//
//   gos::mutex lock;                        // unlocked; may be a global
//   {
//     const std::lock_guard held(lock);     // also unique_lock, scoped_lock, condition_variable
//     ++counter;
//   }
//
// For goroutines and plain threads alike. A mutex has no owner: whoever likes may unlock it; it is not
// recursive. It may be held over anything that parks: a channel operation, a sleep, a read.
//
// Lifetime: a mutex may be destroyed as soon as it is unlocked and nobody is about to lock it, also while another
// goroutine is still returning from unlock(): unlock does not touch the mutex after it has released it.
// Ordering: unlock number n happens before the return of lock number m, for n < m; a failed try_lock orders nothing.
// Order of waiters: first come, first served, but a newcomer may overtake; from 1 ms of waiting on the mutex is
// handed from waiter to waiter and nobody overtakes.
//
// Waiting may be limited: by a time (try_lock_for, try_lock_until, so std::unique_lock's constructors for times work), or
// by a stop condition, a std::stop_token or a gos::context. gos::locked (arms.hpp) makes it an arm of a select. Who waits
// in one of these ways is given the mutex directly when its turn comes.
//
// Source: Go sync/mutex.go, internal/sync/mutex.go; contract MU-01..MU-07. The protocol is told in src/sync/mutex.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include <gossamer/detail/holder.hpp>
#include <gossamer/detail/limit.hpp>

namespace gos {

namespace rt {
struct goroutine;
struct sleeper;
}

namespace detail {

// How many mutexes whose address falls here have waiters that unlock must look for. In a table of its own, because
// unlock looks at it when the mutex may already be gone.
struct alignas(64) mutex_waiters {
  std::atomic<std::uint32_t> count{0};
};
inline constexpr std::size_t mutex_waiters_bits = 8;
extern mutex_waiters mutex_waiters_table[std::size_t{1} << mutex_waiters_bits];

inline mutex_waiters& mutex_waiters_of(const void* address) noexcept {
  const std::uint64_t hash = reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U;
  return mutex_waiters_table[hash >> (64 - mutex_waiters_bits)];
}

// Somebody may be parked on the mutex that was at this address: wakes the first, if so.
void mutex_wake(const void* address) noexcept;

class mutex_object;
class condition_object;
struct lock_access;  // for reports: who holds it; src/sync/holders.hpp
void make_mutex_object(void* to, void* from);

}  // namespace detail

class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // Waits until the mutex is free and takes it. A goroutine that locks twice waits for ever.
  [[gnu::always_inline]] void lock() {
    std::uint32_t expected = 0;
    // acquire: pairs with unlock(). relaxed on failure: nothing is known then.
    if (!locked_.compare_exchange_strong(expected, detail::this_holder(), std::memory_order_acquire, std::memory_order_relaxed))
        [[unlikely]] {
      lock_slow();
    }
  }

  // Takes the mutex if that needs no waiting. Never blocks; fails also while the mutex is being handed over.
  [[gnu::always_inline]] bool try_lock() {
    std::uint32_t expected = 0;
    // relaxed: a look before the leap. acquire: pairs with unlock(). relaxed on failure: a failed try orders nothing.
    return locked_.load(std::memory_order_relaxed) == 0 &&
           locked_.compare_exchange_strong(expected, detail::this_holder(), std::memory_order_acquire,
                                           std::memory_order_relaxed);
  }

  // The same, waiting for at most d, or until `when`. False: the time was up first.
  template <any_duration D> [[nodiscard]] bool try_lock_for(const D& d) {
    return try_lock() || detail::wait_within(arm(), detail::limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, D>& when) {
    return try_lock() || detail::wait_within(arm(), detail::limit_until(when));
  }

  // Waits until the mutex is free and takes it, unless `stop` comes first. A std::stop_token: true if the mutex was
  // taken. A context: empty if it was, else the context's err(). If the condition holds already, nothing is taken.
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> lock(const S& stop) {
    return detail::wait_unless(
        stop, [this] { return try_lock(); }, arm());
  }

  // Releases the mutex. Fatal if it is not locked: `fatal error: sync: unlock of unlocked mutex`.
  [[gnu::always_inline]] void unlock() {
    // Hashed before the release: afterwards the address is only a number.
    detail::mutex_waiters& waiters = detail::mutex_waiters_of(this);
    // relaxed: who unlocks rightly is ordered after the lock.
    if (locked_.load(std::memory_order_relaxed) == 0) [[unlikely]]
      unlock_of_unlocked();
    // relaxed: a stale `quick` is what the barrier of the waiter is for (INV3 in src/sync/mutex.cpp).
    if (mode_.load(std::memory_order_relaxed) == quick) [[likely]] {
      // release: pairs with lock() and try_lock().
      locked_.store(0, std::memory_order_release);
      // seq_cst: holds the compiler back only; the processor is held back by the waiter, from afar (INV3).
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else if (!unlock_slow()) {
      return;
    }
    // seq_cst: pairs with the count of the waiter, against its look at locked_ (INV2, INV3).
    if (waiters.count.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      detail::mutex_wake(this);
  }

 private:
  friend void detail::mutex_wake(const void* address) noexcept;
  friend class detail::mutex_object;
  friend struct detail::select_access;
  friend class detail::condition_object;
  friend class condition_variable;
  friend struct detail::lock_access;

  // How unlock has to release. Written by waiters and by the holder, under the lock of the address's bucket.
  static constexpr std::uint8_t quick = 0;     // by a plain store
  static constexpr std::uint8_t fenced = 1;    // by an atomic exchange: somebody has waited lately
  static constexpr std::uint8_t starving = 2;  // by handing over to the first waiter

  detail::select_arm arm() const noexcept { return detail::object_arm(this, detail::make_mutex_object); }
  void lock_slow() noexcept;
  bool unlock_slow() noexcept;  // false: handed over
  void unlock_in_kernel() noexcept;
  static void wake(const void* address) noexcept;
  bool spin() noexcept;
  bool leave_queue(rt::sleeper& me) noexcept;
  void take_out(rt::sleeper& s) noexcept;
  void update_count() noexcept;
  bool hand_over() noexcept;
  void settle() noexcept;
  bool has_queued() noexcept;
  enum class grant : std::uint8_t { given, taken, lost };
  grant grant_to(rt::sleeper& s) noexcept;
  [[noreturn]] static void unlock_of_unlocked() noexcept;

  std::atomic<std::uint32_t> locked_{0};  // 0: free; else who holds it, a detail::holder_word
  std::atomic<std::uint8_t> mode_{quick};
  bool woken_ : 1 = false;    // a woken waiter is about to try; guarded by the bucket
  bool counted_ : 1 = false;  // in mutex_waiters; guarded by the bucket
  std::uint16_t calm_ = 0;  // fenced unlocks since the last settle(); the holder's
};

}  // namespace gos
