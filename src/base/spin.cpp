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
    cpu_relax();
  } else if (turns_ <= spins + yields) {
    std::this_thread::yield();
  } else {
    // The holder has not had a CPU for long: leave it one.
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void spin_lock::lock_slow() noexcept {
  // Stays away for longer each time: looked at without a pause, the lock's line would leave the holder's cache at every
  // turn; left alone, the holder goes on for many turns with all that the lock protects in its cache.
  constexpr std::uint32_t pauses_first = 8;
  constexpr std::uint32_t pauses_max = 128;
  for (std::uint32_t pauses = pauses_first; pauses <= pauses_max; pauses *= 2) {
    for (std::uint32_t i = 0; i < pauses; ++i) cpu_relax();
    // relaxed: only a hint that the exchange is worth trying. acquire: pairs with the store in unlock().
    if (word_.load(std::memory_order_relaxed) == 0 && word_.exchange(1, std::memory_order_acquire) == 0) return;
  }
  backoff wait;
  do {
    // relaxed: only a hint that the exchange is worth trying.
    while (word_.load(std::memory_order_relaxed) != 0) wait.pause();
    // acquire: pairs with the store in unlock().
  } while (word_.exchange(1, std::memory_order_acquire) != 0);
}

}  // namespace gos::rt
