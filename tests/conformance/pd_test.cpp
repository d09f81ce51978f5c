// Panic, defer, recover, goexit: contract section 12. How a process ends: modes of death/panic.cpp. What concerns the exception
// state alone, PD-19, is eh_test.cpp; goexit among panics, PD-10 and PD-11, is pd_goexit_test.cpp; memory faults, PD-20, are
// pd_faults_test.cpp.
#include "child.hpp"
#include "panics.hpp"

#include <functional>
#include <memory>
#include <regex>
#include <stdexcept>

using namespace gos_test;

namespace {

child_result crash(const std::string& mode) { return run_child("death_panic", {mode}); }

void expect_end(const std::string& mode, const std::string& head) {
  const child_result r = crash(mode);
  EXPECT_EQ(r.status, 2) << mode << '\n' << r;
  EXPECT_EQ(r.err.substr(0, r.err.find("\n\ngoroutine ")), head) << mode << '\n' << r;
}

TEST(PD, PD_01_last_in_first_out_by_return_panic_and_goexit) {
  for (const std::string how : {"return", "panic", "exception", "goexit"}) {
    gos::run([&] {
      lines order;
      in_goroutine([&] {
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([&] { order.push_back(seen()); });
          for (int i = 0; i < 30; ++i) defer([&order](int n) { order.push_back(std::to_string(n)); }, i);
          order.push_back("body");
          if (how == "panic") gos::panic("a panic");
          if (how == "exception") throw std::runtime_error("an exception");
          if (how == "goexit") gos::goexit();
        });
        order.push_back("after");
      });
      lines expected = {"body"};
      for (int i = 30; i-- > 0;) expected.push_back(std::to_string(i));
      expected.push_back(how == "panic" ? "a panic" : how == "exception" ? "an exception" : "nothing");
      if (how != "goexit") expected.push_back("after");
      EXPECT_EQ(order, expected) << how;
    });
  }
}

TEST(PD, PD_01_arguments_are_evaluated_at_the_defer_statement) {
  both([] {
    int n = 1, got = 0, moved = 0;
    auto owned = std::make_unique<int>(7);
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&](int value) { got = value; }, n);
      defer([&](std::unique_ptr<int> p) { moved = *p; }, std::move(owned));
      EXPECT_EQ(owned, nullptr);
      n = 2;
    });
    EXPECT_EQ(got, 1);
    EXPECT_EQ(moved, 7);
  });
}

TEST(PD, PD_02_an_empty_callable_panics_when_it_would_run) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      gos::with_defer([&](gos::defer_stack& inner) {
        inner([&] { order.push_back("still runs"); });
        inner(std::function<void()>());
        order.push_back("deferred");
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"deferred", "still runs", "invalid memory address or nil pointer dereference"}));
  });
}

std::string helper() { return seen(); }

TEST(PD, PD_03_recover_concerns_the_panic_that_started_the_deferred_call) {
  both([] {
    // In the deferred call itself, and in a helper of it.
    EXPECT_EQ(panic_text([] { gos::panic("x"); }), "x");
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(helper()); });
      gos::panic("helped");
    });
    // Not in a deferred call of a deferred call.
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] { gos::with_defer([&](gos::defer_stack& inner) { inner([&] { order.push_back(seen()); }); }); });
      gos::panic("outer");
    });
    // Not as the deferred call itself.
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer(&gos::recover);
      gos::panic("not by name");
    });
    // Not in the body of a with_defer inside of it that has a panic of its own.
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] { order.push_back(panic_text([] { gos::panic("inner"); })); });
      gos::panic("again outer");
    });
    EXPECT_EQ(order, (lines{"helped", "nothing", "outer", "not by name", "inner", "again outer"}));
  });
}

int result_of(lines& order) {
  int result = 1;
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] { order.push_back("last " + seen()); });
    defer([&] { result *= 10; });
    defer([&] {
      order.push_back(seen());
      result += 4;
    });
    result = 3;
    gos::panic("first");
  });
  return result;
}

TEST(PD, PD_04_after_a_recover_the_rest_runs_and_the_function_returns) {
  both([] {
    lines order;
    EXPECT_EQ(result_of(order), 70);
    EXPECT_EQ(order, (lines{"first", "last nothing"}));
  });
}

TEST(PD, PD_05_a_second_recover_and_one_without_a_panic_are_empty) {
  both([] {
    EXPECT_FALSE(gos::recover());
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] {
        order.push_back(seen());
        order.push_back(seen());
      });
      gos::panic("once");
    });
    gos::with_defer([&](gos::defer_stack& defer) { defer([&] { order.push_back(seen()); }); });
    EXPECT_EQ(order, (lines{"once", "nothing", "nothing"}));
  });
}

