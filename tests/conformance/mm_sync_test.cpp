// Contract section 18, as mm_test.cpp: the edges of locks, waits, timers, contexts, and what else a program relies on.
#include "fixture.hpp"

#include <mutex>
#include <shared_mutex>

using namespace gos_test;

namespace {

// MM-07 ---------------------------------------------------------------------------------------------------------------

TEST(MM, MM_07_unlock_comes_before_later_locks) {
  gos::mutex m;
  int count = 0;
  const auto work = [&](int n) {
    for (int i = 0; i < n; ++i) {
      if (i % 3 == 0) {
        while (!m.try_lock()) gos::yield();
      } else {
        m.lock();
      }
      ++count;
      if (i % 100 == 0) gos::yield();
      m.unlock();
    }
  };
  std::thread plain([&] { work(rounds(500)); });
  gos::run([&] {
    gos::wait_group group;
    for (int g = 0; g < 6; ++g) group.go([&] { work(rounds(1000)); });
    group.wait();
  });
  plain.join();
  EXPECT_EQ(count, 6 * rounds(1000) + rounds(500));
}

TEST(MM, MM_07_unlock_comes_before_a_lock_that_waits) {
  gos::run([] {
    gos::mutex m;
    for (bool long_wait : {false, true}) {  // from 1 ms on the mutex is handed over
      int data = 0;
      m.lock();
      gos::wait_group group;
      for (int g = 0; g < 3; ++g) {
        group.go([&] {
          const std::lock_guard held(m);
          ++data;
        });
      }
      ASSERT_TRUE(blocked("sync.Mutex.Lock", 3));
      if (long_wait) gos::sleep(5ms);
      data = 10;
      m.unlock();
      group.wait();
      EXPECT_EQ(data, 13);
    }
  });
}

TEST(MM, MM_07_a_mutex_as_semaphore) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      gos::mutex m;
      int data = 0;
      m.lock();
      gos::go([&] {
        data = 1;
        m.unlock();
      });
      m.lock();
      ASSERT_EQ(data, 1);
      m.unlock();
    }
  });
}

TEST(MM, MM_07_writers_and_readers) {
  gos::run([] {
    gos::shared_mutex m;
    int data = 0;
    std::atomic<int> sum{0};
    gos::wait_group group;
    for (int g = 0; g < 6; ++g) {
      group.go([&, g] {
        int seen = 0;
        for (int i = 0; i < rounds(500); ++i) {
          if ((i + g) % 4 == 0) {
            if (i % 2 == 0) {
              while (!m.try_lock()) gos::yield();
            } else {
              m.lock();
            }
            ++data;
            m.unlock();
          } else {
            if (i % 2 == 0) {
              while (!m.try_lock_shared()) gos::yield();
            } else {
              m.lock_shared();
            }
            seen += data > 0;
            if (i % 50 == 0) gos::yield();
            m.unlock_shared();
          }
        }
        sum += seen;
      });
    }
    group.wait();
    EXPECT_GT(data, 0);
    EXPECT_GE(sum, 0);
  });
}

TEST(MM, MM_07_writers_and_readers_that_wait) {
  gos::run([] {
    gos::shared_mutex m;
    int data = 0, seen = 0;
    gos::wait_group group;
    m.lock();  // writer to readers
    for (int i = 0; i < 3; ++i) {
      group.go([&] {
        const std::shared_lock reading(m);
        EXPECT_EQ(data, 1);
      });
    }
    ASSERT_TRUE(blocked("sync.RWMutex.RLock", 3));
    data = 1;
    m.unlock();
    group.wait();

    m.lock_shared();  // readers to writer
    group.go([&] {
      const std::unique_lock writing(m);
      EXPECT_EQ(seen, 1);
      seen = 2;
    });
    ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
    seen = data;
    m.unlock_shared();
    group.wait();

    m.lock();  // writer to writer
    group.go([&] {
      const std::unique_lock writing(m);
      EXPECT_EQ(data, 5);
    });
    ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
    data = 5;
    m.unlock();
    group.wait();
  });
}

// MM-08 ---------------------------------------------------------------------------------------------------------------

TEST(MM, MM_08_once_has_ended_when_a_call_returns) {
  gos::run([] {
    for (int round = 0; round < rounds(100); ++round) {
      gos::once once;
      int data = 0;
      gos::wait_group group;
      for (int g = 0; g < 5; ++g) {
        group.go([&] {
          once.call([&] {
            gos::yield();
            data = 7;
          });
          EXPECT_EQ(data, 7);
        });
      }
      group.wait();
      int made = 0;
      const auto value = gos::once_value([&] {
        gos::yield();
        return ++made;
      });
      for (int g = 0; g < 4; ++g) {
        group.go([&] {
          EXPECT_EQ(value(), 1);
          EXPECT_EQ(made, 1);
        });
      }
      group.wait();
    }
  });
}

