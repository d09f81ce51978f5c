// futex: waits only while the word holds, times out, is woken.
#include "platform/futex.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "platform/clock.hpp"

namespace gos::rt {
namespace {

TEST(Futex, ReturnsAtOnceWhenTheWordDiffers) {
  std::atomic<std::uint32_t> word{1};
  EXPECT_TRUE(futex_wait(word, 0));
  EXPECT_TRUE(futex_wait(word, 0, 0));
}

TEST(Futex, TimesOut) {
  std::atomic<std::uint32_t> word{0};
  const std::int64_t start = monotonic_ns();
  while (futex_wait(word, 0, 5'000'000)) {
  }
  EXPECT_GE(monotonic_ns() - start, 5'000'000);
  EXPECT_FALSE(futex_wait(word, 0, 0));
}

TEST(Futex, TakesTimeoutsOfManyYears) {
  std::atomic<std::uint32_t> word{0};
  std::thread waker([&] {
    // relaxed: the value is all that counts.
    word.store(1, std::memory_order_relaxed);
    futex_wake(word, 1);
  });
  // relaxed: as above.
  while (word.load(std::memory_order_relaxed) == 0) EXPECT_TRUE(futex_wait(word, 0, INT64_MAX));
  waker.join();
}

TEST(Futex, WakesAllWhoWait) {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      // acquire: pairs with: the store below.
      while (word.load(std::memory_order_acquire) == 0) futex_wait(word, 0);
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  // release: pairs with: the load above.
  word.store(1, std::memory_order_release);
  futex_wake(word, 4);
  for (auto& waiter : waiters) waiter.join();
}

TEST(Futex, WakeKeepsErrno) {
  std::atomic<std::uint32_t> word{0};
  errno = 77;
  futex_wake(word, 1);
  EXPECT_EQ(errno, 77);
}

}  // namespace
}  // namespace gos::rt
