// gos::shared_mutex: readers and writers, who goes first, misuse.
#include "fixture.hpp"

#include <gossamer/shared_mutex.hpp>

#include <memory>
#include <mutex>
#include <shared_mutex>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::shared_mutex> &&
              !std::is_move_constructible_v<gos::shared_mutex>);
constinit gos::shared_mutex global_lock;

TEST(SharedMutex, RW_01_readers_together_writers_alone) {
  auto random = rng();
  std::atomic<int> readers = 0, writers = 0;
  long value = 0, expected = 0;
  std::atomic<long> writes = 0;
  gos::wait_group group;
  for (int g = 0; g < 8; ++g) {
    group.go([&, g, seed = random()] {
      std::mt19937_64 mine(seed);
      for (int i = 0; i < rounds(4000); ++i) {
        if (mine() % 8 < (g % 2 == 0 ? 1U : 4U)) {
          const std::unique_lock held(global_lock);
          EXPECT_EQ(++writers, 1);
          EXPECT_EQ(readers.load(), 0);
          ++value;
          ++writes;
          if (mine() % 16 == 0) gos::yield();
          --writers;
        } else {
          const std::shared_lock held(global_lock);
          ++readers;
          EXPECT_EQ(writers.load(), 0);
          const long seen = value;
          if (mine() % 8 == 0) gos::yield();
          EXPECT_EQ(seen, value);
          --readers;
        }
      }
    });
  }
  std::thread thread([&] {
    for (int i = 0; i < rounds(2000); ++i) {
      const std::unique_lock held(global_lock);
      ++value;
      ++expected;
    }
  });
  group.wait();
  thread.join();
  EXPECT_EQ(value, writes + expected);
}

TEST(SharedMutex, RW_02_a_waiting_writer_keeps_new_readers_out) {
  gos::shared_mutex lock;
  std::vector<char> order;
  gos::wait_group group;
  lock.lock_shared();
  group.go([&] {
    const std::unique_lock held(lock);
    order.push_back('w');
  });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  EXPECT_FALSE(lock.try_lock_shared());  // RW-05
  EXPECT_FALSE(lock.try_lock());
  group.go([&] {
    const std::shared_lock held(lock);
    order.push_back('r');
  });
  ASSERT_TRUE(blocked("sync.RWMutex.RLock"));
  lock.unlock_shared();
  group.wait();
  EXPECT_EQ(order, (std::vector<char>{'w', 'r'}));
}

TEST(SharedMutex, RW_04_unlock_admits_the_readers_that_queued) {
  gos::shared_mutex lock;
  std::vector<char> order;
  gos::mutex order_lock;
  const auto note = [&](char c) {
    const std::lock_guard held(order_lock);
    order.push_back(c);
  };
  gos::wait_group group;
  lock.lock();
  group.go([&] {
    const std::unique_lock held(lock);
    note('w');
  });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  for (int i = 0; i < 3; ++i) {
    group.go([&] {
      const std::shared_lock held(lock);
      note('r');
      gos::yield();
    });
  }
  ASSERT_TRUE(blocked("sync.RWMutex.RLock", 3));
  lock.unlock();
  group.wait();
  EXPECT_EQ(order, (std::vector<char>{'r', 'r', 'r', 'w'}));
}

TEST(SharedMutex, RW_05_tries) {
  gos::shared_mutex lock;
  EXPECT_TRUE(lock.try_lock_shared());
  EXPECT_TRUE(lock.try_lock_shared());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock_shared();
  lock.unlock_shared();
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock_shared());
  lock.unlock();
}

TEST(SharedMutex, RW_07_reader_view_and_no_owner) {
  gos::shared_mutex lock;
  auto reader = lock.reader();
  {
    const std::lock_guard held(reader);
    EXPECT_TRUE(lock.try_lock_shared());
  }
  gos::wait_group group;
  group.go([&] { lock.unlock_shared(); });
  group.wait();
  EXPECT_TRUE(lock.try_lock());
  group.go([&] { lock.unlock(); });
  group.wait();
  EXPECT_TRUE(reader.try_lock());
  reader.unlock();
}

TEST(SharedMutex, may_be_destroyed_after_the_last_unlock) {
  struct shared_object {
    gos::shared_mutex lock;
    std::atomic<int> users = 3;
  };
  for (int i = 0; i < rounds(3000); ++i) {
    auto* object = new shared_object;
    const auto leave = [object](bool write) {
      bool last = false;
      if (write) {
        object->lock.lock();
        last = --object->users == 0;
        object->lock.unlock();
      } else {
        object->lock.lock_shared();
        gos::yield();
        object->lock.unlock_shared();
        object->lock.lock();
        last = --object->users == 0;
        object->lock.unlock();
      }
      if (last) delete object;
    };
    gos::wait_group group;
    group.go(leave, true);
    group.go(leave, false);
    leave(i % 2 == 0);
    group.wait();
  }
}

TEST(SharedMutexDeathTest, RW_06_misuse) {
  GTEST_FLAG_SET(death_test_style, std::getenv("GOS_TEST_RUNNER") != nullptr ? "fast" : "threadsafe");
  EXPECT_EXIT(gos::shared_mutex().unlock(), testing::ExitedWithCode(2),
              "fatal error: sync: Unlock of unlocked RWMutex");
  EXPECT_EXIT(gos::shared_mutex().unlock_shared(), testing::ExitedWithCode(2),
              "fatal error: sync: RUnlock of unlocked RWMutex");
}

}  // namespace
