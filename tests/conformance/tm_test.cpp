// Contract section 7, what of it everything else here leans on: sleep, after, after_func and timers.
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