TEST(PD, PD_06_a_nil_panic_is_a_runtime_error) {
  both([] {
    for (const auto& body : std::vector<std::function<void()>>{
             [] { gos::panic(nullptr); }, [] { gos::panic(static_cast<const char*>(nullptr)); }}) {
      const auto p = panic_of(body);
      ASSERT_TRUE(p);
      EXPECT_EQ(p->message(), "panic called with nil argument");
      EXPECT_TRUE(p->is_runtime_error());
    }
  });
}

TEST(PD, PD_07_a_panic_in_a_deferred_call_replaces_the_older_one) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] { gos::panic("third"); });
      defer([&] { throw std::runtime_error("second"); });
      gos::panic("first");
    });
    EXPECT_EQ(order, (lines{"third"}));
    // From frame to frame.
    EXPECT_EQ(panic_text([] {
                gos::with_defer([](gos::defer_stack& outer) {
                  outer([] { gos::panic("newest"); });
                  gos::with_defer([](gos::defer_stack& inner) {
                    inner([] { gos::panic("newer"); });
                    gos::panic("old");
                  });
                });
              }),
              "newest");
  });
}

TEST(PD, PD_08_a_panic_within_a_deferred_call_leaves_the_outer_one) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] {
        order.push_back(panic_text([] { gos::panic("inner"); }));
        try {
          throw std::runtime_error("caught");
        } catch (const std::exception& e) { order.push_back(e.what()); }
      });
      gos::panic("outer");
    });
    EXPECT_EQ(order, (lines{"inner", "caught", "outer"}));
  });
}

TEST(PD, PD_09_goexit_runs_deferred_calls_and_ends_its_goroutine_only) {
  gos::run([] {
    lines order;
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& outer) {
        outer([&] { order.push_back("outer " + seen()); });
        gos::with_defer([&](gos::defer_stack& inner) {
          inner([&] { order.push_back("inner " + seen()); });
          gos::goexit();
        });
        order.push_back("went on");
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"inner nothing", "outer nothing"}));
  });
}

TEST(PD, PD_12_nobody_recovers_anothers_panic) {
  expect_end("not-recovered-by-others", "panic: mine alone");
  expect_end("dropped-handle", "panic: nobody joins");
  gos::run([] {
    EXPECT_EQ(panic_text([] { gos::spawn([] { gos::panic("theirs"); }).join(); }), "theirs");
    EXPECT_EQ(panic_text([] {
                gos::task_group group;
                group.go([] { gos::panic("a member's"); });
                group.wait();
              }),
              "a member's");
  });
}

void recover_and_panic_again(int depth, int& runs) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] {
      ++runs;
      if (auto p = gos::recover()) gos::panic(*p);
    });
    if (depth > 0) recover_and_panic_again(depth - 1, runs);
    else gos::panic("deep");
  });
}

TEST(PD, PD_13_repanics_leave_no_stale_calls) {
  both([] {
    for (int i = 0; i < rounds(20); ++i) {
      int runs = 0;
      EXPECT_EQ(panic_text([&] { recover_and_panic_again(100, runs); }), "deep");
      EXPECT_EQ(runs, 101);
      EXPECT_FALSE(gos::recover());
    }
  });
}

TEST(PD, PD_14_fatal_errors_skip_deferred_calls) {
  expect_end("fatal-skips-deferred", "fatal error: sync: unlock of unlocked mutex");
}

TEST(PD, PD_15_exceptions_are_panics_with_their_text) {
  expect_end("exception", "panic: an exception");
  expect_end("exception-in-main", "panic: an exception");
  expect_end("exception-int", "panic: 42");
  expect_end("exception-nested", "panic: outermost\n\tcaused by: middle\n\tcaused by: innermost");
  expect_end("exception-of-result", "panic: i/o timeout");
  expect_end("exception-of-expected", "panic: the reason");
  expect_end("exception-bad-alloc", "panic: std::bad_alloc");
  both([] {
    EXPECT_EQ(panic_text([] { throw std::out_of_range("what"); }), "what");
    EXPECT_EQ(panic_text([] { throw 42; }), "42");
    EXPECT_EQ(panic_text([] { throw "literal"; }), "literal");
    const auto p = panic_of([] { throw std::out_of_range("range"); });
    ASSERT_TRUE(p);
    EXPECT_STREQ(p->value<std::exception>()->what(), "range");
  });
}

