// Contract section 9, condition variables: who is notified, in which order, and that nothing is lost.
//
// CO-05, second half: the order in which woken goroutines get the lock back is not a promise; there is no test for it.
#include "fixture.hpp"

#include <gossamer/condition_variable.hpp>

#include <deque>
#include <memory>

using namespace gos_test;

namespace {

TEST(CO, CO_01_no_notification_is_lost) {
  gos::mutex lock;
  gos::condition_variable changed;
  std::deque<int> queue;
  const int count = rounds(20'000);
  long sum = 0;
  gos::wait_group group;
  for (int consumer = 0; consumer < 3; ++consumer) {
    group.go([&] {
      for (;;) {
        std::unique_lock held(lock);
        changed.wait(held, [&] { return !queue.empty(); });
        const int value = queue.front();
        if (value < 0) return;
        queue.pop_front();
        sum += value;
      }
    });
  }
  for (int i = 0; i < count; ++i) {
    {
      const std::lock_guard held(lock);
      queue.push_back(1);
    }
    changed.notify_one();
    if (i % 64 == 0) gos::yield();
  }
  {
    const std::lock_guard held(lock);
    queue.push_back(-1);
  }
  changed.notify_all();
  group.wait();
  EXPECT_EQ(sum, count);
}

// Whoever can lock the mutex knows that the other one waits already: a notification right then is not lost.
TEST(CO, CO_01_release_and_wait_are_one_step) {
  gos::mutex lock;
  gos::condition_variable changed;
  for (int i = 0; i < rounds(5000); ++i) {
    bool holds = false;
    gos::wait_group group;
    lock.lock();
    group.go([&] {
      std::unique_lock held(lock);
      holds = true;
      changed.wait(held);
      EXPECT_TRUE(held.owns_lock());
      EXPECT_FALSE(lock.try_lock());
    });
    while (!holds) {
      lock.unlock();
      gos::yield();
      lock.lock();
    }
    if (i % 2 == 0) lock.unlock();
    changed.notify_one();
    if (i % 2 != 0) lock.unlock();
    group.wait();
  }
}

TEST(CO, CO_02_nobody_wakes_for_nothing) {
  gos::mutex lock;
  gos::condition_variable quiet, noisy;
  std::atomic<int> woken = 0;
  gos::wait_group quiet_ones, noise;
  for (int i = 0; i < 5; ++i) {
    quiet_ones.go([&] {
      std::unique_lock held(lock);
      quiet.wait(held);
      ++woken;
    });
  }
  ASSERT_TRUE(blocked("sync.Cond.Wait", 5));
  // Beside them others wait with the same mutex and are notified, lock it, sleep, and come and go.
  std::atomic<bool> done = false;
  for (int i = 0; i < 4; ++i) {
    noise.go([&] {
      while (!done) {
        std::unique_lock held(lock);
        noisy.wait(held);
      }
    });
  }
  for (int i = 0; i < rounds(2000); ++i) {
    if (i % 2 == 0) {
      noisy.notify_one();
    } else {
      const std::lock_guard held(lock);
      noisy.notify_all();
    }
    if (i % 32 == 0) gos::sleep(50us);
    else gos::yield();
  }
  EXPECT_EQ(woken, 0);
  done = true;
  std::atomic<bool> ended = false;
  gos::go([&] {
    noise.wait();
    ended = true;
  });
  // One that has looked at `done` before may begin to wait afterwards.
  EXPECT_TRUE(eventually([&] {
    noisy.notify_all();
    return ended.load();
  }));
  EXPECT_EQ(in_state("sync.Cond.Wait"), 5);
  EXPECT_EQ(woken, 0);
  quiet.notify_all();
  quiet_ones.wait();
}

TEST(CO, CO_03_the_longest_waiting_is_first) {
  gos::mutex lock;
  gos::condition_variable changed;
  std::vector<int> order;
  changed.notify_one();  // not remembered
  changed.notify_all();
  gos::wait_group group;
  for (int i = 0; i < 5; ++i) {
    group.go([&, i] {
      std::unique_lock held(lock);
      changed.wait(held);
      order.push_back(i);
    });
    ASSERT_TRUE(blocked("sync.Cond.Wait", i + 1));
  }
  for (std::size_t i = 1; i <= 5; ++i) {
    changed.notify_one();
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard held(lock);
      return order.size() == i;
    }));
  }
  group.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(CO, CO_04_notify_all_wakes_those_who_wait_now) {
  gos::mutex lock;
  gos::condition_variable changed;
  int woken = 0;
  gos::wait_group group;
  for (int round = 0; round < 10; ++round) {
    woken = 0;
    for (int i = 0; i < 10; ++i) {
      group.go([&] {
        std::unique_lock held(lock);
        changed.wait(held);
        EXPECT_TRUE(held.owns_lock());
        ++woken;
      });
    }
    ASSERT_TRUE(blocked("sync.Cond.Wait", 10));
    EXPECT_EQ(woken, 0);
    changed.notify_all();
    group.wait();
    EXPECT_EQ(woken, 10);
  }
}

