// The scheduler as a whole, under loads that reach its rare paths: thieves, overflowing queues, stacks of other sizes, exceptions
// that are parked with their goroutine, machines that go to rest while work arrives.
#include <gossamer/gossamer.hpp>

#include <filesystem>
#include <stdexcept>

#include "child.hpp"
#include "fixture.hpp"
#include "platform/stack.hpp"
#include "sched/sched.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

// trees and floods ---------------------------------------------------------------------------------------------------

long tree(int depth) {
  if (depth == 0) return 1;
  auto left = gos::spawn(tree, depth - 1);
  auto right = gos::spawn(tree, depth - 1);
  return left.join() + right.join();
}

TEST(scheduler, grows_a_tree) {
  const int depth = tsan ? 9 : asan ? 11 : 14;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(gos::spawn(tree, depth).join(), 1L << depth);
}

TEST(scheduler, a_flood_from_one_goroutine_overflows_its_queue) {
  std::atomic<long> ran{0};
  gos::wait_group done;
  gos::spawn([&] {
    for (int i = 0; i < live(20'000); ++i) done.go([&] { ++ran; });
  }).join();
  done.wait();
  EXPECT_EQ(ran, live(20'000));
}

TEST(scheduler, a_crowd_is_made_ready_at_once) {
  const int n = live(5000);
  for (int round = 0; round < 3; ++round) {
    auto gate = gos::make_chan<void>();
    std::atomic<int> through{0};
    gos::wait_group done;
    for (int i = 0; i < n; ++i) {
      done.go([&] {
        gate.recv();
        ++through;
      });
    }
    EXPECT_TRUE(eventually([&] { return in_state("chan receive") == n; }, 60s));
    gate.close();
    done.wait();
    EXPECT_EQ(through, n);
  }
}

// stacks of other sizes ----------------------------------------------------------------------------------------------

[[gnu::noinline]] void use_stack(std::uint32_t mark, int bytes) {
  volatile std::uint32_t words[256];
  for (std::uint32_t i = 0; i < 256; ++i) words[i] = mark + i;
  if (bytes > 1024) {
    use_stack(mark + 1, bytes - 2048);
  } else {
    gos::yield();
  }
  for (std::uint32_t i = 0; i < 256; ++i) ASSERT_EQ(words[i], mark + i);
}

// They go to a common pool when their goroutine ends, and must not be used before it has left them.
TEST(scheduler, stacks_of_other_sizes_change_hands) {
  std::atomic<bool> stop{false};
  gos::wait_group done;
  std::atomic<long> ended{0};
  for (int i = 0; i < 8; ++i) {
    done.go([&, i] {
      std::uint32_t n = static_cast<std::uint32_t>(i) << 20;
      while (!stop.load(std::memory_order_relaxed)) {
        gos::wait_group some;
        for (int k = 0; k < 8; ++k) {
          const std::size_t size = std::size_t{64} << (10 + k % 2);
          some.add(1);
          gos::go({.stack_size = size}, [&, n, k] {
            if (k % 3 != 0) use_stack(n, k * 2048);
            ++ended;
            some.done();
          });
          ++n;
        }
        some.wait();
      }
    });
  }
  std::thread trimmer([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      rt::stack_pool_trim(64);
      std::this_thread::yield();
    }
  });
  std::this_thread::sleep_for(scaled(1s));
  EXPECT_TRUE(eventually([&] { return ended > 0; }));
  stop = true;
  trimmer.join();
  done.wait();
}

// exceptions ---------------------------------------------------------------------------------------------------------

struct parks_in_destructor {
  int expected;
  ~parks_in_destructor() {
    const int before = std::uncaught_exceptions();
    gos::yield();
    if (expected % 3 == 0) gos::sleep(20us);
    EXPECT_EQ(std::uncaught_exceptions(), before);
  }
};

// Parks at every level of nested handlers; each level's exception must still be its own afterwards.
void nested(int id, int level, gos::chan<int> mixer) {
  try {
    const parks_in_destructor guard{id + level};
    throw std::runtime_error(std::to_string(id) + "/" + std::to_string(level));
  } catch (const std::runtime_error& e) {
    const std::string mine = e.what();
    gos::yield();
    EXPECT_EQ(mine, std::to_string(id) + "/" + std::to_string(level));
    if (level > 0) nested(id, level - 1, mixer);
    mixer.send(id);
    mixer.recv();
    EXPECT_STREQ(e.what(), mine.c_str());
    try {
      throw;  // the innermost that is being handled, which must be this one
    } catch (const std::runtime_error& again) {
      EXPECT_EQ(&again, &e);
      gos::yield();
      EXPECT_EQ(again.what(), mine);
    }
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  }
}

TEST(scheduler, exceptions_stay_with_their_goroutine) {
  for (int round = 0; round < 3; ++round) {
    auto mixer = gos::make_chan<int>(8);
    gos::wait_group done;
    for (int id = 0; id < 40; ++id) done.go([=] { nested(id, 6, mixer); });
    done.wait();
  }
}

TEST(scheduler, an_exception_crosses_threads_in_flight) {
  std::atomic<int> seen{0};
  gos::wait_group done;
  for (int id = 0; id < 100; ++id) {
    done.go([&, id] {
      try {
        const parks_in_destructor a{id}, b{id + 1}, c{id + 2};
        throw id;
      } catch (int caught) {
        EXPECT_EQ(caught, id);
        ++seen;
      }
    });
  }
  done.wait();
  EXPECT_EQ(seen, 100);
}

// rest and wake-up ---------------------------------------------------------------------------------------------------

// Work arrives at random moments around the time when everybody goes to rest. None of it may wait for long.
TEST(scheduler, work_meets_machines_that_go_to_rest) {
  auto random = rng();
  std::int64_t worst_ns = 0;
  for (int i = 0; i < rounds(3000); ++i) {
    const auto before = std::chrono::steady_clock::now();
    auto handle = gos::spawn([depth = random() % 3] {
      for (std::size_t k = 0; k < depth; ++k) gos::spawn([] {}).join();
    });
    handle.join();
    worst_ns = std::max<std::int64_t>(worst_ns, (std::chrono::steady_clock::now() - before).count());
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(random() % 60'000);
    while (std::chrono::steady_clock::now() < until) {
    }
  }
  EXPECT_LT(worst_ns, std::chrono::nanoseconds(scaled(3s)).count());
}

TEST(scheduler, sleepers_wake_in_time_beside_rest) {
  std::atomic<long> late{0}, early{0};
  gos::wait_group done;
  for (int i = 0; i < 32; ++i) {
    done.go([&, random = rng()]() mutable {
      for (int k = 0; k < 60; ++k) {
        const auto wait = std::chrono::microseconds(random() % 20'000);
        const auto before = std::chrono::steady_clock::now();
        gos::sleep(wait);
        const auto passed = std::chrono::steady_clock::now() - before;
        if (passed < wait) ++early;
        if (passed > wait + scaled(2s)) ++late;
      }
    });
  }
  done.wait();
  EXPECT_EQ(early, 0);
  EXPECT_EQ(late, 0);
}

// Lone timers far apart: in between even the watchdog sleeps.
TEST(scheduler, a_lone_sleeper_is_not_forgotten) {
  for (int i = 0; i < 6; ++i) {
    const auto before = std::chrono::steady_clock::now();
    gos::spawn([] {
      gos::sleep(150ms);
      gos::go([] { gos::sleep(1ms); });
      gos::sleep(10ms);
    }).join();
    EXPECT_LT(std::chrono::steady_clock::now() - before, scaled(3s));
  }
}

long switches_of_all_threads() {
  long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "status");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("voluntary_ctxt_switches:")) sum += std::atol(line.c_str() + 24);
    }
  }
  return sum;
}

// Idle costs nothing: no thread of the runtime wakes up by itself. (The test's own watchdog wakes 20 times a second.)
TEST(scheduler, an_idle_program_sleeps) {
  auto never = gos::make_chan<void>();
  gos::wait_group done;
  for (int i = 0; i < 100; ++i) done.go([=] { never.recv(); });
  EXPECT_TRUE(eventually([] {
    const long before = switches_of_all_threads();
    std::this_thread::sleep_for(500ms);
    return switches_of_all_threads() - before < 20;
  }, 15s));
  never.close();
  done.wait();
}

// One goroutine that computes, others in plenty: they are found although nobody tells.
TEST(scheduler, work_left_behind_by_a_hog_is_found) {
  for (int i = 0; i < 10; ++i) {
    std::atomic<int> ran{0};
    std::atomic<bool> stop{false};
    gos::wait_group done;
    done.go([&] {
      for (int k = 0; k < 10; ++k) done.go([&] { ++ran; });
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
    EXPECT_TRUE(eventually([&] { return ran == 10; }));
    stop = true;
    done.wait();
  }
}

// A little of everything, for the debug modes below.
TEST(scheduler, mixture) {
  std::atomic<long> steps{0};
  gos::wait_group done;
  gos::mutex lock;
  long guarded = 0;
  auto ch = gos::make_chan<int>(4);
  for (int i = 0; i < 12; ++i) {
    done.go([&, ch, random = rng()]() mutable {
      for (int k = 0; k < rounds(300); ++k) {
        switch (random() % 8) {
          case 0: gos::yield(); break;
          case 1: gos::sleep(10us); break;
          case 2:
            ch.send(k);
            ch.recv();
            break;
          case 3: {
            const std::lock_guard guard(lock);
            ++guarded;
            break;
          }
          case 4: gos::spawn([] { gos::yield(); }).join(); break;
          case 5: gos::blocking([] { ::usleep(50); }); break;
          case 6:
            try {
              throw k;
            } catch (int) {
              gos::yield();
            }
            break;
          default:
            if (random() % 32 == 0) burn(11ms);
            ++steps;
        }
      }
    });
  }
  done.wait();
  EXPECT_GE(guarded, 0);
}

TEST(scheduler, debug_modes) {
  if (std::getenv("GOS_DEBUG") != nullptr) GTEST_SKIP() << "this is the child";
  if (gos::runtime::max_procs() != 4) GTEST_SKIP() << "once is enough";
  for (const char* mode : {"nomembarrier", "migrate", "nomembarrier,migrate"}) {
    const auto result = run_child(own_program(), {"--gtest_filter=scheduler.*-*idle_program*:*flood*:*crowd*"}, {std::string("GOS_DEBUG=") + mode}, 50s);
    EXPECT_EQ(result.status, 0) << mode << ": " << result;
    time_limit(60s);
  }
}

}  // namespace
