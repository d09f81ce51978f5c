// What go.hpp offers beyond spawning: goexit, spawn with results and panics, pin, blocking, goroutine-local values, run.
#include "fixture.hpp"

#include <sys/syscall.h>

#include <memory>
#include <set>
#include <stdexcept>

using namespace gos_test;

namespace {

long thread_id() { return ::syscall(SYS_gettid); }

// goexit -------------------------------------------------------------------------------------------------------------

TEST(Goexit, ends_the_goroutine_and_runs_what_is_deferred) {
  gos::run([] {
    auto ended = gos::make_chan<std::string>(1);
    gos::go([=] {
      struct guard {
        gos::chan<std::string> out;
        std::string notes;
        ~guard() { out.send(std::move(notes)); }
      } g{ended, {}};
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] { g.notes += "first "; });
        defer([&] { g.notes += gos::recover() ? "recovered " : "nothing "; });
        g.notes += "body ";
        [] { gos::goexit(); }();
        g.notes += "after ";
      });
      g.notes += "outside ";
    });
    EXPECT_EQ(ended.recv(), "body nothing first ");
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(Goexit, passes_a_catch_that_throws_on) {
  gos::run([] {
    std::atomic<bool> caught = false, destroyed = false;
    gos::wait_group group;
    group.go([&] {
      struct guard {
        std::atomic<bool>& flag;
        ~guard() { flag = true; }
      } g{destroyed};
      try {
        gos::goexit();
      } catch (const std::exception&) { ADD_FAILURE() << "goexit is no std::exception"; } catch (...) {
        caught = true;
        throw;
      }
    });
    group.wait();  // wait_group::go counts down after goexit too (WG-05).
    EXPECT_TRUE(caught);
    EXPECT_TRUE(destroyed);
  });
}

TEST(Goexit, panics_on_a_plain_thread) {
  EXPECT_TRUE(panic_of([] { gos::goexit(); }));
}

// spawn --------------------------------------------------------------------------------------------------------------

TEST(Spawn, results_of_all_kinds) {
  auto body = [] {
    EXPECT_EQ(gos::spawn([] { return 42; }).join(), 42);
    gos::spawn([] {}).join();
    EXPECT_EQ(*gos::spawn([] { return std::make_unique<int>(7); }).join(), 7);
    EXPECT_EQ(gos::spawn([](std::string a, int b) { return a + std::to_string(b); }, "n", 1).join(), "n1");
    int value = 5;
    int& reference = gos::spawn([&]() -> int& { return value; }).join();
    reference = 6;
    EXPECT_EQ(value, 6);
    // Ended long before the join, and joined while it waits.
    auto early = gos::spawn([] { return 1; });
    gos::sleep(2ms);
    EXPECT_EQ(early.join(), 1);
    auto late = gos::spawn([] {
      gos::sleep(5ms);
      return 2;
    });
    EXPECT_EQ(late.join(), 2);
  };
  gos::run(body);
  body();  // And from a plain thread.
}