TEST(MM, MM_08_callers_that_wait_for_a_once) {
  gos::run([] {
    gos::once once;
    auto go_on = gos::make_chan<void>();
    int data = 0;
    gos::wait_group group;
    group.go([&] {
      once.call([&] {
        go_on.recv();
        data = 7;
      });
    });
    ASSERT_TRUE(blocked("chan receive"));
    for (int g = 0; g < 3; ++g) {
      group.go([&] {
        once.call([] { ADD_FAILURE() << "twice"; });
        EXPECT_EQ(data, 7);
      });
    }
    go_on.send();
    group.wait();
  });
}

TEST(MM, MM_08_done_comes_before_the_end_of_the_wait) {
  gos::run([] {
    for (int round = 0; round < rounds(200); ++round) {
      int data[6] = {};
      gos::wait_group group;
      group.add(3);
      for (int i = 0; i < 3; ++i) {
        gos::go([&data, &group, i] {
          data[i] = 1;
          group.done();
        });
      }
      for (int i = 3; i < 6; ++i) group.go([&data, i] { data[i] = 1; });
      gos::wait_group waiters;
      for (int w = 0; w < 2; ++w) {
        waiters.go([&] {
          group.wait();
          for (int d : data) EXPECT_EQ(d, 1);
        });
      }
      group.wait();
      for (int d : data) ASSERT_EQ(d, 1);
      waiters.wait();
    }
  });
}

TEST(MM, MM_08_done_and_who_waits_for_certain) {
  gos::run([] {
    gos::wait_group group;
    int data = 0;
    group.add(1);
    auto waiter = gos::spawn([&] {
      group.wait();
      EXPECT_EQ(data, 1);
    });
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait"));
    data = 1;
    group.done();
    waiter.join();
    group.wait();  // at once
    EXPECT_EQ(data, 1);
  });
}

TEST(MM, MM_08_a_callable_is_destroyed_before_the_wait_ends) {
  gos::run([] {
    for (int i = 0; i < rounds(100); ++i) {
      int ended = 0;
      struct at_end {
        int* count;
        explicit at_end(int* c) : count(c) {}
        at_end(at_end&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
        ~at_end() {
          if (count != nullptr) ++*count;
        }
      };
      gos::wait_group group;
      group.go([guard = at_end(&ended)] { gos::yield(); });
      group.wait();
      ASSERT_EQ(ended, 1);
    }
  });
}

TEST(MM, MM_08_a_notification_comes_before_the_end_of_the_wait) {
  gos::run([] {
    for (bool all : {false, true}) {
      gos::mutex m;
      gos::condition_variable changed;
      int data = 0;
      gos::wait_group group;
      for (int i = 0; i < (all ? 3 : 1); ++i) {
        group.go([&] {
          std::unique_lock held(m);
          changed.wait(held);
          EXPECT_EQ(data, 1);
        });
      }
      ASSERT_TRUE(blocked("sync.Cond.Wait", all ? 3 : 1));
      data = 1;  // not under the mutex
      if (all) changed.notify_all();
      else changed.notify_one();
      group.wait();
    }
  });
}

TEST(MM, MM_08_wait_holds_the_mutex_again) {
  gos::run([] {
    gos::mutex m;
    gos::condition_variable changed;
    int turn = 0, count = 0;
    gos::wait_group group;
    for (int me = 0; me < 3; ++me) {
      group.go([&, me] {
        for (int i = 0; i < rounds(300); ++i) {
          std::unique_lock held(m);
          changed.wait(held, [&] { return turn == me; });
          ++count;
          turn = (turn + 1) % 3;
          changed.notify_all();
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 3 * rounds(300));
  });
}

// MM-10, MM-11 --------------------------------------------------------------------------------------------------------

TEST(MM, MM_10_atomics_order_as_in_any_program) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      int data = 0;
      std::atomic<bool> ready = false;
      gos::go([&] {
        data = 1;
        ready = true;
      });
      while (!ready) gos::yield();
      ASSERT_EQ(data, 1);
    }
  });
}

TEST(MM, MM_11_setting_a_timer_comes_before_its_callback) {
  gos::run([] {
    int data = 1;
    auto ran = gos::make_chan<void>(1);
    auto timer = gos::after_func(1ms, [&] {
      data += 1;
      ran.send();
    });
    ran.recv();
    EXPECT_EQ(data, 2);
    data = 10;
    timer.reset(1ms);
    ran.recv();
    EXPECT_EQ(data, 11);
    data = 20;
    timer.reset(0ms);
    ran.recv();
    EXPECT_EQ(data, 21);
  });
}

