// Contract section 7, channel timers, tickers and gos::after: what is received when, and what is not after stop and reset.
#include "fixture.hpp"

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::timer> && std::is_nothrow_move_constructible_v<gos::timer>);

TEST(TM, TM_02_the_value_is_the_due_moment) {
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

TEST(TM, TM_02_who_waits_is_woken_when_it_is_due) {
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

TEST(TM, TM_03_no_length_and_no_capacity) {
  gos::timer late(1h), due(0s), stopped(0s);
  gos::ticker tick(1ms);
  const auto after = gos::after(0s), ticks = gos::tick(1ms);
  stopped.stop();
  const gos::recv_chan<gos::time_point> channels[] = {late.channel(),    due.channel(), tick.channel(),
                                                      stopped.channel(), after,         ticks};
  const auto all_empty = [&] {
    return std::all_of(std::begin(channels), std::end(channels),
                       [](const auto& ch) { return ch.size() == 0 && ch.capacity() == 0; });
  };
  EXPECT_TRUE(all_empty());
  gos::sleep(5ms);
  EXPECT_TRUE(all_empty());  // though values are due
  EXPECT_TRUE(due.channel().recv().has_value());
  EXPECT_TRUE(tick.channel().recv().has_value());
  EXPECT_TRUE(all_empty());
  // With a receiver waiting.
  gos::wait_group group;
  group.go([ch = late.channel()] { EXPECT_TRUE(ch.recv().has_value()); });
  ASSERT_TRUE(blocked("chan receive"));
  EXPECT_TRUE(all_empty());
  late.reset(0s);
  group.wait();
}

TEST(TM, TM_04_stop_leaves_nothing_to_receive) {
  gos::timer t(1ms);
  gos::sleep(5ms);
  t.stop();
  EXPECT_EQ(t.channel().try_recv().error(), gos::recv_status::empty);
  EXPECT_EQ(gos::select(gos::recv(t.channel()), gos::after(5ms, [] {})), 1U);
  // Nor does a receiver that comes afterwards get anything until the timer is started anew.
  gos::wait_group group;
  std::atomic<bool> got = false;
  group.go([&, ch = t.channel()] {
    ch.recv();
    got = true;
  });
  ASSERT_TRUE(blocked("chan receive"));
  gos::sleep(5ms);
  EXPECT_EQ(in_state("chan receive"), 1);
  EXPECT_FALSE(got);
  t.reset(0s);
  group.wait();
}

TEST(TM, TM_05_what_stop_says) {
  gos::timer early(1h);
  EXPECT_TRUE(early.stop());
  EXPECT_FALSE(early.stop());
  gos::timer expired(1ms);
  gos::sleep(5ms);
  EXPECT_TRUE(expired.stop());  // nobody has received it
  EXPECT_FALSE(expired.stop());
  gos::timer received(0s);
  EXPECT_TRUE(received.channel().recv().has_value());
  EXPECT_FALSE(received.stop());
  gos::timer selected(0s);
  EXPECT_EQ(gos::select(gos::recv(selected.channel())), 0U);
  EXPECT_FALSE(selected.stop());
  gos::timer looked_at(0s);
  EXPECT_TRUE(looked_at.channel().try_recv().has_value());
  EXPECT_FALSE(looked_at.stop());
  // Waited for in vain is not received.
  gos::timer waited_for(1h);
  auto quit = gos::make_chan<void>();
  gos::wait_group group;
  group.go([&] { EXPECT_EQ(gos::select(gos::recv(waited_for.channel()), gos::recv(quit)), 1U); });
  ASSERT_TRUE(blocked("select"));
  EXPECT_TRUE(waited_for.stop());
  EXPECT_FALSE(waited_for.stop());
  quit.close();
  group.wait();
}

TEST(TM, TM_06_reset_leaves_nothing_of_the_old_setting) {
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

TEST(TM, TM_06_reset_moves_a_waiting_receiver) {
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
TEST(TM, TM_14_one_expiry_wakes_one_of_many) {
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
TEST(TM, TM_07_stop_races_with_expiry) {
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

TEST(TM, TM_07_reset_races_with_expiry) {
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

TEST(TM, TM_13_uninitialized) {
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

TEST(TM, TM_16_a_channel_is_a_handle) {
  gos::recv_chan<gos::time_point> ch;
  {
    gos::timer t(2ms);
    ch = t.channel();
    gos::timer moved(std::move(t));
  }
  EXPECT_TRUE(ch.recv().has_value());
}

TEST(TM, TM_01_huge_durations_do_not_disturb) {
  gos::timer never(std::chrono::hours::max());
  const auto forever = gos::after(std::chrono::nanoseconds::max());
  EXPECT_EQ(gos::select(gos::recv(never.channel()), gos::recv(forever), gos::recv(gos::after(2ms))), 2U);
}

// A select that goes away takes its alarm along; the timer remains usable.
TEST(TM, extra_selects_that_lose) {
  gos::timer t(1h);
  for (int i = 0; i < rounds(2000); ++i) {
    EXPECT_EQ(gos::select(gos::recv(t.channel()), gos::recv(gos::after(1us))), 1U);
  }
  t.reset(1ms);
  EXPECT_EQ(gos::select(gos::recv(t.channel()), gos::recv(gos::after(1h))), 0U);
}

TEST(TM, TM_15_a_million_zero_timers) {
  for (int i = 0; i < rounds(500'000); ++i) ASSERT_TRUE(gos::after(0s).recv().has_value());
  gos::timer t(1h);
  for (int i = 0; i < rounds(500'000); ++i) {
    ASSERT_EQ(t.reset(0s), i == 0);
    ASSERT_TRUE(t.channel().recv().has_value());
  }
}

// Also with somebody waiting already, who has to be woken.
TEST(TM, TM_15_zero_timers_that_are_waited_for) {
  gos::timer t(1h);
  auto got = gos::make_chan<void>();
  gos::wait_group group;
  const int count = rounds(20'000);
  group.go([&, ch = t.channel()] {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(ch.recv().has_value());
      got.send();
    }
  });
  for (int i = 0; i < count; ++i) {
    t.reset(0s);
    got.recv();
  }
  group.wait();
}

TEST(TM, TM_15_moved_to_an_earlier_moment) {
  // From a plain thread, when every worker has gone to sleep for an hour; then from goroutines.
  for (int i = 0; i < rounds(100); ++i) {
    gos::timer t(1h);
    gos::wait_group group;
    group.go([ch = t.channel()] { EXPECT_TRUE(ch.recv().has_value()); });
    ASSERT_TRUE(blocked("chan receive"));
    if (i % 4 == 0) ::usleep(3000);
    if (i % 2 == 0) {
      EXPECT_TRUE(t.reset(std::chrono::microseconds(10 * i)));
    } else {
      group.go([&] { EXPECT_TRUE(t.reset(std::chrono::microseconds(10 * i))); });
    }
    group.wait();
  }
  // One among many, in any order of their settings.
  auto random = rng();
  std::vector<gos::timer> timers;
  for (int i = 0; i < live(500); ++i) timers.emplace_back(1h);
  gos::wait_group group;
  for (gos::timer& t : timers) {
    group.go([ch = t.channel()] { EXPECT_TRUE(ch.recv().has_value()); });
  }
  ASSERT_TRUE(blocked("chan receive", live(500)));
  std::shuffle(timers.begin(), timers.end(), random);
  for (gos::timer& t : timers) EXPECT_TRUE(t.reset(std::chrono::minutes(1 + random() % 10)));
  for (gos::timer& t : timers) EXPECT_TRUE(t.reset(std::chrono::microseconds(random() % 2000)));
  group.wait();
}

TEST(TM, TM_10_at_most_one_tick_waits) {
  gos::ticker tick(50ms);
  const auto first = *tick.channel().recv();
  gos::sleep(220ms);
  // Four are due; one can be had without waiting, and the next lies in the future.
  const auto looked = gos::now();
  const auto waiting = tick.channel().try_recv();
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ((*waiting - first) % 50ms, 0ns);
  const auto next = *tick.channel().recv();
  EXPECT_EQ((next - first) % 50ms, 0ns);
  EXPECT_GT(next, looked);
  EXPECT_GE(next - *waiting, 150ms);
}

TEST(TM, TM_10_keeps_to_its_grid_and_drops_what_is_missed) {
  gos::ticker tick(5ms);
  const auto first = *tick.channel().recv();
  gos::sleep(22ms);
  const auto second = *tick.channel().recv();  // the oldest missed tick
  EXPECT_EQ((second - first) % 5ms, 0ns);
  const auto third = *tick.channel().recv();
  EXPECT_EQ((third - first) % 5ms, 0ns);
  EXPECT_GE(third - second, 20ms);  // at least three were due meanwhile and are dropped
}

TEST(TM, TM_11_stop_and_reset) {
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

TEST(TM, TM_11_stop_does_not_close_the_channel) {
  gos::ticker tick(1h);
  gos::wait_group group;
  std::atomic<int> got = 0;
  group.go([&, ch = tick.channel()] {
    EXPECT_TRUE(ch.recv().has_value());
    ++got;
  });
  ASSERT_TRUE(blocked("chan receive"));
  tick.reset(1h);
  tick.stop();
  gos::sleep(5ms);
  EXPECT_EQ(in_state("chan receive"), 1);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(tick.channel().try_recv().error(), gos::recv_status::empty);
  const auto from = gos::now();
  tick.reset(2ms);
  group.wait();
  EXPECT_GE(gos::now() - from, 2ms);
  EXPECT_EQ(got, 1);
}

TEST(TM, TM_14_receivers_share_the_ticks) {
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

TEST(TM, TM_11_resets_while_receivers_wait) {
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

TEST(TM, TM_12_a_period_is_positive) {
  EXPECT_EQ(panic_text([] { gos::ticker tick(0s); }), "non-positive interval for NewTicker");
  EXPECT_EQ(panic_text([] { gos::ticker tick(-1h); }), "non-positive interval for NewTicker");
  gos::ticker tick(1h);
  EXPECT_EQ(panic_text([&] { tick.reset(-1s); }), "non-positive interval for Ticker.Reset");
  EXPECT_EQ(panic_text([&] { tick.reset(0s); }), "non-positive interval for Ticker.Reset");
  EXPECT_FALSE(gos::tick(0s));
  EXPECT_FALSE(gos::tick(-1s));
  EXPECT_TRUE(gos::tick(1us).recv().has_value());
}

}  // namespace
