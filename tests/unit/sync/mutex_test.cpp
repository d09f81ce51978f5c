// gos::mutex: the fast paths, the changes of its mode, hand-over, and its lifetime.
#include "fixture.hpp"

#include <memory>
#include <mutex>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::mutex> && !std::is_move_constructible_v<gos::mutex>);
static_assert(!std::is_copy_assignable_v<gos::mutex> && !std::is_move_assignable_v<gos::mutex>);
static_assert(sizeof(gos::mutex) <= 8);

constinit gos::mutex global_lock;
long global_count = 0;

TEST(Mutex, try_lock_and_unlock) {
  gos::mutex lock;
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  lock.lock();
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
}

TEST(Mutex, standard_guards) {
  gos::mutex a, b;
  {
    const std::lock_guard held(a);
    EXPECT_FALSE(a.try_lock());
  }
  {
    const std::scoped_lock held(a, b);
    EXPECT_FALSE(b.try_lock());
  }
  std::unique_lock held(a, std::defer_lock);
  EXPECT_TRUE(held.try_lock());
  EXPECT_FALSE(a.try_lock());
  held.unlock();
  EXPECT_EQ(std::try_lock(a, b), -1);
  a.unlock();
  b.unlock();
}

// Goroutines and plain threads together on one global.
TEST(Mutex, excludes_goroutines_and_threads) {
  global_count = 0;
  const int each = rounds(20'000);
  gos::wait_group group;
  for (int g = 0; g < 8; ++g) {
    group.go([each] {
      for (int i = 0; i < each; ++i) {
        const std::lock_guard held(global_lock);
        ++global_count;
      }
    });
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([each] {
      for (int i = 0; i < each; ++i) {
        const std::lock_guard held(global_lock);
        ++global_count;
      }
    });
  }
  group.wait();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(global_count, 10L * each);
}

// Sections that park make waiters, waiters make modes change.
TEST(Mutex, excludes_with_parking_sections) {
  auto random = rng();
  gos::mutex lock;
  int inside = 0;
  long entered = 0;
  const int each = rounds(4000);
  gos::wait_group group;
  for (int g = 0; g < 8; ++g) {
    group.go([&, seed = random()] {
      std::mt19937_64 mine(seed);
      for (int i = 0; i < each; ++i) {
        if (mine() % 4 == 0) {
          if (!lock.try_lock()) continue;
        } else {
          lock.lock();
        }
        EXPECT_EQ(++inside, 1);
        ++entered;
        switch (mine() % 16) {
          case 0:
            gos::yield();
            break;
          case 1:
            burn(2us);
            break;
          case 2:
            if (mine() % 8 == 0) gos::sleep(50us);
            break;
          default:
            break;
        }
        --inside;
        lock.unlock();
        if (mine() % 8 == 0) gos::yield();
      }
    });
  }
  group.wait();
  EXPECT_GT(entered, each);
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

// Long calm phases between collisions: back to plain stores and away again.
TEST(Mutex, mode_changes_lose_no_wake_up) {
  gos::mutex lock;
  long count = 0;
  const int phases = rounds(20);
  gos::wait_group group;
  for (int g = 0; g < 3; ++g) {
    group.go([&] {
      for (int phase = 0; phase < phases; ++phase) {
        for (int i = 0; i < 6000; ++i) {
          const std::lock_guard held(lock);
          ++count;
        }
        const std::lock_guard held(lock);
        gos::sleep(10us);
      }
    });
  }
  group.wait();
  EXPECT_EQ(count, 3L * phases * 6000);
}

TEST(Mutex, waiters_are_served_in_order) {
  gos::mutex lock;
  std::vector<int> order;
  gos::wait_group group;
  lock.lock();
  for (int i = 0; i < 6; ++i) {
    group.go([&, i] {
      const std::lock_guard held(lock);
      order.push_back(i);
    });
    ASSERT_TRUE(blocked("sync.Mutex.Lock", i + 1));
  }
  lock.unlock();
  group.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(Mutex, hog_cannot_starve_others) {
  gos::mutex lock;
  std::atomic<bool> stop = false;
  gos::wait_group group;
  group.go([&] {
    while (!stop.load()) {
      const std::lock_guard held(lock);
      burn(100us);
    }
  });
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    gos::sleep(100us);
    const std::lock_guard held(lock);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, scaled(5s));
  stop = true;
  group.wait();
}

// Many sleepers that have all waited for longer than a millisecond: each gets its turn by hand-over.
TEST(Mutex, hand_over_reaches_everyone) {
  gos::mutex lock;
  int turns = 0;
  gos::wait_group group;
  for (int g = 0; g < 20; ++g) {
    group.go([&] {
      for (int i = 0; i < 5; ++i) {
        const std::lock_guard held(lock);
        ++turns;
        gos::sleep(300us);
      }
    });
  }
  group.wait();
  EXPECT_EQ(turns, 100);
}

TEST(Mutex, second_lock_waits_and_anybody_unlocks) {
  gos::mutex lock;
  std::atomic<bool> twice = false;
  gos::wait_group group;
  group.go([&] {
    lock.lock();
    lock.lock();
    twice = true;
    lock.unlock();
  });
  ASSERT_TRUE(blocked("sync.Mutex.Lock"));
  EXPECT_FALSE(twice.load());
  lock.unlock();
  group.wait();
  EXPECT_TRUE(twice.load());
}

// The last user of an object frees it, and its mutex, while the user before may still be returning from unlock().
TEST(Mutex, may_be_destroyed_after_the_last_unlock) {
  struct shared_object {
    gos::mutex lock;
    int users = 3;
  };
  const auto leave = [](shared_object* object) {
    object->lock.lock();
    const bool last = --object->users == 0;
    object->lock.unlock();
    if (last) delete object;
  };
  for (int i = 0; i < rounds(5000); ++i) {
    auto* object = new shared_object;
    gos::wait_group group;
    group.go(leave, object);
    group.go(leave, object);
    leave(object);
    group.wait();
  }
}

// More mutexes than buckets: strangers that share one do not disturb each other.
TEST(Mutex, many_at_once) {
  constexpr std::size_t count = 1000;
  std::vector<gos::mutex> locks(count);
  std::vector<int> values(count);
  gos::wait_group group;
  auto random = rng();
  for (int g = 0; g < 16; ++g) {
    group.go([&, seed = random()] {
      std::mt19937_64 mine(seed);
      for (int i = 0; i < rounds(5000); ++i) {
        const std::size_t which = mine() % count;
        const std::lock_guard held(locks[which]);
        ++values[which];
        if (i % 64 == 0) gos::yield();
      }
    });
  }
  group.wait();
  long sum = 0;
  for (int v : values) sum += v;
  EXPECT_EQ(sum, 16L * rounds(5000));
}

TEST(MutexDeathTest, unlock_of_unlocked) {
  GTEST_FLAG_SET(death_test_style, std::getenv("GOS_TEST_RUNNER") != nullptr ? "fast" : "threadsafe");
  EXPECT_EXIT(gos::mutex().unlock(), testing::ExitedWithCode(2),
              "fatal error: sync: unlock of unlocked mutex");
}

}  // namespace
