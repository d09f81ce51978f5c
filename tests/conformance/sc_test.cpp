// Contract section 2: the scheduler and its fairness. The goroutines that hold on to a processor are in sc_hogs_test.cpp.
//
// SC-11, the order in which goroutines run that were made ready together, is not a promise: there is no test for it.
#include "child.hpp"
#include "fixture.hpp"

#include <sys/syscall.h>

#include <array>
#include <set>

using namespace gos_test;

namespace {

TEST(SC, SC_01_no_more_than_max_procs_run_at_once) {
  // How much progress do all others make while one makes some? The parallelism of the program is one more than that. A look
  // during which the kernel has set the thread aside does not count: its processor may have been given to another.
  struct alignas(64) runner {
    std::atomic<long> beats{0};
  };
  for (int limit : {1, 2}) {
    procs p(limit);
    std::array<runner, 8> runners;
    std::atomic<long> mine = 0, others = 0;
    gos::wait_group group;
    const auto end = std::chrono::steady_clock::now() + 1500ms;
    for (runner& me : runners) {
      group.go([&] {
        const auto all = [&] {
          long sum = 0;
          for (const runner& r : runners) sum += r.beats;
          return sum;
        };
        for (auto begin = std::chrono::steady_clock::now(); begin < end;) {
          const long before = all();
          constexpr long look = 500;
          for (long i = 0; i < look; ++i) ++me.beats;
          const long after = all();
          const auto now = std::chrono::steady_clock::now();
          if (now - begin < 500us) {
            mine += look;
            others += after - before - look;
          }
          gos::yield();
          begin = std::chrono::steady_clock::now();
        }
      });
    }
    group.wait();
    const double parallelism = 1 + static_cast<double>(others) / static_cast<double>(mine);
    EXPECT_LT(parallelism, limit + 0.5);
  }
}

TEST(SC, SC_01_blocking_calls_do_not_count) {
  procs p(1);
  int fd[2];
  ASSERT_EQ(::pipe(fd), 0);
  gos::wait_group blocked_calls;
  std::atomic<int> entered = 0;
  for (int i = 0; i < 3; ++i) {
    blocked_calls.go([&] {
      gos::blocking([&] {
        ++entered;
        char byte;
        return ::read(fd[0], &byte, 1);
      });
    });
  }
  // All three are in the call at once, and there is still a processor for others.
  EXPECT_TRUE(eventually([&] { return entered == 3; }));
  gos::spawn([] { gos::yield(); }).join();
  EXPECT_EQ(::write(fd[1], "abc", 3), 3);
  blocked_calls.wait();
  ::close(fd[0]);
  ::close(fd[1]);
}

// n goroutines that pass a turn around by spinning on a shared word.
void spin_in_turns(int n, int turns) {
  std::atomic<int> turn = 0;
  gos::wait_group group;
  for (int id = 0; id < n; ++id) {
    group.go([&, id] {
      for (int k = 0; k < turns; ++k) {
        while (turn.load() % n != id) {}
        ++turn;
      }
    });
  }
  group.wait();
  EXPECT_EQ(turn, n * turns);
}

TEST(SC, SC_02_spinners_that_wait_for_each_other_all_run) {
  gos::run([] {
    spin_in_turns(gos::runtime::max_procs(), 20);
    gos::sleep(20ms);  // The workers go idle.
    spin_in_turns(gos::runtime::max_procs(), 20);
  });
}

TEST(SC, SC_02_nested_spinners_all_run) {
  gos::run([] {
    const int n = std::max(2, gos::runtime::max_procs());
    for (int round = 0; round < rounds(10); ++round) {
      std::atomic<int> arrived = 0;
      gos::wait_group group;
      // Each spawns the next and then spins until the last has come.
      std::function<void(int)> link = [&](int i) {
        if (i + 1 < n) group.go(link, i + 1);
        ++arrived;
        while (arrived.load() < n) {}
      };
      group.go(link, 0);
      group.wait();
    }
  });
}

TEST(SC, SC_05_local_respawning_does_not_starve_the_global_queue) {
  procs p(1);
  gos::run([] {
    std::atomic<bool> stop = false;
    gos::wait_group chain;
    // Two chains of goroutines, each of which spawns its successor and ends: the local queue never runs dry.
    std::function<void()> link = [&] {
      if (!stop) chain.go(link);
    };
    chain.go(link);
    chain.go(link);
    // Yield queues on the global queue.
    for (int i = 0; i < rounds(1000); ++i) gos::yield();
    stop = true;
    chain.wait();
  });
}

TEST(SC, SC_05_work_from_plain_threads_is_not_starved) {
  procs p(1);
  std::atomic<bool> stop = false;
  gos::wait_group chain;
  std::function<void()> link = [&] {
    if (!stop) chain.go(link);
  };
  chain.go(link);
  for (int i = 0; i < rounds(200); ++i) gos::spawn([] {}).join();
  stop = true;
  chain.wait();
}

TEST(SC, SC_05_a_running_goroutine_gives_way_after_its_time_slice) {
  procs p(1);
  gos::run([] {
    // A goroutine that enters the runtime all the time, but never waits, shares as well.
    std::atomic<bool> stop = false;
    auto buffered = gos::make_chan<int>(1);
    gos::wait_group busy;
    busy.go([&] {
      while (!stop) {
        buffered.send(1);
        buffered.recv();
      }
    });
    std::atomic<int> turns = 0;
    busy.go([&] {
      while (++turns < 5) gos::yield();
      stop = true;
    });
    busy.wait();
    EXPECT_EQ(turns, 5);
  });
}

// A pair that exchanges a token until told to end; returns how often it went round.
long ping_pong(const std::atomic<bool>& stop, std::chrono::nanoseconds work, gos::chan<int> ping,
               gos::chan<int> pong) {
  gos::go([=] {
    for (int n : ping) {
      burn(work);
      pong.send(n + 1);
    }
    pong.close();
  });
  long count = 0;
  while (!stop) {
    ping.send(1);
    pong.recv();
    ++count;
  }
  ping.close();
  pong.recv();
  return count;
}

TEST(SC, SC_06_a_ping_pong_pair_shares_one_time_slice) {
  procs p(1);
  gos::run([] {
    std::atomic<bool> stop = false;
    auto pair = [&] {
      return gos::spawn(
          [&stop] { return ping_pong(stop, 0ns, gos::make_chan<int>(), gos::make_chan<int>()); });
    };
    auto heavy = pair();
    auto light = pair();
    gos::sleep(scaled(2s));  // Many slices, though the machine may lengthen some.
    stop = true;
    const long a = heavy.join(), b = light.join();
    EXPECT_GT(a, 0);
    EXPECT_GT(b, 0);
    EXPECT_LT(a / 20, b) << a << " and " << b;
    EXPECT_LT(b / 20, a) << a << " and " << b;
  });
}

TEST(SC, SC_07_a_polling_loop_of_yields_ends) {
  for (int limit : {1, 4}) {
    procs p(limit);
    gos::run([] {
      for (int round = 0; round < rounds(200); ++round) {
        auto ch = gos::make_chan<int>();
        gos::go([=] { ch.send(7); });
        std::expected<int, gos::recv_status> got;
        while (!(got = ch.try_recv())) {
          EXPECT_EQ(got.error(), gos::recv_status::empty);
          gos::yield();
        }
        EXPECT_EQ(*got, 7);
      }
    });
  }
}

TEST(SC, SC_07_also_when_locked_to_a_thread) {
  for (int limit : {1, 4}) {
    procs p(limit);
    gos::run([] {
      gos::pin pinned;
      for (int round = 0; round < rounds(50); ++round) {
        auto ch = gos::make_chan<int>();
        gos::go([=] { ch.send(7); });
        while (!ch.try_recv()) gos::yield();
        auto back = gos::make_chan<int>();
        gos::go([=] {
          gos::pin pinned_too;
          while (!ch.try_recv()) gos::yield();
          back.send(8);
        });
        ch.send(1);
        EXPECT_EQ(back.recv(), 8);
      }
    });
  }
}

TEST(SC, SC_07_yield_lets_the_others_go_first) {
  procs p(1);
  gos::run([] {
    // Every 61st round the global queue, where yield puts the caller, is asked first: so not in every round.
    int all_went_first = 0;
    for (int round = 0; round < 100; ++round) {
      std::atomic<int> ran = 0;
      gos::wait_group group;
      for (int i = 0; i < 5; ++i) group.go([&] { ++ran; });
      gos::yield();
      all_went_first += ran == 5;
      group.wait();
    }
    EXPECT_GE(all_went_first, 80);
  });
}

TEST(SC, SC_08_a_timer_wins_against_a_case_that_is_always_ready) {
  for (int limit : {1, 2}) {
    procs p(limit);
    gos::run([] {
      auto always = gos::make_chan<void>();
      always.close();
      // One goroutine alone, and one among several that do the same.
      gos::wait_group group;
      for (int i = 0; i < 3; ++i) {
        group.go([=] {
          auto timeout = gos::after(5ms);
          bool over = false;
          while (!over) gos::select(gos::recv(always), gos::recv(timeout, [&] { over = true; }));
        });
      }
      group.wait();
      // The two sides of a busy channel.
      auto busy = gos::make_chan<int>();
      gos::go([=] {
        for (int n = 0;; ++n) {
          if (!panic_text([&] { busy.send(n); }).starts_with("(no")) return;
        }
      });
      auto timeout = gos::after(20ms);
      for (bool over = false; !over;) gos::select(gos::recv(busy), gos::recv(timeout, [&] { over = true; }));
      busy.close();
    });
    EXPECT_TRUE(goroutine_count_settles(0));
  }
}

TEST(SC, SC_09_a_timer_callback_runs_beside_an_endless_exchange) {
  procs p(1);
  gos::run([] {
    std::atomic<bool> stop = false;
    auto pair =
        gos::spawn([&] { return ping_pong(stop, 0ns, gos::make_chan<int>(), gos::make_chan<int>()); });
    auto timer = gos::after_func(5ms, [&] { stop = true; });
    EXPECT_GT(pair.join(), 0);
    EXPECT_TRUE(stop);
    EXPECT_FALSE(timer.stop());
  });
}

TEST(SC, SC_12_the_library_follows_a_goroutine_across_threads) {
  procs p(4);
  gos::run([] {
    gos::goroutine_local<int> mine(-1);
    std::atomic<int> moved = 0;
    // Until somebody has changed the thread: otherwise nothing was tested.
    EXPECT_TRUE(eventually([&] {
      gos::wait_group group;
      for (int i = 0; i < 32; ++i) {
        group.go([&, i] {
          *mine = i;
          const std::uint64_t id = goroutine_id();
          std::set<long> threads;
          for (int round = 0; round < 50; ++round) {
            if (round % 2 == 0) gos::yield();
            else gos::sleep(100us);
            threads.insert(::syscall(SYS_gettid));
            EXPECT_EQ(*mine, i);
          }
          EXPECT_EQ(goroutine_id(), id);
          if (threads.size() > 1) ++moved;
        });
      }
      group.wait();
      return moved > 0;
    }));
  });
}

TEST(SC, extra_set_max_procs_while_running) {
  const int before = gos::runtime::max_procs();
  gos::run([] {
    std::atomic<bool> stop = false;
    std::atomic<long> sent = 0, received = 0;
    auto ch = gos::make_chan<int>(4);
    gos::wait_group senders, receivers;
    for (int i = 0; i < 4; ++i) {
      senders.go([&] {
        while (!stop) {
          ch.send(1);
          ++sent;
          gos::yield();
        }
      });
      receivers.go([&] {
        for (int n : ch) received += n;
      });
    }
    auto random = rng();
    for (int i = 0; i < rounds(100); ++i) {
      const int n = 1 + static_cast<int>(random() % 8);
      gos::runtime::set_max_procs(n);
      EXPECT_EQ(gos::runtime::max_procs(), n);
      EXPECT_EQ(gos::runtime::set_max_procs(0), n);  // Asks only.
      if (i % 4 == 0) gos::sleep(1ms);
    }
    stop = true;
    senders.wait();
    ch.close();
    receivers.wait();
    EXPECT_EQ(sent, received);
    EXPECT_GT(sent, 0);
  });
  gos::runtime::set_max_procs(before);
}

TEST(SC, extra_nothing_runs_when_every_goroutine_is_parked) {
  if (tsan || slow_machine()) GTEST_SKIP() << "the process has threads that are not the runtime's";
  child idle("death_sched", {"idle"});
  ASSERT_TRUE(idle.read_until("parked\n")) << idle.err();
  // Threads that have just run look around for a while before they sleep; then nothing stirs for five seconds.
  EXPECT_TRUE(eventually([&] {
    const long before = context_switches(idle.pid());
    for (int i = 0; i < 20; ++i) {
      ::usleep(250'000);
      if (context_switches(idle.pid()) != before) return false;
    }
    return true;
  }));
}

}  // namespace
