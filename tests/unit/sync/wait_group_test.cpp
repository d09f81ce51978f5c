// gos::wait_group: counting, releasing, misuse, and its lifetime.
#include "fixture.hpp"
#include "sync/sleep_table.hpp"

#include <memory>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::wait_group> &&
              !std::is_move_constructible_v<gos::wait_group>);

TEST(WaitGroup, zero_does_not_wait) {
  gos::wait_group group;
  group.wait();
  group.add(2);
  group.add(-2);
  group.wait();
}

TEST(WaitGroup, releases_all_waiters_and_none_earlier) {
  for (int round = 0; round < 8; ++round) {
    gos::wait_group group, waiting;
    std::atomic<int> released = 0;
    group.add(3);
    for (int i = 0; i < 10; ++i) {
      waiting.go([&] {
        group.wait();
        ++released;
      });
    }
    std::thread thread([&] {
      group.wait();
      ++released;
    });
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait", 10));  // dumps do not list threads
    group.done();
    group.done();
    gos::sleep(1ms);
    EXPECT_EQ(released.load(), 0);
    group.done();
    waiting.wait();
    thread.join();
    EXPECT_EQ(released.load(), 11);
  }
}

TEST(WaitGroup, go_counts_down_after_return_and_goexit) {
  gos::wait_group group;
  std::atomic<int> ran = 0;
  group.go([&] { ++ran; });
  group.go([&](int a, std::unique_ptr<int> b) { ran += a + *b; }, 10, std::make_unique<int>(100));
  group.go([&] {
    ++ran;
    gos::goexit();
  });
  group.wait();
  EXPECT_EQ(ran.load(), 112);
}

// The callable is gone when the waiter goes on: what it captured may be checked or freed then.
TEST(WaitGroup, go_destroys_the_callable_first) {
  counted::reset();
  for (int i = 0; i < rounds(1000); ++i) {
    gos::wait_group group;
    group.go([c = counted(1)] { EXPECT_EQ(c.value, 1); });
    group.go([c = counted(1)] { gos::goexit(); });
    group.wait();
    ASSERT_EQ(counted::alive.load(), 0);
  }
}

TEST(WaitGroup, go_that_cannot_copy_does_not_count) {
  struct thrower {
    thrower() = default;
    thrower(const thrower&) { throw 7; }
    void operator()() const {}
  };
  gos::wait_group group;
  const thrower f;
  EXPECT_THROW(group.go(f), int);
  group.wait();
}

TEST(WaitGroup, negative_counter_panics) {
  gos::wait_group group;
  group.add(1);
  group.done();
  EXPECT_EQ(panic_text([&] { group.done(); }), "sync: negative WaitGroup counter");
}

// The last done() is held up at the lock of its bucket, between the end of the count and the release of the waiter.
TEST(WaitGroup, WG_04_an_addition_during_a_release) {
  const std::string none = "(no panic)", misuse = "sync: WaitGroup misuse: Add called concurrently with Wait";
  auto patience = 1ms;
  EXPECT_TRUE(eventually([&] {
    gos::wait_group group;
    group.add(1);
    auto waiting = gos::spawn([&] { return panic_text([&] { group.wait(); }); });
    EXPECT_TRUE(blocked("sync.WaitGroup.Wait"));
    gos::rt::sleep_bucket& bucket = gos::rt::sleep_bucket_of(&group);
    bucket.lock.lock();
    std::atomic<bool> about_to = false;
    std::string of_done;
    std::thread last([&] {
      about_to = true;
      of_done = panic_text([&] { group.done(); });
    });
    while (!about_to) {}
    std::this_thread::sleep_for(patience);
    const std::string of_add = panic_text([&] { group.add(1); });
    bucket.lock.unlock();
    last.join();
    group.done();
    EXPECT_EQ(waiting.join(), none);
    if (of_add == none) {  // too early: it was a plain addition
      EXPECT_EQ(of_done, none);
      patience *= 2;
      return false;
    }
    EXPECT_EQ(of_add, misuse);
    EXPECT_EQ(of_done, misuse);
    return true;
  }));
}

TEST(WaitGroup, reuse_from_many_rounds) {
  gos::wait_group group;
  std::atomic<int> ran = 0;
  for (int round = 0; round < rounds(2000); ++round) {
    for (int i = 0; i < 4; ++i) group.go([&] { ++ran; });
    group.wait();
    ASSERT_EQ(ran.load(), 4 * (round + 1));
  }
}

// On the waiter's stack, gone as soon as wait returns; under AddressSanitizer a late touch is an error.
TEST(WaitGroup, may_be_destroyed_after_wait) {
  for (int i = 0; i < rounds(5000); ++i) {
    auto group = std::make_unique<gos::wait_group>();
    for (int g = 0; g < 3; ++g) group->go([] {});
    if (i % 2 == 0) gos::yield();
    group->wait();
    group.reset();
  }
}

TEST(WaitGroup, orders_memory) {
  for (int round = 0; round < rounds(500); ++round) {
    int parts[4] = {};
    gos::wait_group group;
    for (int i = 0; i < 4; ++i) group.go([&parts, i] { parts[i] = i + 1; });
    group.wait();
    EXPECT_EQ(parts[0] + parts[1] + parts[2] + parts[3], 10);
  }
}

TEST(WaitGroup, from_plain_threads) {
  gos::wait_group group;
  group.add(4);
  int parts[4] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      parts[i] = 1;
      group.done();
    });
  }
  group.wait();
  EXPECT_EQ(parts[0] + parts[1] + parts[2] + parts[3], 4);
  for (std::thread& t : threads) t.join();
}

}  // namespace
