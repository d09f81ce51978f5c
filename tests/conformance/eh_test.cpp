// The C++ exception state belongs to the goroutine (PD-19): a goroutine may wait inside a catch block or while it unwinds,
// others throw meanwhile on the same thread, and it may go on on another thread.
#include "fixture.hpp"

#include <sys/syscall.h>

#include <array>
#include <exception>
#include <stdexcept>

using namespace gos_test;

namespace {

// Ways to wait inside a catch block; most of them change the thread now and then.
void wait_somehow(int how) {
  switch (how % 5) {
    case 0:
      gos::yield();
      break;
    case 1:
      gos::sleep(50us);
      break;
    case 2: {
      auto ch = gos::make_chan<int>();
      gos::go([=] { ch.send(1); });
      ch.recv();
      break;
    }
    case 3: {
      auto ch = gos::make_chan<int>();
      gos::go([=] { ch.send(1); });
      gos::select(gos::recv(ch), gos::after(1h, [] {}));
      break;
    }
    case 4:
      gos::blocking([] { ::usleep(10); });
      break;
  }
}

std::string text_of(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& x) { return x.what(); }
}

// Runs the body on many goroutines with one and with four processors.
template <class Body> void on_many(Body body) {
  for (int limit : {1, 4}) {
    procs p(limit);
    gos::run([&] {
      gos::wait_group group;
      for (int i = 0; i < 16; ++i) {
        group.go([&, i] {
          for (int round = 0; round < rounds(60); ++round) body(i * 1000 + round);
        });
      }
      group.wait();
    });
  }
}

TEST(PD, PD_19_waiting_inside_a_catch_block) {
  on_many([](int id) {
    const std::string text = "exception " + std::to_string(id);
    try {
      try {
        throw std::runtime_error(text);
      } catch (const std::runtime_error& e) {
        EXPECT_EQ(e.what(), text);
        wait_somehow(id);
        EXPECT_EQ(e.what(), text);
        ASSERT_TRUE(std::current_exception());
        EXPECT_EQ(text_of(std::current_exception()), text);
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        wait_somehow(id / 7);
        throw;
      }
    } catch (const std::exception& e) { EXPECT_EQ(e.what(), text); }
    EXPECT_FALSE(std::current_exception());
  });
}

TEST(PD, PD_19_nested_catch_blocks) {
  on_many([](int id) {
    try {
      throw id;
    } catch (int outer) {
      wait_somehow(id);
      try {
        throw std::string("inner ") + std::to_string(id);
      } catch (const std::string& inner) {
        wait_somehow(id + 1);
        EXPECT_EQ(inner, "inner " + std::to_string(id));
        try {
          throw;  // The inner one again.
        } catch (const std::string& again) {
          wait_somehow(id + 2);
          EXPECT_EQ(again, inner);
        }
        wait_somehow(id + 3);
      }
      EXPECT_EQ(outer, id);
      try {
        throw;  // And the outer one.
      } catch (int again) {
        wait_somehow(id + 4);
        EXPECT_EQ(again, id);
      }
    }
  });
}

// Waits in its destructor, and looks at the count of exceptions on their way before and after.
struct waits_while_unwinding {
  int id, expected;
  ~waits_while_unwinding() {
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    wait_somehow(id);
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    try {
      throw id;  // Another exception lives and dies inside.
    } catch (int) {
      wait_somehow(id + 1);
      EXPECT_EQ(std::uncaught_exceptions(), expected);
    }
    wait_somehow(id + 2);
    EXPECT_EQ(std::uncaught_exceptions(), expected);
  }
};

TEST(PD, PD_19_waiting_while_unwinding) {
  on_many([](int id) {
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    try {
      waits_while_unwinding first{id, 1};
      waits_while_unwinding second{id + 1, 1};
      throw std::out_of_range("on its way");
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "on its way");
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
    waits_while_unwinding no_exception{id, 0};
  });
}

TEST(PD, PD_19_others_on_the_same_thread_see_nothing_of_it) {
  procs p(1);
  gos::run([] {
    auto inside = gos::make_chan<void>(), leave = gos::make_chan<void>();
    auto first = gos::spawn([=] {
      try {
        throw 1;
      } catch (int n) {
        inside.send();
        leave.recv();
        return n;
      }
    });
    inside.recv();
    EXPECT_FALSE(std::current_exception());
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    try {
      throw std::string("mine");
    } catch (const std::string& mine) {
      // The first ends its exception while this one is caught.
      leave.send();
      EXPECT_EQ(first.join(), 1);
      EXPECT_EQ(mine, "mine");
      ASSERT_TRUE(std::current_exception());
      EXPECT_THROW(throw, std::string);
    }
    EXPECT_FALSE(std::current_exception());
    // Fresh goroutines, on recycled stacks, start without any.
    for (int i = 0; i < 10; ++i) {
      gos::spawn([] {
        EXPECT_FALSE(std::current_exception());
        EXPECT_EQ(std::uncaught_exceptions(), 0);
      }).join();
    }
  });
}

TEST(PD, PD_19_goroutines_really_change_threads_inside_a_catch_block) {
  procs p(4);
  gos::run([] {
    std::atomic<int> moved = 0;
    // Yields and blocking calls beside others change the thread sooner or later.
    const bool seen = eventually([&] {
      gos::wait_group group;
      for (int i = 0; i < 16; ++i) {
        group.go([&, i] {
          try {
            throw std::runtime_error(std::to_string(i));
          } catch (const std::exception& e) {
            const long before = ::syscall(SYS_gettid);
            for (int k = 0; k < 20; ++k) {
              burn(20us);
              wait_somehow(k);
            }
            moved += ::syscall(SYS_gettid) != before;
            EXPECT_EQ(e.what(), std::to_string(i));
            EXPECT_THROW(throw, std::runtime_error);
          }
        });
      }
      group.wait();
      return moved > 0;
    });
    EXPECT_TRUE(seen);
  });
}

TEST(PD, PD_19_exceptions_travel_through_channels) {
  gos::run([] {
    auto failures = gos::make_chan<std::exception_ptr>();
    for (int i = 0; i < 20; ++i) {
      gos::go([=] {
        // Sent outside the handler, whose own reference would be given up later: libstdc++ counts references where
        // ThreadSanitizer does not see it.
        std::exception_ptr failure;
        try {
          throw std::invalid_argument("failure " + std::to_string(i));
        } catch (...) { failure = std::current_exception(); }
        failures.send(std::move(failure));
      });
    }
    std::array<int, 20> seen{};
    for (int i = 0; i < 20; ++i) {
      const std::string text = text_of(failures.recv().value());
      ASSERT_TRUE(text.starts_with("failure "));
      ++seen.at(static_cast<std::size_t>(std::stoi(text.substr(8))));
    }
    for (int count : seen) EXPECT_EQ(count, 1);
  });
}

TEST(PD, extra_throwing_through_many_frames_with_waits_between) {
  on_many([](int id) {
    std::atomic<int> destroyed = 0;
    struct guard {
      std::atomic<int>& count;
      int id;
      ~guard() {
        if (count.fetch_add(1) % 10 == 0) wait_somehow(id);
      }
    };
    auto descend = [&](auto& self, int depth) -> void {
      guard g{destroyed, id};
      if (depth == 0) throw id;
      self(self, depth - 1);
    };
    EXPECT_THROW(descend(descend, 30), int);
    EXPECT_EQ(destroyed, 31);
  });
}

}  // namespace
