// Contract section 2, the goroutines that hold on to a processor: loops that never enter the runtime, calls that block the
// thread behind its back, locks of the operating system held over a wait. None may hold up anybody else.
#include "child.hpp"
#include "fixture.hpp"

#include <mutex>
#include <numeric>
#include <thread>

using namespace gos_test;

namespace {

// Runs hog(stop) on `count` goroutines beside others, with `limit` processors. The hogs end only after the others have got
// somewhere: if they starve, the watchdog bites.
template <class Hog> void others_progress_beside(int limit, int count, Hog hog) {
  procs p(limit);
  gos::run([&] {
    std::atomic<bool> stop = false;
    gos::wait_group hogs;
    std::atomic<int> started = 0;
    for (int i = 0; i < count; ++i) {
      hogs.go([&] {
        ++started;
        hog(stop);
      });
    }
    // All hogs do hog, though each may have had to wait for a slice.
    while (started < count) gos::sleep(1ms);
    auto ping = gos::make_chan<int>(), pong = gos::make_chan<int>();
    gos::go([=] {
      for (int n : ping) pong.send(n + 1);
    });
    for (int i = 0; i < 10; ++i) {
      ping.send(i);  // Goroutines make progress,
      EXPECT_EQ(pong.recv(), i + 1);
      gos::sleep(2ms);           // and timers,
      gos::spawn([] {}).join();  // and fresh goroutines.
      gos::yield();
    }
    ping.close();
    stop = true;
    hogs.wait();
  });
}

void spin(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {}
}

TEST(SC, SC_03_a_spinning_goroutine_stops_nobody) { others_progress_beside(1, 1, spin); }

TEST(SC, SC_03_several_spinning_goroutines_stop_nobody) {
  others_progress_beside(1, 3, spin);
  others_progress_beside(2, 3, spin);
  others_progress_beside(4, 5, spin);
}

TEST(SC, SC_03_main_may_be_the_hog) {
  procs p(1);
  gos::run([] {
    std::atomic<int> ticks = 0;
    auto timer = gos::after_func(2ms, [&] { ++ticks; });
    gos::go([&] {
      gos::sleep(2ms);
      ++ticks;
    });
    while (ticks < 2) {}
  });
}

TEST(SC, SC_04_others_go_on_within_tens_of_milliseconds) {
  procs p(1);
  gos::run([] {
    std::atomic<bool> stop = false;
    gos::wait_group hogs;
    hogs.go(spin, std::ref(stop));
    std::vector<std::chrono::nanoseconds> waits;
    for (int i = 0; i < 21; ++i) {
      const auto from = std::chrono::steady_clock::now();
      gos::sleep(1ms);
      waits.push_back(std::chrono::steady_clock::now() - from);
    }
    stop = true;
    hogs.wait();
    std::sort(waits.begin(), waits.end());
    // The machine may be busy with other things, and then many of them are late; a runtime that is late always is.
    EXPECT_LT(waits[5], scaled(300ms));
  });
}

TEST(SC, SC_04_hogs_that_allocate) {
  for (int limit : {1, 2}) {
    others_progress_beside(limit, 3, [](const std::atomic<bool>& stop) {
      std::vector<std::unique_ptr<std::string>> kept(64);
      for (std::size_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        kept[i % 64] = std::make_unique<std::string>(16 + i * 37 % 5000, 'x');
      }
    });
  }
}

TEST(SC, SC_04_a_hog_in_a_sort) {
  others_progress_beside(1, 2, [](const std::atomic<bool>& stop) {
    std::vector<int> numbers(20'000);
    std::minstd_rand random(1);
    while (!stop.load(std::memory_order_relaxed)) {
      std::iota(numbers.begin(), numbers.end(), 0);
      std::shuffle(numbers.begin(), numbers.end(), random);
      std::sort(numbers.begin(), numbers.end());
    }
    EXPECT_TRUE(numbers.front() == 0 || stop);
  });
}

TEST(SC, SC_04_a_hog_in_a_destructor) {
  others_progress_beside(1, 1, [](const std::atomic<bool>& stop) {
    struct slow {
      const std::atomic<bool>& stop;
      ~slow() { spin(stop); }
    } object{stop};
  });
}

TEST(SC, SC_04_a_hog_that_throws_and_catches) {
  others_progress_beside(1, 2, [](const std::atomic<bool>& stop) {
    int caught = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      try {
        throw caught;
      } catch (int n) { caught = n + 1; }
    }
    EXPECT_GT(caught, 0);
  });
}

TEST(SC, SC_04_a_hog_that_prints) {
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  ASSERT_NE(nowhere, nullptr);
  others_progress_beside(1, 2, [&](const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) std::fprintf(nowhere, "%d %s\n", 42, "forty-two");
  });
  std::fclose(nowhere);
}

