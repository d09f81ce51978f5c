// Plain threads beside goroutines: they come, wait, wake, set timers and go, in masses.
#include <gossamer/gossamer.hpp>

#include "fixture.hpp"
#include "sched/sched.hpp"

using namespace gos_test;

namespace {

TEST(foreign, threads_come_and_go_while_they_exchange) {
  auto up = gos::make_chan<int>(), down = gos::make_chan<int>();
  gos::wait_group done;
  for (int i = 0; i < 3; ++i) {
    done.go([=] {
      for (int n : up) down.send(n + 1);
    });
  }
  std::atomic<long> exchanged{0};
  std::vector<std::thread> parents;
  for (int parent = 0; parent < 4; ++parent) {
    parents.emplace_back([&, parent] {
      for (int i = 0; i < rounds(150); ++i) {
        std::thread child([&, parent] {
          for (int k = 0; k < 5; ++k) {
            up.send(parent);
            const auto got = down.recv();
            EXPECT_TRUE(got.has_value());
            ++exchanged;
          }
        });
        if (i % 2 == 0) gos::spawn([] { gos::yield(); }).join();
        child.join();
      }
    });
  }
  for (auto& thread : parents) thread.join();
  up.close();
  done.wait();
  EXPECT_EQ(exchanged, 4L * rounds(150) * 5);
}

// Two plain threads wait for each other through the runtime, with no goroutine at all.
TEST(foreign, threads_exchange_among_themselves) {
  auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
  const int n = rounds(3000);
  std::thread other([=] {
    for (int i = 0; i < n; ++i) b.send(a.recv().value() + 1);
  });
  for (int i = 0; i < n; ++i) {
    a.send(i);
    EXPECT_EQ(b.recv(), i + 1);
  }
  other.join();
}

// A record is used again by the next thread although the last waker may still be at its futex.
TEST(foreign, records_are_used_again) {
  for (int i = 0; i < rounds(300); ++i) {
    auto ch = gos::make_chan<int>();
    std::thread receiver([=] { EXPECT_EQ(ch.recv(), 1); });
    std::thread sender([=] { ch.send(1); });
    receiver.join();
    sender.join();
  }
}

// Everything is asleep, the watchdog too, when a plain thread sets a timer or makes work: it must be noticed.
TEST(foreign, wakes_a_runtime_that_sleeps) {
  time_limit(120s);
  auto random = rng();
  for (int i = 0; i < 24; ++i) {
    // Sometimes long enough for the watchdog to go to sleep as well.
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 12 == 0 ? 1300 : random() % 130));
    const auto before = std::chrono::steady_clock::now();
    switch (random() % 3) {
      case 0: {
        auto called = gos::make_chan<int>(1);
        gos::after_func(std::chrono::milliseconds(random() % 120), [=] { called.send(1); });
        EXPECT_EQ(called.recv(), 1);
        break;
      }
      case 1: gos::timer(std::chrono::milliseconds(random() % 120)).channel().recv(); break;
      default: gos::spawn([] { gos::sleep(1ms); }).join();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, scaled(3s));
  }
}

// Timers set by plain threads at the moment when the last machines go to rest.
TEST(foreign, timers_meet_machines_that_go_to_rest) {
  auto random = rng();
  std::atomic<bool> stop{false};
  std::vector<std::thread> setters;
  std::atomic<long> late{0}, count{0};
  for (int i = 0; i < 2; ++i) {
    setters.emplace_back([&, random = rng()]() mutable {
      while (!stop.load()) {
        const auto wait = std::chrono::microseconds(200 + random() % 800);
        const auto before = std::chrono::steady_clock::now();
        gos::timer(wait).channel().recv();
        if (std::chrono::steady_clock::now() - before > scaled(2s)) ++late;
        ++count;
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + scaled(800ms);
  while (std::chrono::steady_clock::now() < end) {
    gos::spawn([] {}).join();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
  }
  stop = true;
  for (auto& thread : setters) thread.join();
  EXPECT_EQ(late, 0);
  EXPECT_GT(count, 0);
}

TEST(foreign, mutexes_are_shared_with_goroutines) {
  gos::mutex lock;
  long guarded = 0;
  const int n = rounds(4000);
  std::vector<std::thread> threads;
  gos::wait_group done;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < n; ++k) {
        const std::lock_guard guard(lock);
        ++guarded;
      }
    });
    done.go([&] {
      for (int k = 0; k < n; ++k) {
        const std::lock_guard guard(lock);
        ++guarded;
        if (k % 64 == 0) gos::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  done.wait();
  EXPECT_EQ(guarded, 6L * n);
}

TEST(foreign, run_is_called_again_and_again_from_different_threads) {
  for (int i = 0; i < rounds(100); ++i) {
    std::thread([i] {
      EXPECT_EQ(gos::run([i] {
                  auto ch = gos::make_chan<int>();
                  for (int k = 0; k < 4; ++k) {
                    gos::go([=] {
                      gos::yield();
                      ch.send(k);
                    });
                  }
                  int sum = 0;
                  for (int k = 0; k < 4; ++k) sum += ch.recv().value();
                  if (i % 4 == 0) gos::sleep(300us);
                  return sum + i;
                }),
                6 + i);
    }).join();
  }
}

TEST(foreign, run_from_several_threads_at_once) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < rounds(60); ++i) {
        EXPECT_EQ(gos::run([&] {
                    for (int k = 0; k < 3; ++k) gos::spawn([] { gos::yield(); }).join();
                    if (i % 8 == 0) gos::sleep(100us);
                    return t;
                  }),
                  t);
        gos::spawn([] {}).join();  // and as a plain thread in between
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
