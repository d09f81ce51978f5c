// spin: the lock of the runtime's own short sections.
//
// Taken in kernel mode (see sched/machine.hpp), by sysmon, or by a thread that the runtime starts or
// ends with; never held over a switch, a system call that can block, an allocation or user code.
// (Two exceptions: the nothrow move of a channel element, with the end of what it was moved from; and
// the lock of the runtime's start, in sched/lifecycle.cpp, over allocations.) Unlocking is a plain
// store, so that an uncontended pair costs one atomic exchange; who waits long gives the CPU away,
// because the holder may have been descheduled.
// Rejected: a futex behind it, whose unlock must be an exchange too.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/align.hpp"

namespace gos::rt {

// Tells the CPU that this is a spinning loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // isb rather than yield: yield does nothing on most cores, isb waits some ten cycles as pause does.
  __asm__ volatile("isb" ::: "memory");
#endif
}

class spin_lock {
 public:
  constexpr spin_lock() noexcept = default;
  spin_lock(const spin_lock&) = delete;
  spin_lock& operator=(const spin_lock&) = delete;

  [[gnu::always_inline]] void lock() noexcept {
    if (GOS_UNLIKELY(!lock_quick())) lock_slow();
  }

  // lock() in two steps, for who calls the second in tail position. The first without a look before: it is expected to be free.
  [[nodiscard]] [[gnu::always_inline]] bool lock_quick() noexcept {
    // acquire: pairs with the store in unlock().
    return word_.exchange(1, std::memory_order_acquire) == 0;
  }
  void lock_slow() noexcept;

  [[gnu::always_inline]] bool try_lock() noexcept {
    // relaxed: a look before the leap, the exchange decides. acquire: pairs with unlock().
    return word_.load(std::memory_order_relaxed) == 0 && word_.exchange(1, std::memory_order_acquire) == 0;
  }

  // Where nobody else can be at it: a plain store (object_lock in sched/alone.hpp).
  [[gnu::always_inline]] bool try_lock_alone() noexcept {
    // relaxed, both: the caller's section has no rival that would have to see it.
    if (GOS_UNLIKELY(word_.load(std::memory_order_relaxed) != 0)) return false;
    word_.store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_acquire);  // acquire, the compiler's: the section stays behind the store
    return true;
  }

  [[gnu::always_inline]] void unlock() noexcept {
    // release: pairs with lock() and try_lock().
    word_.store(0, std::memory_order_release);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

// Scope form, in the manner of std::lock_guard, without <mutex>.
template <class Lock = spin_lock> class spin_guard {
 public:
  explicit spin_guard(Lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~spin_guard() { lock_.unlock(); }
  spin_guard(const spin_guard&) = delete;
  spin_guard& operator=(const spin_guard&) = delete;

 private:
  Lock& lock_;
};

// One turn of waiting for another thread: a pause at first, the CPU given away later.
class backoff {
 public:
  void pause() noexcept;

 private:
  std::uint32_t turns_ = 0;
};

}  // namespace gos::rt
