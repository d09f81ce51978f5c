// gos::sleep and its relatives, on goroutines and plain threads.
#include "fixture.hpp"

using namespace gos_test;
using clock_type = std::chrono::steady_clock;

namespace {

template <class D>
concept sleepable = requires(D d) {
  gos::sleep(d);
};
static_assert(sleepable<std::chrono::hours> && sleepable<std::chrono::duration<double>>);
static_assert(!sleepable<int> && !sleepable<unsigned long>);

TEST(Sleep, lasts_at_least_as_long) {
  const auto check = [] {
    for (auto d : {1us, 300us, 5000us}) {
      const auto begun = clock_type::now();
      gos::sleep(d);
      EXPECT_GE(clock_type::now() - begun, d);
    }
    const auto begun = clock_type::now();
    gos::sleep(std::chrono::duration<double, std::milli>(1.5));
    EXPECT_GE(clock_type::now() - begun, 1500us);
  };
  check();
  gos::wait_group group;
  for (int i = 0; i < 10; ++i) group.go(check);
  group.wait();
}

TEST(Sleep, nothing_to_wait_for_returns_at_once) {
  gos::sleep(0s);
  gos::sleep(-1h);
  gos::sleep(std::chrono::hours::min());
  gos::sleep_until(gos::time_point{});
  gos::sleep_until(gos::now());
  SUCCEED();
}

TEST(Sleep, until_a_moment) {
  const auto when = gos::now() + 3ms;
  gos::sleep_until(when);
  EXPECT_GE(clock_type::now(), when);
  EXPECT_GE(gos::now(), when);
}

TEST(Sleep, sleepers_wake_in_due_order) {
  gos::mutex lock;
  std::vector<int> order;
  gos::wait_group group;
  // So far apart that whoever is woken first also runs first, though the machine may set a thread aside for a while.
  const auto step = scaled(500ms);
  const auto begun = gos::now() + step;
  for (int i = 4; i >= 0; --i) {
    group.go([&, i] {
      gos::sleep_until(begun + i * step);
      const std::lock_guard held(lock);
      order.push_back(i);
    });
  }
  group.wait();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Sleep, many_at_once) {
  std::atomic<int> woken = 0;
  gos::wait_group group;
  const int count = live(20'000);
  for (int i = 0; i < count; ++i) {
    group.go([&woken, i] {
      gos::sleep(std::chrono::microseconds(i % 5000));
      ++woken;
    });
  }
  group.wait();
  EXPECT_EQ(woken.load(), count);
}

}  // namespace
