// Channel timers, tickers and gos::after: what is received when, and what is not after stop and reset.
#include "fixture.hpp"

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::timer> && std::is_nothrow_move_constructible_v<gos::timer>);

TEST(Timer, delivers_the_due_moment_once) {
  const auto before = gos::now();
  gos::timer t(2ms);
  const auto after = gos::now();
  gos::sleep(10ms);
  const auto got = t.channel().recv();  // read late
  ASSERT_TRUE(got.has_value());
  EXPECT_GE(*got, before + 2ms);
  EXPECT_LE(*got, after + 2ms);
  EXPECT_EQ(t.channel().try_recv().error(), gos::recv_status::empty);
}

TEST(Timer, wakes_who_waits) {
  const auto begun = gos::now();
  const auto got = gos::timer(3ms).channel().recv();
  EXPECT_GE(*got, begun + 3ms);
  EXPECT_GE(gos::now(), *got);
  gos::wait_group group;
  for (int i = 0; i < 20; ++i) {
    group.go([i] {
      const auto start = gos::now();
      const auto d = std::chrono::microseconds(100 * i);
      EXPECT_GE(*gos::after(d).recv(), start + d);
    });
  }
  group.wait();
}

TEST(Timer, has_no_length_and_no_capacity) {
  gos::timer t(0s);
  gos::ticker tick(1ms);
  gos::sleep(5ms);
  EXPECT_EQ(t.channel().size(), 0U);
  EXPECT_EQ(t.channel().capacity(), 0U);
  EXPECT_EQ(tick.channel().size(), 0U);
  EXPECT_EQ(tick.channel().capacity(), 0U);
}

TEST(Timer, stop_leaves_nothing_to_receive) {
  gos::timer t(1ms);
  gos::sleep(5ms);
  EXPECT_TRUE(t.stop());  // expired, but nobody has received it
  EXPECT_FALSE(t.channel().try_recv().has_value());
  EXPECT_FALSE(t.stop());
  gos::timer received(0s);
  EXPECT_TRUE(received.channel().recv().has_value());
  EXPECT_FALSE(received.stop());
  gos::timer early(1h);
  EXPECT_TRUE(early.stop());
  EXPECT_FALSE(early.stop());
}

TEST(Timer, reset_leaves_nothing_of_the_old_setting) {
  gos::timer t(1ms);
  gos::sleep(3ms);
  EXPECT_TRUE(t.reset(1h));
  EXPECT_FALSE(t.channel().try_recv().has_value());
  const auto before = gos::now();
  EXPECT_TRUE(t.reset(5ms));
  EXPECT_GE(*t.channel().recv(), before + 5ms);
  EXPECT_FALSE(t.reset(1ms));
  EXPECT_TRUE(t.channel().recv().has_value());
  EXPECT_FALSE(t.stop());
  EXPECT_FALSE(t.reset(0s));
  EXPECT_TRUE(t.channel().recv().has_value());
}

TEST(Timer, reset_moves_a_waiting_receiver) {
  gos::timer t(1h);
  gos::wait_group group;
  std::atomic<bool> got = false;
  group.go([&] {
    EXPECT_TRUE(t.channel().recv().has_value());
    got = true;
  });
  ASSERT_TRUE(blocked("chan receive"));
  EXPECT_TRUE(t.reset(2h));
  EXPECT_TRUE(t.stop());
  EXPECT_FALSE(t.reset(2h));
  EXPECT_FALSE(got.load());
  EXPECT_TRUE(t.reset(1ms));
  group.wait();
  EXPECT_TRUE(got.load());
}

// One value for one of them; the others go on waiting.
TEST(Timer, one_expiry_wakes_one_of_many) {
  gos::timer t(1h);
  gos::wait_group group;
  std::atomic<int> got = 0;
  for (int i = 0; i < 5; ++i) {
    group.go([&, ch = t.channel()] {
      EXPECT_TRUE(ch.recv().has_value());
      ++got;
    });
  }
  ASSERT_TRUE(blocked("chan receive", 5));
  for (int i = 1; i <= 5; ++i) {
    t.reset(1ms);
    ASSERT_TRUE(eventually([&] { return got == i; }));
    gos::sleep(2ms);
    ASSERT_EQ(got.load(), i);
    EXPECT_FALSE(t.stop());
  }
  group.wait();
}

// Who loses the value in stop or reset is told so: exactly one of the two sides has it (TM-07).
TEST(Timer, stop_races_with_expiry) {
  for (int i = 0; i < rounds(2000); ++i) {
    gos::timer t(std::chrono::microseconds(i % 50));
    std::atomic<int> received = 0;
    auto quit = gos::make_chan<void>();
    gos::wait_group group;
    group.go([&, ch = t.channel()] { gos::select(gos::recv(ch, [&] { ++received; }), gos::recv(quit)); });
    if (i % 3 == 0) burn(std::chrono::microseconds(i % 70));
    const bool stopped = t.stop();
    if (stopped) quit.close();
    group.wait();
    ASSERT_EQ(received.load(), stopped ? 0 : 1) << i;
  }
}

