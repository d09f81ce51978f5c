// clock: monotonic, and in step with std::chrono::steady_clock.
#include "platform/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace gos::rt {
namespace {

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

TEST(Clock, NeverGoesBack) {
  std::int64_t last = monotonic_ns();
  for (int i = 0; i < 100'000; ++i) {
    const std::int64_t now = monotonic_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, SharesTheEpochOfSteadyClock) {
  const std::int64_t before = steady_ns();
  const std::int64_t ours = monotonic_ns();
  const std::int64_t after = steady_ns();
  EXPECT_LE(before, ours);
  EXPECT_LE(ours, after);
}

}  // namespace
}  // namespace gos::rt
