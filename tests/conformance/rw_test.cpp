// Contract section 8, gos::shared_mutex: readers and writers, who goes first, misuse.
#include "child.hpp"
#include "fixture.hpp"

#include <gossamer/shared_mutex.hpp>

#include <mutex>
#include <shared_mutex>

using namespace gos_test;

namespace {

constinit gos::shared_mutex global_lock;

TEST(RW, RW_01_readers_together_writers_alone) {
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

TEST(RW, RW_01_any_number_of_readers_at_once) {
  gos::shared_mutex lock;
  const int count = live(1000);
  std::atomic<int> inside = 0;
  auto gate = gos::make_chan<void>();
  gos::wait_group group;
  for (int i = 0; i < count; ++i) {
    group.go([&] {
      const std::shared_lock held(lock);
      ++inside;
      gate.recv();
    });
  }
  EXPECT_TRUE(eventually([&] { return inside == count; }));
  EXPECT_FALSE(lock.try_lock());
  gate.close();
  group.wait();
}

TEST(RW, RW_02_a_waiting_writer_keeps_new_readers_out) {
  gos::shared_mutex lock;
  std::vector<char> order;
  gos::wait_group group;
  lock.lock_shared();
  group.go([&] {
    const std::unique_lock held(lock);
    order.push_back('w');
  });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  group.go([&] {
    const std::shared_lock held(lock);
    order.push_back('r');
  });
  ASSERT_TRUE(blocked("sync.RWMutex.RLock"));
  lock.unlock_shared();
  group.wait();
  EXPECT_EQ(order, (std::vector<char>{'w', 'r'}));
}

// Whoever is stuck is released from outside: the lock has no owner.
TEST(RW, RW_03_a_second_read_lock_behind_a_writer_deadlocks) {
  gos::shared_mutex lock;
  gos::wait_group group;
  auto go_on = gos::make_chan<void>();
  std::atomic<bool> twice = false, written = false;
  group.go([&] {
    lock.lock_shared();
    go_on.recv();
    lock.lock_shared();
    twice = true;
    lock.unlock_shared();
  });
  ASSERT_TRUE(blocked("chan receive"));
  group.go([&] {
    const std::unique_lock held(lock);
    written = true;
    EXPECT_FALSE(twice);
  });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  go_on.send();
  ASSERT_TRUE(blocked("sync.RWMutex.RLock"));
  gos::sleep(5ms);
  EXPECT_EQ(in_state("sync.RWMutex.RLock"), 1);
  EXPECT_EQ(in_state("sync.RWMutex.Lock"), 1);
  EXPECT_FALSE(twice || written);
  lock.unlock_shared();
  group.wait();
}

TEST(RW, RW_03_no_upgrade_and_no_downgrade) {
  gos::shared_mutex lock;
  gos::wait_group group;
  group.go([&] {
    lock.lock_shared();
    lock.lock();
    lock.unlock();
  });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  gos::sleep(5ms);
  EXPECT_EQ(in_state("sync.RWMutex.Lock"), 1);
  lock.unlock_shared();
  group.wait();
  group.go([&] {
    lock.lock();
    lock.lock_shared();
    lock.unlock_shared();
  });
  ASSERT_TRUE(blocked("sync.RWMutex.RLock"));
  gos::sleep(5ms);
  EXPECT_EQ(in_state("sync.RWMutex.RLock"), 1);
  lock.unlock();
  group.wait();
}

TEST(RW, RW_04_unlock_admits_the_readers_that_queued) {
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

TEST(RW, RW_05_tries) {
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
  // A writer that only waits keeps both out as well.
  gos::wait_group group;
  EXPECT_TRUE(lock.try_lock_shared());
  group.go([&] { const std::unique_lock held(lock); });
  ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
  EXPECT_FALSE(lock.try_lock_shared());
  EXPECT_FALSE(lock.reader().try_lock());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock_shared();
  group.wait();
  EXPECT_TRUE(lock.try_lock_shared());
  lock.unlock_shared();
}

TEST(RW, RW_06_misuse_is_fatal) {
  const struct {
    const char* mode;
    const char* text;
  } cases[] = {{"writer-unlock", "fatal error: sync: Unlock of unlocked RWMutex\n"},
               {"writer-unlock-of-reader", "fatal error: sync: Unlock of unlocked RWMutex\n"},
               {"reader-unlock", "fatal error: sync: RUnlock of unlocked RWMutex\n"},
               {"reader-unlock-of-writer", "fatal error: sync: RUnlock of unlocked RWMutex\n"}};
  for (const auto& c : cases) {
    const auto r = run_child("death_sync", {c.mode});
    EXPECT_EQ(r.status, 2) << c.mode << '\n' << r;
    EXPECT_NE(r.err.find(c.text), std::string::npos) << c.mode << '\n' << r;
    EXPECT_EQ(r.out, "") << c.mode << '\n' << r;
  }
}

TEST(RW, RW_07_reader_view_and_no_owner) {
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

TEST(RW, extra_may_be_destroyed_after_the_last_unlock) {
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

}  // namespace