// A notification is for those who waited when it came, although others begin to wait before they have returned.
TEST(CO, CO_04_who_comes_later_takes_no_notification) {
  gos::mutex lock;
  gos::condition_variable changed;
  for (bool all : {false, true}) {
    for (int round = 0; round < rounds(20); ++round) {
      gos::wait_group early, late;
      const int count = all ? 5 : 1;
      for (int i = 0; i < count; ++i) {
        early.go([&] {
          std::unique_lock held(lock);
          changed.wait(held);
        });
      }
      ASSERT_TRUE(blocked("sync.Cond.Wait", count));
      std::atomic<bool> came_late = false;
      {
        std::unique_lock held(lock);
        // The woken ones need the lock to return; the late one is in line for it as they are.
        if (all) changed.notify_all();
        else changed.notify_one();
        late.go([&] {
          std::unique_lock own(lock);
          changed.wait(own);
          came_late = true;
        });
        gos::yield();
      }
      early.wait();
      ASSERT_TRUE(blocked("sync.Cond.Wait"));
      EXPECT_FALSE(came_late);
      changed.notify_one();
      late.wait();
    }
  }
}

TEST(CO, CO_05_notified_without_the_lock) {
  gos::mutex lock;
  gos::condition_variable changed;
  for (bool all : {false, true}) {
    for (bool locked : {false, true}) {
      gos::wait_group group;
      for (int i = 0; i < 3; ++i) {
        group.go([&] {
          std::unique_lock held(lock);
          changed.wait(held);
        });
      }
      ASSERT_TRUE(blocked("sync.Cond.Wait", 3));
      std::unique_lock held(lock, std::defer_lock);
      if (locked) held.lock();
      if (all) changed.notify_all();
      for (int i = 0; i < 3 && !all; ++i) changed.notify_one();
      if (locked) held.unlock();
      group.wait();
    }
  }
}

TEST(CO, CO_06_no_copies) {
  static_assert(!std::is_copy_constructible_v<gos::condition_variable> &&
                !std::is_copy_assignable_v<gos::condition_variable>);
  static_assert(!std::is_move_constructible_v<gos::condition_variable> &&
                !std::is_move_assignable_v<gos::condition_variable>);
}

TEST(CO, extra_threads_and_goroutines_take_turns) {
  gos::mutex lock;
  gos::condition_variable changed;
  int turn = 0;
  const int turns = rounds(2000) * 2;
  const auto play = [&](int mine) {
    for (;;) {
      std::unique_lock held(lock);
      changed.wait(held, [&] { return turn % 2 == mine || turn >= turns; });
      if (turn >= turns) return;
      ++turn;
      changed.notify_one();
    }
  };
  gos::wait_group group;
  group.go(play, 0);
  std::thread thread([&] {
    play(1);
    changed.notify_all();
  });
  group.wait();
  changed.notify_all();
  thread.join();
  EXPECT_EQ(turn, turns);
}

TEST(CO, extra_needs_the_mutex) {
  gos::mutex lock;
  gos::condition_variable changed;
  std::unique_lock held(lock, std::defer_lock);
  EXPECT_EQ(panic_text([&] { changed.wait(held); }), "wait on a condition variable without the mutex");
}

}  // namespace