TEST(Timer, reset_races_with_expiry) {
  gos::timer t(1h);
  std::atomic<int> received = 0;
  std::atomic<bool> done = false;
  gos::wait_group group;
  group.go([&, ch = t.channel()] {
    while (!done.load()) {
      if (gos::select(gos::recv(ch, [&] { ++received; }), gos::after(200ms, [] {})) == 1) continue;
    }
  });
  int expected = 0;
  for (int i = 0; i < rounds(3000); ++i) {
    if (!t.reset(std::chrono::microseconds(i % 20))) ++expected;
    if (i % 4 == 0) gos::yield();
    if (i % 32 == 0) gos::sleep(30us);
  }
  if (!t.stop()) ++expected;
  // Each call that returned false stands for one value that somebody has received.
  EXPECT_TRUE(eventually([&] { return received == expected; })) << received << " of " << expected;
  done = true;
  group.wait();
}

TEST(Timer, uninitialized) {
  gos::timer t;
  EXPECT_FALSE(t.channel());
  EXPECT_EQ(panic_text([&] { t.stop(); }), "time: Stop called on uninitialized Timer");
  EXPECT_EQ(panic_text([&] { t.reset(1s); }), "time: Reset called on uninitialized Timer");
  gos::ticker tick;
  EXPECT_FALSE(tick.channel());
  tick.stop();
  EXPECT_EQ(panic_text([&] { tick.reset(1s); }), "time: Reset called on uninitialized Ticker");
  t = gos::timer(0s);
  EXPECT_TRUE(t.channel().recv().has_value());
}

TEST(Timer, the_channel_outlives_the_handle) {
  gos::recv_chan<gos::time_point> ch;
  {
    gos::timer t(2ms);
    ch = t.channel();
    gos::timer moved(std::move(t));
  }
  EXPECT_TRUE(ch.recv().has_value());
}

TEST(Timer, huge_durations_do_not_disturb) {
  gos::timer never(std::chrono::hours::max());
  const auto forever = gos::after(std::chrono::nanoseconds::max());
  EXPECT_EQ(gos::select(gos::recv(never.channel()), gos::recv(forever), gos::recv(gos::after(2ms))), 2U);
}

// A select that goes away takes its alarm along; the timer remains usable.
TEST(Timer, selects_that_lose) {
  gos::timer t(1h);
  for (int i = 0; i < rounds(2000); ++i) {
    EXPECT_EQ(gos::select(gos::recv(t.channel()), gos::recv(gos::after(1us))), 1U);
  }
  t.reset(1ms);
  EXPECT_EQ(gos::select(gos::recv(t.channel()), gos::recv(gos::after(1h))), 0U);
}

TEST(Timer, a_million_zero_timers) {
  for (int i = 0; i < rounds(100'000); ++i) ASSERT_TRUE(gos::after(0s).recv().has_value());
}

TEST(Ticker, keeps_to_its_grid_and_drops_what_is_missed) {
  gos::ticker tick(5ms);
  const auto first = *tick.channel().recv();
  gos::sleep(22ms);
  const auto second = *tick.channel().recv();  // the oldest missed tick
  EXPECT_EQ((second - first) % 5ms, 0ns);
  const auto third = *tick.channel().recv();
  EXPECT_EQ((third - first) % 5ms, 0ns);
  EXPECT_GE(third - second, 20ms);  // at least three were due meanwhile and are dropped
}

TEST(Ticker, stop_and_reset) {
  gos::ticker tick(1ms);
  EXPECT_TRUE(tick.channel().recv().has_value());
  gos::sleep(3ms);
  tick.stop();
  EXPECT_FALSE(tick.channel().try_recv().has_value());
  gos::sleep(3ms);
  EXPECT_EQ(tick.channel().try_recv().error(), gos::recv_status::empty);
  const auto before = gos::now();
  tick.reset(2ms);
  const auto first = *tick.channel().recv();
  EXPECT_GE(first, before + 2ms);
  EXPECT_EQ((*tick.channel().recv() - first) % 2ms, 0ns);
}

TEST(Ticker, several_receivers_share_the_ticks) {
  gos::ticker tick(1ms);
  std::atomic<int> got = 0;
  gos::wait_group group;
  for (int i = 0; i < 4; ++i) {
    group.go([&, ch = tick.channel()] {
      for (int n = 0; n < 10; ++n) {
        EXPECT_TRUE(ch.recv().has_value());
        ++got;
      }
    });
  }
  group.wait();
  EXPECT_EQ(got.load(), 40);
}

TEST(Ticker, resets_while_receivers_wait) {
  gos::ticker tick(1h);
  std::atomic<int> got = 0;
  std::atomic<bool> done = false;
  gos::wait_group group;
  for (int i = 0; i < 2; ++i) {
    group.go([&, ch = tick.channel()] {
      while (!done.load()) {
        ch.recv();
        ++got;
      }
    });
  }
  for (int i = 0; i < rounds(2000); ++i) {
    tick.reset(std::chrono::microseconds(1 + i % 30));
    if (i % 8 == 0) gos::sleep(20us);
  }
  EXPECT_TRUE(eventually([&] { return got > 10; }));
  done = true;
  group.wait();
}

TEST(Ticker, needs_a_positive_period) {
  EXPECT_EQ(panic_text([] { gos::ticker tick(0s); }), "non-positive interval for NewTicker");
  gos::ticker tick(1h);
  EXPECT_EQ(panic_text([&] { tick.reset(-1s); }), "non-positive interval for Ticker.Reset");
  EXPECT_FALSE(gos::tick(0s));
  EXPECT_TRUE(gos::tick(1us).recv().has_value());
}

}  // namespace
