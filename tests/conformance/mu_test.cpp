// Contract section 8, gos::mutex. The lock for readers and writers is in rw_test.cpp.
#include "child.hpp"
#include "fixture.hpp"

#include <mutex>
#include <shared_mutex>
#include <stdexcept>

using namespace gos_test;

namespace {

TEST(MU, MU_01_lock_excludes_and_try_lock_does_not_wait) {
  static gos::mutex zero_initialised;
  EXPECT_TRUE(zero_initialised.try_lock());
  EXPECT_FALSE(zero_initialised.try_lock());
  zero_initialised.unlock();
  gos::run([] {
    gos::mutex m;
    int inside = 0;
    long count = 0;
    gos::wait_group group;
    for (int i = 0; i < 10; ++i) {
      group.go([&] {
        for (int k = 0; k < rounds(1000); ++k) {
          if (k % 5 == 0) {
            while (!m.try_lock()) gos::yield();
          } else {
            m.lock();
          }
          EXPECT_EQ(++inside, 1);
          ++count;
          if (k % 50 == 0) gos::yield();
          EXPECT_EQ(--inside, 0);
          m.unlock();
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 10 * rounds(1000));
  });
}

TEST(MU, MU_02_a_second_lock_by_the_same_goroutine_blocks) {
  gos::run([] {
    gos::mutex m;
    std::atomic<bool> twice = false;
    gos::go([&] {
      m.lock();
      m.lock();
      twice = true;
    });
    ASSERT_TRUE(blocked("sync.Mutex.Lock"));
    EXPECT_FALSE(twice);
    m.unlock();
    EXPECT_TRUE(eventually([&] { return twice.load(); }));
    EXPECT_TRUE(goroutine_count_settles(1));
    m.unlock();
  });
}

TEST(MU, MU_03_anybody_may_unlock) {
  gos::run([] {
    gos::mutex m;
    m.lock();
    gos::spawn([&] { m.unlock(); }).join();
    EXPECT_TRUE(m.try_lock());
    std::thread([&] { m.unlock(); }).join();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(MU, MU_04_unlocking_an_unlocked_mutex_is_fatal) {
  const auto r = run_child("death_sync", {"unlock-unlocked"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_NE(r.err.find("fatal error: sync: unlock of unlocked mutex\n"), std::string::npos) << r;
  EXPECT_EQ(r.out, "") << r;
}

TEST(MU, MU_05_waiters_are_served_in_order) {
  gos::mutex m;
  std::vector<int> order;
  gos::wait_group group;
  m.lock();
  for (int i = 0; i < 6; ++i) {
    group.go([&, i] {
      const std::lock_guard lock(m);
      order.push_back(i);
    });
    ASSERT_TRUE(blocked("sync.Mutex.Lock", i + 1));
  }
  m.unlock();
  group.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

// What becomes of a waiter that finds the mutex taken again when it has been woken.
struct overtaken {
  gos::mutex m;
  std::vector<int> order;
  std::atomic<int> turns = 0;
  gos::chan<void> gate;
  gos::wait_group group;

  // With one processor: the mutex is locked, 0 and 1 wait for it, and 0 has been overtaken once. False, and nobody is
  // left, if the machine let 0 run in the moment between unlock and try_lock.
  bool arrange() {
    gate = gos::make_chan<void>();
    order.clear();
    turns = 0;
    m.lock();
    for (int i : {0, 1}) {
      group.go([&, i] {
        const std::lock_guard lock(m);
        order.push_back(i);
        ++turns;
        if (i == 0) gate.recv();
      });
      EXPECT_TRUE(blocked("sync.Mutex.Lock", i + 1));
    }
    gos::sleep(2ms);
    m.unlock();
    if (m.try_lock()) {
      EXPECT_TRUE(blocked("sync.Mutex.Lock", 2));
      return true;
    }
    gate.close();
    group.wait();
    return false;
  }
};

TEST(MU, MU_05_a_newcomer_may_overtake_and_the_loser_stays_first) {
  procs p(1);
  gos::run([] {
    EXPECT_TRUE(eventually([] {
      overtaken o;
      if (!o.arrange()) return false;
      o.gate.close();
      o.m.unlock();
      o.group.wait();
      EXPECT_EQ(o.order, (std::vector<int>{0, 1}));
      return true;
    }));
  });
}

TEST(MU, MU_06_after_a_millisecond_the_mutex_is_handed_over) {
  procs p(1);
  gos::run([] {
    EXPECT_TRUE(eventually([] {
      overtaken o;
      if (!o.arrange()) return false;
      o.m.unlock();
      // It is 0's now, which has not run yet and will not let go of it: nobody overtakes a second time.
      EXPECT_FALSE(o.m.try_lock());
      o.group.go([&] {
        const std::lock_guard lock(o.m);
        o.order.push_back(2);
      });
      EXPECT_TRUE(blocked("sync.Mutex.Lock", 2));
      EXPECT_EQ(o.turns, 1);
      o.gate.close();
      o.group.wait();
      EXPECT_EQ(o.order, (std::vector<int>{0, 1, 2}));
      return true;
    }));
    // When all have had their turn newcomers overtake again.
    EXPECT_TRUE(eventually([] {
      overtaken o;
      if (!o.arrange()) return false;
      o.m.unlock();
      o.gate.close();
      o.group.wait();
      if (!o.arrange()) return false;
      o.m.unlock();
      o.gate.close();
      o.group.wait();
      return true;
    }));
  });
}

TEST(MU, MU_06_a_hog_does_not_keep_others_out) {
  for (int limit : {1, 2}) {
    procs p(limit);
    gos::run([] {
      gos::mutex m;
      std::atomic<bool> stop = false;
      gos::wait_group hog;
      hog.go([&] {
        while (!stop) {
          // Held nearly all the time, and taken back at once.
          std::lock_guard lock(m);
          burn(100us);
        }
      });
      for (int i = 0; i < 10; ++i) {
        gos::sleep(100us);
        std::lock_guard lock(m);
      }
      stop = true;
      hog.wait();
    });
  }
}

TEST(MU, MU_07_the_locks_of_the_standard_library) {
  static_assert(!std::is_copy_constructible_v<gos::mutex> && !std::is_move_constructible_v<gos::mutex>);
  static_assert(!std::is_copy_assignable_v<gos::mutex> && !std::is_move_assignable_v<gos::mutex>);
  static_assert(!std::is_copy_constructible_v<gos::shared_mutex> &&
                !std::is_move_constructible_v<gos::shared_mutex>);
  static_assert(!std::is_copy_assignable_v<gos::shared_mutex> &&
                !std::is_move_assignable_v<gos::shared_mutex>);
  gos::mutex a, b;
  {
    std::lock_guard lock(a);
    EXPECT_FALSE(a.try_lock());
  }
  {
    std::scoped_lock both(a, b);
    EXPECT_FALSE(b.try_lock());
  }
  std::unique_lock lock(a, std::try_to_lock);
  EXPECT_TRUE(lock.owns_lock());
  lock.unlock();
  // Parks the goroutine, not its thread.
  procs p(1);
  gos::run([&] {
    a.lock();
    gos::wait_group group;
    for (int i = 0; i < 10; ++i) {
      group.go([&] { std::lock_guard inner(a); });
    }
    EXPECT_TRUE(blocked("sync.Mutex.Lock", 10));
    gos::spawn([] {}).join();
    a.unlock();
    group.wait();
  });
}

TEST(MU, MU_07_also_for_readers_and_writers) {
  gos::shared_mutex a;
  gos::mutex b;
  {
    const std::scoped_lock both(a, b);
    EXPECT_FALSE(a.try_lock_shared());
  }
  {
    std::shared_lock reading(a, std::try_to_lock);
    EXPECT_TRUE(reading.owns_lock());
    const std::shared_lock another(a);
    std::unique_lock writing(a, std::try_to_lock);
    EXPECT_FALSE(writing.owns_lock());
  }
  const std::lock_guard writing(a);
  EXPECT_FALSE(std::shared_lock(a, std::try_to_lock).owns_lock());
}

TEST(MU, extra_an_exception_frees_the_lock) {
  gos::run([] {
    gos::mutex m;
    for (int i = 0; i < 10; ++i) {
      auto failing = gos::spawn([&] {
        std::lock_guard lock(m);
        gos::yield();
        throw std::runtime_error("x");
      });
      EXPECT_THROW(failing.join(), std::runtime_error);
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

}  // namespace
