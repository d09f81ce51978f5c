// Contract sections 8 and 9, what of them the runtime has from the beginning: mutex and wait_group.
#include "child.hpp"
#include "fixture.hpp"

#include <memory>
#include <mutex>
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
  const auto r = run_child("death_chan", {"unlock-unlocked"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_NE(r.err.find("fatal error: sync: unlock of unlocked mutex\n"), std::string::npos) << r;
  EXPECT_EQ(r.out, "") << r;
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

TEST(WG, WG_01_wait_until_zero) {
  gos::run([] {
    gos::wait_group group;
    group.wait();  // At zero: at once.
    group.add(2);
    std::atomic<int> released = 0;
    for (int i = 0; i < 5; ++i) {
      gos::go([&] {
        group.wait();
        ++released;
      });
    }
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait", 5));
    group.done();
    gos::yield();
    EXPECT_EQ(released, 0);
    EXPECT_EQ(in_state("sync.WaitGroup.Wait"), 5);
    group.done();
    EXPECT_TRUE(eventually([&] { return released == 5; }));
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(WG, WG_02_below_zero_panics) {
  gos::wait_group group;
  EXPECT_EQ(panic_text([&] { group.done(); }), "sync: negative WaitGroup counter");
  gos::wait_group other;
  other.add(1);
  EXPECT_EQ(panic_text([&] { other.add(-2); }), "sync: negative WaitGroup counter");
}

TEST(WG, WG_03_used_again) {
  gos::run([] {
    gos::wait_group group;
    for (int round = 0; round < rounds(200); ++round) {
      std::atomic<int> ran = 0;
      for (int i = 0; i < 8; ++i) group.go([&] { ++ran; });
      group.wait();
      ASSERT_EQ(ran, 8);
    }
  });
}

TEST(WG, WG_05_go_counts_before_and_after) {
  gos::run([] {
    gos::wait_group group;
    std::atomic<int> ended = 0;
    for (int i = 0; i < 20; ++i) {
      group.go(
          [&](int how) {
            gos::yield();
            ++ended;
            if (how == 1) gos::goexit();
          },
          i % 2);
      // Adding from inside is fine while the count is above zero.
      group.go([&] { group.go([&] { ++ended; }); });
    }
    group.wait();
    EXPECT_EQ(ended, 40);
  });
}

TEST(WG, WG_07_may_be_destroyed_when_wait_returns) {
  gos::run([] {
    for (int i = 0; i < rounds(5000); ++i) {
      auto group = std::make_unique<gos::wait_group>();
      auto* raw = group.get();
      raw->add(2);
      gos::go([raw] { raw->done(); });
      gos::go([raw] { raw->done(); });
      raw->wait();
      group.reset();
    }
  });
}

}  // namespace