TEST(PD, PD_15_no_bare_terminate_in_what_is_noexcept) {
  expect_end("noexcept-panic", "panic: in noexcept");
  expect_end("destructor-panic", "panic: in a destructor");
  expect_end("noexcept-goexit", "fatal error: goexit cannot leave a function that is noexcept, or a destructor");
  // Not every compiler says which exception it was.
  for (const char* mode : {"noexcept-exception", "destructor-exception"}) {
    const child_result r = crash(mode);
    EXPECT_EQ(r.status, 2) << r;
    EXPECT_TRUE(std::regex_search(
        r.err, std::regex("^(panic: (thrown in noexcept|in a destructor)|"
                          "fatal error: a C\\+\\+ exception cannot leave a function that is noexcept, or a destructor)\n\n"
                          "goroutine [0-9]+ \\[running\\]:\n")))
        << r;
  }
  const child_result own = crash("own-terminate");
  EXPECT_EQ(own.status, 9) << own;
  EXPECT_EQ(own.err, "own terminate\n");
}

TEST(PD, PD_16_swallowing_is_fatal) {
  expect_end("swallowed-goexit", "fatal error: goexit swallowed by a catch (...) that does not rethrow");
  expect_end("swallowed-goexit-later", "fatal error: goexit swallowed by a catch (...) that does not rethrow");
  expect_end("swallowed-panic", "fatal error: panic swallowed by a catch (...) that does not rethrow: important");
}

TEST(PD, PD_16_rethrowing_is_fine) {
  gos::run([] {
    int passes = 0;
    EXPECT_EQ(panic_text([&] {
                try {
                  try {
                    gos::panic("passes");
                  } catch (...) {
                    ++passes;
                    throw;
                  }
                } catch (...) {
                  ++passes;
                  std::rethrow_exception(std::current_exception());
                }
              }),
              "passes");
    in_goroutine([&] {
      try {
        gos::goexit();
      } catch (...) {
        ++passes;
        throw;
      }
    });
    EXPECT_EQ(passes, 3);
  });
}

[[gnu::noinline]] void panic_point() { gos::panic("at the point"); }
[[gnu::noinline]] void throw_point() { throw std::runtime_error("at the point"); }

TEST(PD, PD_17_destructors_first_and_the_stack_of_the_point) {
  both([] {
    using point_and_name = std::pair<void (*)(), const char*>;
    for (const auto& [point, name] : {point_and_name(panic_point, "panic_point"), point_and_name(throw_point, "throw_point")}) {
      lines order;
      struct tracer {
        lines& to;
        ~tracer() { to.push_back("destructor"); }
      };
      std::string trace;
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] {
          order.push_back("deferred");
          trace = gos::recover()->stack_trace();
        });
        tracer inside{order};
        point();
      });
      EXPECT_EQ(order, (lines{"destructor", "deferred"}));
      EXPECT_NE(trace.substr(0, trace.find('\n')).find(name), std::string::npos) << trace;
    }
  });
}

TEST(PD, PD_17_an_exception_thrown_again_keeps_its_first_stack) {
  gos::run([] {
    const auto p = panic_of([] {
      gos::with_defer([](gos::defer_stack& defer) {
        defer([] {});
        try {
          gos::with_defer([](gos::defer_stack& inner) {
            inner([] {});
            throw_point();
          });
        } catch (const std::exception&) { throw; }
      });
    });
    ASSERT_TRUE(p);
    const std::string trace = p->stack_trace();
    EXPECT_NE(trace.substr(0, trace.find('\n')).find("throw_point"), std::string::npos) << trace;
  });
}

TEST(PD, PD_18_panics_while_another_unwinds) {
  expect_end("guard-unwinding",
             "fatal error: panic: in the guard\n\tin a defer guard during unwinding; with_defer allows it");
  both([] {
    struct busy {
      std::string& result;
      ~busy() { result = panic_text([] { gos::panic("inside"); }); }
    };
    std::string inside;
    EXPECT_EQ(panic_text([&] {
                gos::with_defer([&](gos::defer_stack& defer) {
                  defer([] { gos::panic("outside"); });
                  busy b{inside};
                  gos::panic("first");
                });
              }),
              "outside");
    EXPECT_EQ(inside, "inside");
  });
}

TEST(PD, PD_19_deferred_calls_may_wait) {
  gos::run([] {
    gos::wait_group all;
    for (int g = 0; g < 20; ++g) {
      all.go([g] {
        const std::string mine = "panic " + std::to_string(g);
        for (int i = 0; i < rounds(30); ++i) {
          std::string got;
          gos::with_defer([&](gos::defer_stack& defer) {
            defer([&] {
              gos::yield();
              got = seen();
            });
            defer([] { gos::sleep(10us); });
            struct parks {
              ~parks() { gos::yield(); }
            } at_unwinding;
            gos::panic(mine);
          });
          EXPECT_EQ(got, mine);
        }
      });
    }
    all.wait();
  });
}

}  // namespace
