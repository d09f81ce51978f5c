// Contract section 7: sleep, after_func, and what dropped handles cost. Channel timers and tickers are in tm_timers_test.cpp.
#include "child.hpp"
#include "fixture.hpp"

using namespace gos_test;

namespace {

template <class D>
concept sleeps = requires(D d) {
  gos::sleep(d);
};

TEST(TM, TM_01_sleep) {
  static_assert(sleeps<std::chrono::milliseconds> && sleeps<std::chrono::duration<double>> &&
                sleeps<std::chrono::hours>);
  static_assert(!sleeps<int> && !sleeps<unsigned long>);
  auto body = [] {
    for (const auto d : {1us, 100us, 1000us, 5000us}) {
      const auto from = std::chrono::steady_clock::now();
      gos::sleep(d);
      EXPECT_GE(std::chrono::steady_clock::now() - from, d);
    }
    gos::sleep(0s);
    gos::sleep(-1h);
    gos::sleep(std::chrono::duration<double>(-1e300));
    gos::sleep_until(gos::now() - 1h);
    const auto from = gos::now();
    gos::sleep(std::chrono::duration<double, std::milli>(1.5));
    EXPECT_GE(gos::now() - from, 1500us);
  };
  gos::run(body);
  body();
}

TEST(TM, TM_01_sleeping_for_ever_disturbs_nobody) {
  auto forever = gos::make_chan<void>();
  gos::run([=] {
    // After the largest duration there is, in several units; the selects are ended from outside.
    for (int i = 0; i < 3; ++i) {
      gos::go([=] {
        auto woken = [] { ADD_FAILURE() << "the end of time has come"; };
        switch (i) {
          case 0:
            gos::select(gos::recv(forever), gos::after(std::chrono::hours::max(), woken));
            break;
          case 1:
            gos::select(gos::recv(forever), gos::after(gos::duration::max(), woken));
            break;
          default:
            gos::select(gos::recv(forever), gos::after(std::chrono::duration<double>(1e300), woken));
            break;
        }
      });
    }
    ASSERT_TRUE(blocked("select", 3));
    for (int i = 0; i < 10; ++i) gos::sleep(1ms);
    EXPECT_EQ(in_state("select"), 3);
    forever.close();
  });
}

TEST(TM, TM_01_sleeping_for_ever) {
  const auto r = run_child("death_chan", {"sleep-forever"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "sleep\nsleep\nsleep\nsleep\n") << r;
}

TEST(TM, TM_02_after_is_never_early) {
  gos::run([] {
    const auto from = gos::now();
    const auto when = gos::after(5ms).recv();
    ASSERT_TRUE(when);
    EXPECT_GE(gos::now() - from, 5ms);
    EXPECT_GE(*when - from, 5ms);
    EXPECT_LE(*when, gos::now());
  });
}

TEST(TM, TM_08_after_func) {
  gos::run([] {
    auto fired = gos::make_chan<std::uint64_t>(1);
    auto timer = gos::after_func(1ms, [=] { fired.send(goroutine_id()); });
    EXPECT_NE(fired.recv(), goroutine_id());
    EXPECT_FALSE(timer.stop());
    // Stopped in time it never runs; a dropped handle stops nothing.
    std::atomic<bool> ran = false;
    auto stopped = gos::after_func(1h, [&] { ran = true; });
    EXPECT_TRUE(stopped.stop());
    EXPECT_FALSE(stopped.stop());
    {
      auto dropped = gos::after_func(1ms, [=] { fired.send(1); });
    }
    EXPECT_EQ(fired.recv(), 1U);
    EXPECT_FALSE(ran);
  });
}

TEST(TM, TM_08_stop_waits_for_nobody_and_runs_may_overlap) {
  gos::run([] {
    auto entered = gos::make_chan<void>(2);
    auto leave = gos::make_chan<void>();
    std::atomic<int> left = 0;
    auto timer = gos::after_func(0s, [&] {
      entered.send();
      leave.recv();
      ++left;
    });
    EXPECT_FALSE(timer.channel());
    entered.recv();
    // It is running, and will until we say so.
    EXPECT_FALSE(timer.stop());
    EXPECT_FALSE(timer.reset(0s));
    entered.recv();
    EXPECT_EQ(left, 0);
    EXPECT_FALSE(timer.stop());
    leave.close();
    EXPECT_TRUE(eventually([&] { return left == 2; }));
    EXPECT_FALSE(timer.reset(1h));
    EXPECT_TRUE(timer.stop());
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(TM, TM_08_stop_says_whether_the_call_was_started) {
  gos::run([] {
    std::atomic<int> ran = 0;
    int started = 0;
    for (int i = 0; i < rounds(2000); ++i) {
      auto timer = gos::after_func(std::chrono::microseconds(i % 30), [&] { ++ran; });
      burn(std::chrono::microseconds(i % 40));
      started += !timer.stop();
    }
    EXPECT_TRUE(eventually([&] { return ran == started; })) << ran << " of " << started;
    EXPECT_TRUE(goroutine_count_settles(1));
    EXPECT_EQ(ran, started);
  });
}

TEST(TM, TM_09_due_order) {
  gos::run([] {
    auto order = gos::make_chan<int>(5);
    procs p(1);
    auto random = rng();
    std::vector<int> delays{0, 1, 2, 3, 4};
    std::shuffle(delays.begin(), delays.end(), random);
    // So far apart that whoever is woken first also runs first, though the machine may set a thread aside for a while.
    const auto step = scaled(500ms);
    const auto base = gos::now() + step;
    for (int d : delays) {
      gos::go([=] {
        gos::sleep_until(base + d * step);
        order.send(d);
      });
    }
    for (int i = 0; i < 5; ++i) EXPECT_EQ(order.recv(), i);
  });
}

TEST(TM, TM_15_many_short_timers_none_missed) {
  gos::run([] {
    for (int i = 0; i < rounds(20'000); ++i) gos::sleep(1ns);
    gos::wait_group group;
    for (int g = 0; g < 20; ++g) {
      group.go([] {
        for (int i = 0; i < rounds(500); ++i) gos::sleep(std::chrono::microseconds(i % 7));
      });
    }
    group.wait();
  });
}

TEST(TM, TM_15_an_earlier_timer_wakes_sleeping_workers) {
  gos::run([] {
    for (int i = 0; i < rounds(50); ++i) {
      auto late = gos::after(1h);
      auto waiting = gos::spawn([=] { return gos::select(gos::recv(late), gos::after(2ms, [] {})); });
      // Everybody sleeps until the hour is over, unless the two milliseconds are noticed.
      EXPECT_EQ(waiting.join(), 1U);
    }
  });
}

TEST(TM, TM_16_dropped_timers_are_freed) {
  const auto drop_many = [](int n) {
    for (int i = 0; i < n; ++i) {
      gos::timer timer(1h);
      gos::ticker ticker(1h);
      (void)gos::after(1h);
      (void)gos::tick(1h);
      // One that somebody has waited for has been in the heap.
      if (i % 16 == 0)
        gos::select(gos::recv(timer.channel()), gos::recv(ticker.channel()), gos::after(0s, [] {}));
    }
  };
  gos::run([&] {
    drop_many(rounds(1000));
    const long before = status_kib("VmRSS");
    drop_many(rounds(100'000));
    // 400 000 of them; a hundred bytes each would be 40 MB. Sanitizers keep books of their own.
    if (!sanitized) { EXPECT_LT(status_kib("VmRSS") - before, 8192); }
  });
}

TEST(TM, TM_16_a_dropped_call_stays_scheduled) {
  gos::run([] {
    auto called = gos::make_chan<int>();
    counted::reset();
    {
      auto timer = gos::after_func(2ms, [=, c = counted(7)] { called.send(c.value); });
    }
    EXPECT_EQ(called.recv(), 7);
    EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
    {
      auto stopped = gos::after_func(1h, [c = counted(1)] {});
      EXPECT_TRUE(stopped.stop());
    }
    EXPECT_EQ(counted::alive, 0);
  });
}

TEST(TM, TM_16_timers_that_nobody_waits_for_wake_nobody) {
  if (tsan || slow_machine()) GTEST_SKIP() << "the process has threads that are not the runtime's";
  child idle("death_sched", {"idle-timers"});
  ASSERT_TRUE(idle.read_until("parked\n")) << idle.err();
  // Hundreds of tickers of a millisecond run; still nothing stirs for two seconds.
  EXPECT_TRUE(eventually([&] {
    const long before = context_switches(idle.pid());
    for (int i = 0; i < 20; ++i) {
      ::usleep(100'000);
      if (context_switches(idle.pid()) != before) return false;
    }
    return true;
  }));
}

TEST(TM, extra_a_thousand_sleepers) {
  gos::run([] {
    std::atomic<int> woken = 0;
    gos::wait_group group;
    auto random = rng();
    for (int i = 0; i < live(5000); ++i) {
      group.go([&, d = std::chrono::microseconds(random() % 20'000)] {
        const auto from = gos::now();
        gos::sleep(d);
        EXPECT_GE(gos::now() - from, d);
        ++woken;
      });
    }
    group.wait();
    EXPECT_EQ(woken, live(5000));
  });
}

}  // namespace
