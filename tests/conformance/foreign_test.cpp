// Everything works on plain threads and without run: the runtime starts at first use, and a thread waits on its own.
#include "fixture.hpp"

#include <array>
#include <mutex>
#include <thread>

using namespace gos_test;

namespace {

// The bodies below run here on a std::thread of their own.
template <class F> void on_a_thread(F f) { std::thread(f).join(); }

TEST(Foreign, a_goroutine_and_a_thread_meet_at_a_channel) {
  for (std::size_t capacity : {0U, 1U, 16U}) {
    on_a_thread([=] {
      auto there = gos::make_chan<int>(capacity), back = gos::make_chan<int>(capacity);
      gos::go([=] {
        for (int n : there) back.send(2 * n);
        back.close();
      });
      for (int i = 0; i < rounds(500); ++i) {
        there.send(i);
        ASSERT_EQ(back.recv(), 2 * i);
      }
      there.close();
      EXPECT_EQ(back.recv(), std::nullopt);
    });
  }
}

TEST(Foreign, threads_among_themselves) {
  auto ch = gos::make_chan<int>(2);
  const int n = rounds(2000), threads = 4;
  std::atomic<long> sum = 0;
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([=] {
      for (int i = 1; i <= n; ++i) ch.send(i);
    });
    all.emplace_back([&, ch] {
      for (int i = 0; i < n; ++i) sum += ch.recv().value();
    });
  }
  for (auto& t : all) t.join();
  EXPECT_EQ(sum, static_cast<long>(threads) * n * (n + 1) / 2);
}

TEST(Foreign, threads_and_goroutines_mixed_on_one_channel) {
  auto ch = gos::make_chan<int>();
  const int n = rounds(1000);
  std::atomic<long> sum = 0;
  std::vector<std::thread> threads;
  gos::wait_group goroutines;
  auto send = [=] {
    for (int i = 1; i <= n; ++i) ch.send(i);
  };
  auto receive = [&, ch] {
    for (int i = 0; i < n; ++i) sum += ch.recv().value();
  };
  for (int k = 0; k < 3; ++k) {
    threads.emplace_back(send);
    threads.emplace_back(receive);
    goroutines.go(send);
    goroutines.go(receive);
  }
  for (auto& t : threads) t.join();
  goroutines.wait();
  EXPECT_EQ(sum, 6L * n * (n + 1) / 2);
}

TEST(Foreign, close_releases_a_waiting_thread) {
  auto ch = gos::make_chan<int>();
  std::atomic<int> released = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      EXPECT_EQ(ch.recv(), std::nullopt);
      ++released;
    });
    threads.emplace_back([&] {
      EXPECT_EQ(gos::select(gos::recv(ch), gos::after(1h, [] {})), 0U);
      ++released;
    });
  }
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(released, 0);
  ch.close();
  for (auto& t : threads) t.join();
  EXPECT_EQ(released, 6);
}

TEST(Foreign, select_on_a_thread) {
  on_a_thread([] {
    auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
    gos::go([=] {
      for (int i = 0; i < 100; ++i) gos::select(gos::send(a, i), gos::send(b, i));
      a.close();
    });
    int next = 0;
    for (bool open = true; open;) {
      gos::select(gos::recv(a,
                            [&](std::optional<int> v) {
                              if (v) EXPECT_EQ(*v, next++);
                              else open = false;
                            }),
                  gos::recv(b, [&](std::optional<int> v) { EXPECT_EQ(*v, next++); }));
    }
    EXPECT_EQ(next, 100);
    EXPECT_EQ(gos::select(gos::recv(b), gos::after(1ms, [] {})), 1U);
    EXPECT_EQ(gos::select(gos::recv(b), gos::otherwise()), 1U);
  });
}

TEST(Foreign, mutex_between_threads_and_goroutines) {
  gos::mutex m;
  long count = 0;
  const int n = rounds(2000);
  auto body = [&] {
    for (int i = 0; i < n; ++i) {
      std::lock_guard lock(m);
      ++count;
      if (i % 100 == 0) gos::yield();
    }
  };
  std::vector<std::thread> threads;
  gos::wait_group goroutines;
  for (int k = 0; k < 3; ++k) {
    threads.emplace_back(body);
    goroutines.go(body);
  }
  for (auto& t : threads) t.join();
  goroutines.wait();
  EXPECT_EQ(count, 6L * n);
}

TEST(Foreign, wait_group_both_ways) {
  gos::wait_group group;
  std::atomic<int> ran = 0;
  for (int i = 0; i < 100; ++i) group.go([&] { ++ran; });
  on_a_thread([&] { group.wait(); });
  EXPECT_EQ(ran, 100);
  // Goroutines that wait for threads.
  gos::wait_group from_threads;
  from_threads.add(4);
  auto waited = gos::spawn([&] {
    from_threads.wait();
    return true;
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { from_threads.done(); });
  for (auto& t : threads) t.join();
  EXPECT_TRUE(waited.join());
}

TEST(Foreign, sleep_and_timers_on_a_thread) {
  on_a_thread([] {
    auto from = std::chrono::steady_clock::now();
    gos::sleep(5ms);
    EXPECT_GE(std::chrono::steady_clock::now() - from, 5ms);
    gos::sleep(-1s);
    gos::sleep_until(gos::now() + 1ms);
    EXPECT_TRUE(gos::after(1ms).recv().has_value());
    auto fired = gos::make_chan<void>(1);
    auto timer = gos::after_func(1ms, [=] { fired.send(); });
    EXPECT_TRUE(fired.recv());
  });
}

TEST(Foreign, panics_and_defers_on_a_thread) {
  on_a_thread([] {
    std::string notes;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { notes += "second"; });
      defer([&] {
        if (auto p = gos::recover()) notes += p->message() + ' ';
      });
      gos::panic("first");
    });
    EXPECT_EQ(notes, "first second");
  });
}

TEST(Foreign, threads_come_and_go) {
  auto ch = gos::make_chan<int>();
  gos::go([=] {
    for (int n : ch) EXPECT_GE(n, 0);
  });
  for (int i = 0; i < rounds(300); ++i) on_a_thread([=] { ch.send(i); });
  ch.close();
}

TEST(Foreign, a_thread_does_not_count_as_goroutine) {
  on_a_thread([] {
    EXPECT_EQ(gos::runtime::num_goroutine(), 0U);
    EXPECT_EQ(goroutine_id(), 0U);
    auto gate = gos::make_chan<void>();
    gos::go([=] { gate.recv(); });
    EXPECT_EQ(gos::runtime::num_goroutine(), 1U);
    gate.send();
  });
}

TEST(Foreign, run_beside_threads_that_use_the_runtime) {
  std::atomic<bool> stop = false;
  auto ch = gos::make_chan<int>(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        gos::select(gos::send(ch, 1), gos::after(1ms, [] {}));
        gos::select(gos::recv(ch), gos::after(1ms, [] {}));
      }
    });
  }
  for (int i = 0; i < rounds(100); ++i) {
    gos::run([&] {
      (void)ch.try_recv();
      gos::spawn([] { gos::yield(); }).join();
      gos::sleep(10us);
    });
  }
  stop = true;
  for (auto& t : threads) t.join();
}

}  // namespace