TEST(SC, SC_10_a_read_that_the_library_knows_nothing_of) {
  for (int limit : {1, 2}) {
    int fd[2];
    ASSERT_EQ(::pipe(fd), 0);
    procs p(limit);
    gos::run([&] {
      gos::wait_group readers;
      std::atomic<int> bytes = 0;
      for (int i = 0; i < 3; ++i) {
        readers.go([&] {
          char byte;
          bytes += static_cast<int>(::read(fd[0], &byte, 1));
        });
      }
      for (int i = 0; i < 10; ++i) gos::sleep(1ms);
      gos::spawn([] { gos::yield(); }).join();
      EXPECT_EQ(bytes, 0);
      EXPECT_EQ(::write(fd[1], "abc", 3), 3);
      readers.wait();
      EXPECT_EQ(bytes, 3);
    });
    ::close(fd[0]);
    ::close(fd[1]);
  }
}

TEST(SC, SC_10_standard_input) {
  child reader("death_sched", {"read-stdin"}, {"GOS_MAXPROCS=1"});
  ASSERT_TRUE(reader.read_until("ten ticks\n")) << reader.err();
  reader.write("a line\n");
  const auto& r = reader.wait();
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "ten ticks\nread 7 bytes\n") << r;
}

TEST(SC, SC_10_endless_short_system_calls) {
  others_progress_beside(1, 2, [](const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) (void)::getppid();
  });
  others_progress_beside(1, 2, [](const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) gos::blocking([] { return ::getppid(); });
  });
}

TEST(SC, SC_10_blocking_gives_the_processor_away) {
  others_progress_beside(1, 2, [](const std::atomic<bool>& stop) {
    gos::blocking([&] {
      while (!stop.load(std::memory_order_relaxed)) ::usleep(1000);
    });
  });
}

// A function-local static whose making takes long and waits.
int slow_static(gos::chan<void> made) {
  static const int value = [&] {
    made.recv();
    return 42;
  }();
  return value;
}

TEST(SC, SC_13_parking_while_a_local_static_is_made) {
  for (int limit : {1}) {
    procs p(limit);
    gos::run([] {
      auto made = gos::make_chan<void>();
      gos::wait_group users;
      std::atomic<int> sum = 0;
      for (int i = 0; i < 6; ++i) users.go([&] { sum += slow_static(made); });
      for (int i = 0; i < 5; ++i) gos::sleep(2ms);
      EXPECT_EQ(sum, 0);
      made.close();
      users.wait();
      EXPECT_EQ(sum, 6 * 42);
    });
  }
}

TEST(SC, SC_13_parking_inside_call_once) {
  if (tsan) GTEST_SKIP() << "libstdc++ keeps the callable in a thread-local, which goroutines share as strangers there";
  procs p(1);
  gos::run([] {
    std::once_flag flag;
    auto made = gos::make_chan<void>();
    gos::wait_group users;
    std::atomic<int> calls = 0, done = 0;
    for (int i = 0; i < 4; ++i) {
      users.go([&] {
        std::call_once(flag, [&] {
          ++calls;
          made.recv();
        });
        ++done;
      });
    }
    for (int i = 0; i < 5; ++i) gos::sleep(2ms);
    EXPECT_EQ(done, 0);
    made.close();
    users.wait();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(done, 4);
  });
}

TEST(SC, SC_13_parking_with_a_mutex_of_the_system_held) {
  procs p(1);
  gos::run([] {
    std::mutex m;
    auto release = gos::make_chan<void>();
    auto held = gos::make_chan<void>();
    gos::wait_group users;
    int inside = 0;
    users.go([&] {
      gos::pin pinned;  // A mutex is unlocked by the thread that locked it.
      std::lock_guard lock(m);
      held.send();
      release.recv();
      ++inside;
    });
    held.recv();
    for (int i = 0; i < 4; ++i) {
      users.go([&] {
        std::lock_guard lock(m);
        ++inside;
      });
    }
    for (int i = 0; i < 5; ++i) gos::sleep(2ms);
    release.send();
    users.wait();
    EXPECT_EQ(inside, 5);
  });
}

TEST(SC, extra_the_runtime_still_sleeps_and_wakes_after_hogs) {
  others_progress_beside(2, 4, spin);
  gos::run([] {
    std::atomic<int> ran = 0;
    gos::wait_group group;
    for (int i = 0; i < live(1000); ++i) {
      group.go([&] {
        gos::sleep(1ms);
        ++ran;
      });
    }
    group.wait();
    EXPECT_EQ(ran, live(1000));
  });
}

}  // namespace
