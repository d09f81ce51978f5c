// gos::after_func: a call on a goroutine of its own, its stop and reset, and the end of what it captured.
#include "fixture.hpp"

#include <functional>
#include <memory>

using namespace gos_test;

namespace {

TEST(AfterFunc, runs_on_a_goroutine_not_earlier) {
  const auto begun = gos::now();
  auto ran = gos::make_chan<gos::time_point>();
  auto t = gos::after_func(2ms, [=] { ran.send(gos::now()); });
  EXPECT_FALSE(t.channel());
  EXPECT_GE(*ran.recv(), begun + 2ms);
  EXPECT_FALSE(t.stop());
}

TEST(AfterFunc, stop_prevents_the_call) {
  std::atomic<int> ran = 0;
  auto t = gos::after_func(1h, [&] { ++ran; });
  EXPECT_TRUE(t.stop());
  EXPECT_FALSE(t.stop());
  EXPECT_FALSE(t.reset(0s));
  EXPECT_TRUE(eventually([&] { return ran == 1; }));
  EXPECT_FALSE(t.stop());
}

TEST(AfterFunc, stays_scheduled_when_dropped) {
  auto ran = gos::make_chan<int>();
  (void)gos::after_func(1ms, [=] { ran.send(1); });
  EXPECT_EQ(ran.recv(), 1);
}

TEST(AfterFunc, reset_moves_the_call) {
  std::atomic<int> ran = 0;
  auto t = gos::after_func(1h, [&] { ++ran; });
  EXPECT_TRUE(t.reset(2h));
  EXPECT_TRUE(t.reset(1ms));
  EXPECT_TRUE(eventually([&] { return ran == 1; }));
}

// A second run may begin while the first is still at it.
TEST(AfterFunc, runs_may_overlap) {
  auto entered = gos::make_chan<void>(2);
  auto leave = gos::make_chan<void>();
  std::atomic<int> left = 0;
  auto t = gos::after_func(0s, [&] {
    entered.send();
    leave.recv();
    ++left;
  });
  EXPECT_TRUE(entered.recv());
  EXPECT_FALSE(t.reset(0s));
  EXPECT_TRUE(entered.recv());
  leave.close();
  EXPECT_TRUE(eventually([&] { return left == 2; }));
}

// stop() == false means that f was started: the number of runs is exactly the number of lost races.
TEST(AfterFunc, stop_races_with_the_call) {
  std::atomic<int> ran = 0;
  int lost = 0;
  for (int i = 0; i < rounds(3000); ++i) {
    auto t = gos::after_func(std::chrono::microseconds(i % 30), [&] { ++ran; });
    burn(std::chrono::microseconds(i % 40));
    if (i % 16 == 0) gos::yield();
    if (!t.stop()) ++lost;
  }
  EXPECT_TRUE(eventually([&] { return ran == lost; })) << ran << " of " << lost;
}

TEST(AfterFunc, resets_from_many_goroutines) {
  std::atomic<int> ran = 0;
  std::atomic<int> scheduled = 1;
  auto t = gos::after_func(1us, [&] { ++ran; });
  gos::wait_group group;
  for (int g = 0; g < 4; ++g) {
    group.go([&] {
      for (int i = 0; i < rounds(1000); ++i) {
        if (!t.reset(std::chrono::microseconds(i % 10))) ++scheduled;
        if (i % 8 == 0) gos::sleep(10us);
      }
    });
  }
  group.wait();
  EXPECT_TRUE(eventually([&] { return ran == scheduled; })) << ran << " of " << scheduled;
}

TEST(AfterFunc, captures_end_with_the_last_run_or_handle) {
  counted::reset();
  {
    auto t = gos::after_func(0s, [c = counted(1)] {});
  }
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
  {
    auto t = gos::after_func(1h, [c = std::make_unique<counted>(2)] {});
    EXPECT_TRUE(t.stop());
    EXPECT_EQ(counted::alive.load(), 1);
  }
  EXPECT_EQ(counted::alive.load(), 0);
}

TEST(AfterFunc, sees_what_came_before) {
  for (int i = 0; i < rounds(200); ++i) {
    int value = 0;
    auto done = gos::make_chan<int>();
    auto t = gos::after_func(1h, [&] { done.send(value); });
    value = i + 1;
    t.reset(0s);
    EXPECT_EQ(done.recv(), i + 1);
  }
}

TEST(AfterFunc, calls_plain_functions_and_ends_by_goexit) {
  static std::atomic<int> ran;
  ran = 0;
  (void)gos::after_func(
      0s, +[] { ++ran; });
  (void)gos::after_func(0s, [] {
    ++ran;
    gos::goexit();
  });
  EXPECT_TRUE(eventually([] { return ran == 2; }));
}

}  // namespace
