// gos::condition_variable: who is notified, in which order, and that nothing is lost.
#include "fixture.hpp"

#include <gossamer/condition_variable.hpp>

#include <deque>
#include <memory>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::condition_variable>);  // CO-06

TEST(ConditionVariable, CO_01_no_notification_is_lost) {
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

TEST(ConditionVariable, CO_03_the_longest_waiting_is_first) {
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

TEST(ConditionVariable, CO_04_notify_all_wakes_those_who_wait_now) {
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

TEST(ConditionVariable, threads_and_goroutines_take_turns) {
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

TEST(ConditionVariable, needs_the_mutex) {
  gos::mutex lock;
  gos::condition_variable changed;
  std::unique_lock held(lock, std::defer_lock);
  EXPECT_EQ(panic_text([&] { changed.wait(held); }), "wait on a condition variable without the mutex");
}

}  // namespace