TEST(Spawn, handles_move_and_may_be_dropped) {
  gos::run([] {
    std::atomic<int> ran = 0;
    {
      auto a = gos::spawn([&] { return ++ran; });
      auto b = std::move(a);
      auto c = gos::spawn([&] { return ++ran; });
      c = std::move(b);  // The second is dropped, and runs on.
      c.join();
      auto dropped = gos::spawn([&] {
        gos::sleep(1ms);
        return ++ran;
      });
    }
    EXPECT_TRUE(eventually([&] { return ran == 3; }));
  });
  // A result nobody asks for is destroyed.
  counted::reset();
  gos::run([] {
    {
      auto dropped = gos::spawn([] { return counted(1); });
    }
    {
      auto never_asked = gos::spawn([] { return counted(2); }), other = std::move(never_asked);
    }
    gos::spawn([] { return counted(3); }).join();
  });
  EXPECT_TRUE(goroutine_count_settles(0));
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

TEST(Spawn, join_throws_what_the_goroutine_ended_with) {
  gos::run([] {
    auto throwing = gos::spawn([]() -> int { throw std::runtime_error("failed"); });
    try {
      throwing.join();
      ADD_FAILURE();
    } catch (const std::runtime_error& e) { EXPECT_STREQ(e.what(), "failed"); }
    auto panicking = gos::spawn([] { gos::panic(std::string("own text")); });
    const auto p = panic_of([&] { panicking.join(); });
    ASSERT_TRUE(p);
    EXPECT_EQ(p->message(), "own text");
    ASSERT_NE(p->value<std::string>(), nullptr);
    auto misusing = gos::spawn([] { gos::chan<int>().close(); });
    const auto q = panic_of([&] { misusing.join(); });
    ASSERT_TRUE(q);
    EXPECT_EQ(q->message(), "close of nil channel");
    EXPECT_TRUE(q->is_runtime_error());
  });
}

TEST(Spawn, a_tree_of_joins) {
  gos::run([] {
    std::function<long(int)> tree = [&](int depth) -> long {
      if (depth == 0) return 1;
      auto left = gos::spawn(tree, depth - 1), right = gos::spawn(tree, depth - 1);
      return left.join() + right.join();
    };
    EXPECT_EQ(tree(sanitized || slow_machine() ? 8 : 14), 1 << (sanitized || slow_machine() ? 8 : 14));
  });
}

// pin ----------------------------------------------------------------------------------------------------------------

TEST(Pin, keeps_the_goroutine_on_its_thread_and_others_off) {
  for (int limit : {1, 4}) {
    procs p(limit);
    gos::run([] {
      std::atomic<bool> stop = false;
      std::atomic<long> pinned_thread = 0;
      std::atomic<int> trespassers = 0;
      gos::wait_group others;
      for (int i = 0; i < 8; ++i) {
        others.go([&] {
          while (!stop) {
            trespassers += thread_id() == pinned_thread;
            gos::yield();
          }
        });
      }
      {
        gos::pin pinned;
        const long mine = thread_id();
        pinned_thread = mine;
        auto ch = gos::make_chan<int>();
        for (int i = 0; i < rounds(100); ++i) {
          // Spawned goroutines do not inherit it.
          gos::go([=] {
            EXPECT_NE(thread_id(), mine);
            ch.send(1);
          });
          ch.recv();
          ASSERT_EQ(thread_id(), mine);
          gos::yield();
          ASSERT_EQ(thread_id(), mine);
          gos::sleep(20us);
          ASSERT_EQ(thread_id(), mine);
          {
            gos::pin nested;
            gos::yield();
          }
          gos::yield();
          ASSERT_EQ(thread_id(), mine);
        }
        pinned_thread = 0;
      }
      stop = true;
      others.wait();
      EXPECT_EQ(trespassers, 0);
    });
  }
}

TEST(Pin, functions_of_the_runtime_nest_too) {
  gos::run([] {
    gos::runtime::unlock_os_thread();  // Without a lock: nothing.
    gos::runtime::lock_os_thread();
    gos::runtime::lock_os_thread();
    const long mine = thread_id();
    gos::runtime::unlock_os_thread();
    for (int i = 0; i < 20; ++i) {
      gos::spawn([] { gos::yield(); }).join();
      EXPECT_EQ(thread_id(), mine);
    }
    gos::runtime::unlock_os_thread();
  });
}

TEST(Pin, several_pinned_goroutines_talk) {
  procs p(2);
  gos::run([] {
    const int n = 6;
    std::vector<gos::chan<int>> ring;
    for (int i = 0; i <= n; ++i) ring.push_back(gos::make_chan<int>());
    gos::wait_group group;
    for (int i = 0; i < n; ++i) {
      group.go([=, in = ring[static_cast<std::size_t>(i)], out = ring[static_cast<std::size_t>(i) + 1]] {
        gos::pin pinned;
        const long mine = thread_id();
        for (int v : in) out.send(v + 1);
        out.close();
        EXPECT_EQ(thread_id(), mine);
      });
    }
    gos::go([=, first = ring.front()] {
      for (int i = 0; i < rounds(100); ++i) first.send(i);
      first.close();
    });
    int expected = n;
    for (int v : ring.back()) EXPECT_EQ(v, expected++);
    group.wait();
  });
}

TEST(Pin, a_goroutine_that_ends_pinned_harms_nobody) {
  gos::run([] {
    for (int i = 0; i < rounds(20); ++i) {
      gos::wait_group group;
      group.go([] { gos::runtime::lock_os_thread(); });
      group.go([] { gos::yield(); });
      group.wait();
    }
  });
}

// blocking -----------------------------------------------------------------------------------------------------------

TEST(Blocking, returns_what_the_function_returns) {
  auto body = [] {
    EXPECT_EQ(gos::blocking([] { return 42; }), 42);
    gos::blocking([] {});
    EXPECT_EQ(*gos::blocking([] { return std::make_unique<int>(3); }), 3);
    EXPECT_THROW(gos::blocking([] { throw std::logic_error("x"); }), std::logic_error);
    int value = 1;
    gos::blocking([&]() -> int& { return value; }) = 2;
    EXPECT_EQ(value, 2);
    EXPECT_EQ(gos::blocking([] { return gos::blocking([] { return 5; }); }), 5);
  };
  gos::run(body);
  body();
}

TEST(Blocking, the_runtime_may_be_used_inside) {
  procs p(1);
  gos::run([] {
    auto ch = gos::make_chan<int>();
    gos::go([=] { ch.send(gos::blocking([=] { return ch.capacity() == 0 ? 1 : 2; })); });
    EXPECT_EQ(gos::blocking([=] { return ch.recv(); }), 1);
    gos::blocking([] { gos::sleep(1ms); });
    EXPECT_EQ(gos::blocking([] { return gos::spawn([] { return 3; }).join(); }), 3);
    gos::blocking([] { gos::yield(); });
  });
}

TEST(Blocking, many_at_once) {
  procs p(2);
  gos::run([] {
    int fd[2];
    ASSERT_EQ(::pipe(fd), 0);
    const int n = 50;
    gos::wait_group group;
    std::atomic<int> inside = 0, bytes = 0;
    for (int i = 0; i < n; ++i) {
      group.go([&] {
        bytes += static_cast<int>(gos::blocking([&] {
          ++inside;
          char byte;
          return ::read(fd[0], &byte, 1);
        }));
      });
    }
    EXPECT_TRUE(eventually([&] { return inside == n; }));
    for (int i = 0; i < n; ++i) EXPECT_EQ(::write(fd[1], "x", 1), 1);
    group.wait();
    EXPECT_EQ(bytes, n);
    ::close(fd[0]);
    ::close(fd[1]);
  });
}

// goroutine_local ----------------------------------------------------------------------------------------------------

TEST(GoroutineLocal, each_goroutine_has_its_own) {
  gos::run([] {
    gos::goroutine_local<int> number(7);
    gos::goroutine_local<std::string> text;
    *number = 1;
    *text = "main";
    gos::wait_group group;
    for (int i = 0; i < 20; ++i) {
      group.go([&, i] {
        EXPECT_EQ(*number, 7);
        EXPECT_TRUE(text->empty());
        *number = i;
        *text = std::to_string(i);
        for (int k = 0; k < 10; ++k) {
          gos::yield();
          EXPECT_EQ(*number, i);
          EXPECT_EQ(*text, std::to_string(i));
        }
      });
    }
    group.wait();
    EXPECT_EQ(*number, 1);
    EXPECT_EQ(*text, "main");
  });
}

TEST(GoroutineLocal, values_die_with_their_goroutine) {
  counted::reset();
  {
    gos::goroutine_local<counted> local;
    gos::run([&] {
      gos::wait_group group;
      for (int i = 0; i < 10; ++i) {
        group.go([&, i] {
          local->value = i;
          gos::yield();
          EXPECT_EQ(local->value, i);
          if (i % 2 == 0) gos::goexit();
        });
      }
      group.wait();
    });
    EXPECT_TRUE(goroutine_count_settles(0));
    EXPECT_TRUE(eventually([] { return counted::alive == 0; })) << counted::alive;
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(GoroutineLocal, plain_threads_have_values_too) {
  gos::goroutine_local<int> number(3);
  EXPECT_EQ(*number, 3);
  *number = 4;
  std::thread([&] {
    EXPECT_EQ(*number, 3);
    *number = 5;
  }).join();
  EXPECT_EQ(*number, 4);
}

TEST(GoroutineLocal, a_new_one_at_the_place_of_an_old_one_starts_fresh) {
  gos::run([] {
    for (int i = 0; i < 10; ++i) {
      gos::goroutine_local<int> number(i);
      EXPECT_EQ(*number, i);
      *number = 100 + i;
    }
  });
}

// run and yield ------------------------------------------------------------------------------------------------------

TEST(Run, may_be_called_again_and_from_any_thread) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(gos::run([i] { return i; }), i);
  std::thread([] {
    EXPECT_EQ(gos::run([] {
                gos::spawn([] { gos::yield(); }).join();
                return 9;
              }),
              9);
  }).join();
}

TEST(Run, an_exception_that_leaves_a_nested_call_is_caught_inside) {
  EXPECT_EQ(gos::run([] {
              try {
                gos::spawn([] { throw 3; }).join();
              } catch (int n) { return n; }
              return 0;
            }),
            3);
}

TEST(Yield, is_harmless_anywhere) {
  for (int i = 0; i < 100; ++i) gos::yield();
  gos::run([] {
    for (int i = 0; i < rounds(10'000); ++i) gos::yield();
  });
}

TEST(Go, a_hundred_thousand_short_ones) {
  gos::run([] {
    std::atomic<int> ran = 0;
    gos::wait_group group;
    for (int i = 0; i < rounds(100'000); ++i) {
      if (i % 1000 == 999 && (tsan || slow_machine())) group.wait();
      group.go([&] { ++ran; });
    }
    group.wait();
    EXPECT_EQ(ran, rounds(100'000));
  });
}

}  // namespace
