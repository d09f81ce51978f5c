// See spin.hpp.
#include "base/spin.hpp"

#include <chrono>
#include <thread>

namespace gos::rt {

void backoff::pause() noexcept {
  constexpr std::uint32_t spins = 100;
  constexpr std::uint32_t yields = 1000;
  ++turns_;
  if (turns_ <= spins) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  } else if (turns_ <= spins + yields) {
    std::this_thread::yield();
  } else {
    // The holder has not had a CPU for long: leave it one.
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void spin_lock::lock_slow() noexcept {
  backoff wait;
  do {
    // relaxed: only a hint that the exchange is worth trying.
    while (word_.load(std::memory_order_relaxed) != 0) wait.pause();
    // acquire: pairs with the store in unlock().
  } while (word_.exchange(1, std::memory_order_acquire) != 0);
}

}  // namespace gos::rt
