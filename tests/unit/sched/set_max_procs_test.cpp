// The number of processors changes while everything runs.
#include <gossamer/gossamer.hpp>

#include "fixture.hpp"
#include "sched/sched.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

struct load {
  std::atomic<bool> stop{false};
  std::atomic<long> steps{0};
  gos::wait_group done;
  gos::mutex lock;
  long guarded = 0;  // under lock
  std::atomic<long> locked{0};

  void start() {
    for (int i = 0; i < 4; ++i) {
      auto there = gos::make_chan<int>(), back = gos::make_chan<int>(i);
      done.go([=, this] {
        for (int n = 0; !stop.load(std::memory_order_relaxed); ++n) {
          there.send(n);
          EXPECT_EQ(back.recv(), n + 1);
          ++steps;
        }
        there.close();
      });
      done.go([=] {
        for (int n : there) back.send(n + 1);
      });
      done.go([this] {
        while (!stop.load(std::memory_order_relaxed)) {
          const auto before = std::chrono::steady_clock::now();
          gos::sleep(300us);
          EXPECT_GE(std::chrono::steady_clock::now() - before, 300us);
          ++steps;
        }
      });
      done.go([this] {
        while (!stop.load(std::memory_order_relaxed)) {
          {
            const std::lock_guard guard(lock);
            ++guarded;
          }
          ++locked;
          gos::spawn([this] { ++steps; }).join();
        }
      });
    }
    done.go([this] {
      while (!stop.load(std::memory_order_relaxed)) {
        burn(3ms);
        gos::sleep(1ms);
      }
    });
    done.go([this] {
      gos::pin pin;
      while (!stop.load(std::memory_order_relaxed)) {
        gos::yield();
        gos::sleep(200us);
      }
    });
  }

  void finish() {
    stop = true;
    done.wait();
    EXPECT_EQ(guarded, locked);
    EXPECT_GT(steps, 0);
  }
};

// What must hold of the idle list when nothing runs.
bool all_idle_and_sound() {
  const rt::spin_guard guard(rt::sched.lock);
  const int limit = rt::sched.max_procs.load();
  int idle = 0;
  for (const rt::processor* pp = rt::sched.idle_list; pp != nullptr; pp = pp->idle_next) {
    if (static_cast<int>(pp->id) >= limit || pp->retired || pp->queued() != 0 || pp->next.load() != nullptr) return false;
    ++idle;
  }
  return idle == limit && static_cast<int>(rt::sched.idle_processors.load()) == idle && rt::sched.global.empty();
}

TEST(set_max_procs, changes_at_random_under_load) {
  const procs restore(gos::runtime::max_procs());
  load l;
  l.start();
  auto random = rng();
  const auto end = std::chrono::steady_clock::now() + scaled(1500ms);
  while (std::chrono::steady_clock::now() < end) {
    const int n = 1 + static_cast<int>(random() % 12);
    gos::runtime::set_max_procs(n);
    EXPECT_EQ(gos::runtime::max_procs(), n);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
  }
  l.finish();
  EXPECT_TRUE(eventually(all_idle_and_sound)) << "idle processors: " << rt::sched.idle_processors.load();
}

TEST(set_max_procs, changes_from_goroutines_at_once) {
  const procs restore(gos::runtime::max_procs());
  load l;
  l.start();
  gos::wait_group changers;
  for (int i = 0; i < 3; ++i) {
    changers.go([random = rng(), n = rounds(300)]() mutable {
      for (int k = 0; k < n; ++k) {
        gos::runtime::set_max_procs(1 + static_cast<int>(random() % 9));
        gos::sleep(std::chrono::microseconds(random() % 1000));
      }
    });
  }
  changers.wait();
  l.finish();
  EXPECT_TRUE(eventually(all_idle_and_sound)) << "idle processors: " << rt::sched.idle_processors.load();
}

// Timers of processors that go away are kept.
TEST(set_max_procs, sleepers_survive_their_processor) {
  for (int round = 0; round < 10; ++round) {
    const procs many(8);
    gos::wait_group done;
    const auto due = std::chrono::steady_clock::now() + 50ms;
    for (int i = 0; i < 64; ++i) {
      done.go([due, i] {
        burn(std::chrono::microseconds(i * 5));
        gos::sleep(due - std::chrono::steady_clock::now());
        EXPECT_GE(std::chrono::steady_clock::now(), due);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 5));
    gos::runtime::set_max_procs(1);
    done.wait();
  }
}

TEST(set_max_procs, a_hog_on_a_processor_that_goes_away) {
  const procs many(4);
  std::atomic<bool> stop{false};
  gos::wait_group hogs;
  std::atomic<int> started{0};
  for (int i = 0; i < 4; ++i) {
    hogs.go([&] {
      ++started;
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return started == 4; }));
  gos::runtime::set_max_procs(1);
  for (int i = 0; i < 20; ++i) gos::spawn([] { gos::sleep(1ms); }).join();
  stop = true;
  hogs.wait();
  EXPECT_TRUE(eventually(all_idle_and_sound));
}

TEST(set_max_procs, says_what_it_was) {
  const procs restore(3);
  EXPECT_EQ(gos::runtime::set_max_procs(0), 3);
  EXPECT_EQ(gos::runtime::set_max_procs(-5), 3);
  EXPECT_EQ(gos::runtime::set_max_procs(1), 3);
  EXPECT_EQ(gos::runtime::max_procs(), 1);
  gos::spawn([] {}).join();
}

}  // namespace