TEST(MM, MM_11_setting_a_timer_comes_before_the_receive_of_its_value) {
  gos::run([] {
    // Somebody else receives, who knows the timer only.
    int data = 0;
    gos::timer timer(1h);
    gos::wait_group group;
    group.go([&data, due = timer.channel()] {  // waits
      due.recv();
      EXPECT_EQ(data, 1);
    });
    ASSERT_TRUE(blocked("chan receive"));
    data = 1;
    timer.reset(1ms);
    group.wait();
    group.go([&data, due = timer.channel()] {  // looks
      while (!due.try_recv()) gos::sleep(100us);
      EXPECT_EQ(data, 2);
    });
    data = 2;
    timer.reset(1ms);
    group.wait();
    group.go([&data, due = timer.channel()] {  // waits in a select
      gos::select(gos::recv(due), gos::after(1h, [] {}));
      EXPECT_EQ(data, 3);
    });
    ASSERT_TRUE(blocked("select"));
    data = 3;
    timer.reset(1ms);
    group.wait();
  });
}

TEST(MM, MM_11_the_same_for_a_ticker) {
  gos::run([] {
    int data = 0;
    gos::wait_group group;
    gos::ticker ticker(1h);
    group.go([&, beat = ticker.channel()] {
      beat.recv();
      EXPECT_EQ(data, 2);
      beat.recv();
      EXPECT_EQ(data, 2);
    });
    ASSERT_TRUE(blocked("chan receive"));
    data = 2;
    ticker.reset(1ms);
    group.wait();
  });
}

// MM-12: what else a correct program relies on ------------------------------------------------------------------------

TEST(MM, MM_12_cancel_comes_before_what_it_ends) {
  gos::run([] {
    for (int i = 0; i < rounds(50); ++i) {
      auto [ctx, cancel] = gos::with_cancel(gos::background());
      auto [below, cancel_below] = gos::with_timeout(ctx, 1h);
      gos::cancel_guard guard(cancel_below);
      int data = 0;
      gos::wait_group group;
      group.go([&, ctx = ctx] {
        ctx.done().recv();
        EXPECT_EQ(data, 1);
      });
      group.go([&, below = below] {
        below.done().recv();
        EXPECT_EQ(data, 1);
      });
      group.go([&, ctx = ctx] {
        while (!ctx.err()) gos::yield();
        EXPECT_EQ(data, 1);
      });
      group.add(1);
      gos::after_func(ctx, [&] {
        EXPECT_EQ(data, 1);
        group.done();
      });
      if (i % 2 == 0) gos::yield();
      data = 1;
      cancel();
      group.wait();
    }
  });
}

TEST(MM, MM_12_thread_locals_of_pinned_goroutines) {
  static thread_local int own = 0;
  gos::run([] {
    gos::wait_group group;
    std::atomic<int> fewer = 0;
    for (int g = 0; g < rounds(40); ++g) {
      group.go([&] {
        const gos::pin pinned;
        const int before = own++;
        gos::yield();
        if (own != before + 1) ++fewer;
      });
    }
    group.wait();
    EXPECT_EQ(fewer, 0);
  });
}

TEST(MM, MM_12_a_panic_value_carries_what_was_before_the_panic) {
  gos::run([] {
    for (int i = 0; i < rounds(50); ++i) {
      auto panics = gos::make_chan<gos::panic_value>(1);
      int data = 0;
      gos::go([&] {
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([&] { panics.send(*gos::recover()); });
          data = 1;
          gos::panic(std::string("text on the heap, long enough for that"));
        });
      });
      const auto got = panics.recv().value();
      EXPECT_EQ(data, 1);
      EXPECT_EQ(got.message(), "text on the heap, long enough for that");
    }
  });
}

// What one has put is got by another, without anything else between them.
TEST(MM, MM_09_a_put_before_the_get_that_returns_it) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      gos::pool<std::unique_ptr<int>> items;
      gos::wait_group ended;
      ended.go([&, i] {
        auto item = std::make_unique<int>();
        *item = i;
        items.put(std::move(item));
      });
      std::optional<std::unique_ptr<int>> got;
      while (!(got = items.get())) gos::yield();
      EXPECT_EQ(**got, i);
      ended.wait();  // after the read: it must not be what orders it
    }
  });
}

TEST(MM, MM_09_a_write_to_the_map_before_a_read_that_sees_it) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      gos::concurrent_map<int, int*> map;
      int data = 0;
      gos::wait_group ended;
      ended.go([&, i] {
        data = i;
        map.store(1, &data);
      });
      std::optional<int*> got;
      while (!(got = map.load(1))) gos::yield();
      EXPECT_EQ(**got, i);
      ended.wait();  // after the read: it must not be what orders it
    }
  });
}

}  // namespace
