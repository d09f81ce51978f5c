// Raising and recovering: contract section 12, on goroutines and on plain threads.
#include "panics.hpp"

#include <stdexcept>
#include <system_error>

#include "panic/body.hpp"

using namespace gos_test;

namespace {

TEST(PD, PD_03_recover_elsewhere_is_empty) {
  both([] {
    EXPECT_FALSE(gos::recover());
    lines order;
    // From a deferred call inside a deferred call, and in a guard there.
    EXPECT_EQ(panic_text([&] {
                gos::with_defer([&](gos::defer_stack& defer) {
                  defer([&] {
                    gos::with_defer([&](gos::defer_stack& inner) { inner([&] { order.push_back(seen()); }); });
                    gos::defer guard([&] { order.push_back(seen()); });
                  });
                  gos::panic("kept");
                });
              }),
              "kept");
    EXPECT_EQ(order, (lines{"nothing", "nothing"}));
    // As the deferred call itself.
    EXPECT_EQ(panic_text([&] {
                gos::with_defer([&](gos::defer_stack& defer) {
                  defer(gos::recover);
                  defer(&gos::recover);
                  gos::panic("kept too");
                });
              }),
              "kept too");
    // A helper sees it, also out of the body of a with_defer.
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] {
        gos::with_defer([&](gos::defer_stack&) { order.push_back(seen()); });
      });
      gos::panic("seen by a helper");
    });
    EXPECT_EQ(order.back(), "seen by a helper");
  });
}

TEST(PD, PD_04_the_rest_runs_and_with_defer_returns) {
  both([] {
    lines order;
    int result = 1;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back("first: " + seen()); });
      defer([&] {
        result = 2;
        order.push_back(seen());
      });
      gos::panic(std::string("p"));
    });
    order.push_back("after");
    EXPECT_EQ(order, (lines{"p", "first: nothing", "after"}));
    EXPECT_EQ(result, 2);
  });
}

TEST(PD, PD_05_a_second_recover_is_empty) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order = {seen(), seen()}; });
      gos::panic("once");
    });
    EXPECT_EQ(order, (lines{"once", "nothing"}));
    gos::with_defer([&](gos::defer_stack& defer) { defer([&] { order = {seen()}; }); });
    EXPECT_EQ(order, (lines{"nothing"}));
  });
}

TEST(PD, PD_06_nil) {
  both([] {
    const auto p = panic_of([] { gos::panic(nullptr); });
    ASSERT_TRUE(p);
    EXPECT_EQ(p->message(), "panic called with nil argument");
    EXPECT_TRUE(p->is_runtime_error());
    const char* text = nullptr;
    EXPECT_EQ(panic_text([&] { gos::panic(text); }), "panic called with nil argument");
  });
}

TEST(PD, PD_07_a_panic_in_a_deferred_call_replaces) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] {
        order.push_back("runs");
        gos::panic("third");
      });
      defer([] { gos::panic("second"); });
      gos::panic("first");
    });
    EXPECT_EQ(order, (lines{"runs", "third"}));
    // Out of nested ones, with C++ exceptions in between.
    order.clear();
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      gos::with_defer([&](gos::defer_stack& inner) {
        inner([] { throw std::runtime_error("newest"); });
        inner([&] { gos::with_defer([&](gos::defer_stack& deep) { deep([] { gos::panic("newer"); }); }); });
        throw 42;
      });
    });
    EXPECT_EQ(order, (lines{"newest"}));
  });
}

TEST(PD, PD_08_a_panic_inside_a_deferred_call_leaves_the_outer_one) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      defer([&] {
        order.push_back(panic_text([] { gos::panic("inner"); }));
        try {
          throw std::runtime_error("caught");
        } catch (const std::exception& e) {
          order.push_back(e.what());
        }
      });
      gos::panic("outer");
    });
    EXPECT_EQ(order, (lines{"inner", "caught", "outer"}));
  });
}

TEST(PD, PD_12_a_join_takes_the_panic) {
  both([] {
    EXPECT_EQ(panic_text([] { gos::spawn([] { gos::panic("theirs"); }).join(); }), "theirs");
    const auto p = panic_of([] {
      gos::spawn([]() -> int { throw std::out_of_range("theirs too"); }).join();
    });
    ASSERT_TRUE(p);
    EXPECT_NE(p->value<std::out_of_range>(), nullptr);
    // With a history: what travels with it stays behind.
    EXPECT_EQ(panic_text([] {
                gos::spawn([] {
                  gos::with_defer([](gos::defer_stack& defer) {
                    defer([] { gos::panic("second"); });
                    gos::panic("first");
                  });
                }).join();
              }),
              "second");
    EXPECT_EQ(panic_text([] {
                gos::spawn([] {
                  gos::with_defer([](gos::defer_stack& defer) {
                    defer([] { gos::panic("out of goexit"); });
                    gos::goexit();
                  });
                }).join();
              }),
              "out of goexit");
  });
}

void recover_and_panic_again(int depth) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] {
      if (auto p = gos::recover()) gos::panic(*p);
    });
    if (depth > 0) recover_and_panic_again(depth - 1);
    else gos::panic("deep");
  });
}

TEST(PD, PD_13_recover_and_panic_again_many_times) {
  both([] {
    for (int i = 0; i < rounds(20); ++i) EXPECT_EQ(panic_text([] { recover_and_panic_again(50); }), "deep");
    EXPECT_FALSE(gos::rt::panicking());
  });
}

TEST(PD, PD_15_exceptions_of_all_kinds_are_panics) {
  both([] {
    EXPECT_EQ(panic_text([] { throw std::runtime_error("what"); }), "what");
    EXPECT_EQ(panic_text([] { throw 42; }), "42");
    EXPECT_EQ(panic_text([] { throw "literal"; }), "literal");
    EXPECT_EQ(panic_text([] { throw std::string("text"); }), "text");
    EXPECT_EQ(panic_text([] { throw std::make_error_code(std::errc::timed_out); }), "Connection timed out");
    struct own {};
    const std::string text = panic_text([] { throw own{}; });
    EXPECT_TRUE(text.starts_with("(") && text.find("own) 0x") != std::string::npos) << text;
    const auto p = panic_of([] { throw std::out_of_range("range"); });
    ASSERT_TRUE(p);
    EXPECT_STREQ(p->value<std::out_of_range>()->what(), "range");
    EXPECT_STREQ(p->value<std::logic_error>()->what(), "range");
    EXPECT_STREQ(p->value<std::exception>()->what(), "range");
    EXPECT_EQ(p->value<std::runtime_error>(), nullptr);
    EXPECT_EQ(p->value<std::string>(), nullptr);
    EXPECT_FALSE(p->is_runtime_error());
    EXPECT_EQ(*panic_of([] { throw 42; })->value<int>(), 42);
  });
}

TEST(PD, PD_15_an_exception_recovered_and_thrown_again_keeps_its_type) {
  both([] {
    std::string what;
    try {
      gos::with_defer([](gos::defer_stack& defer) {
        defer([] {
          if (auto p = gos::recover()) gos::panic(*p);
        });
        throw std::out_of_range("same");
      });
    } catch (const std::out_of_range& e) {
      what = e.what();
    }
    EXPECT_EQ(what, "same");
  });
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
    EXPECT_EQ(passes, 2);
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

TEST(PD, PD_16_a_catch_around_a_with_defer_piles_nothing_up) {
  both([] {
    for (int i = 0; i < 1000; ++i) {
      try {
        gos::with_defer([](gos::defer_stack& defer) {
          defer([] { throw std::runtime_error("second"); });
          throw std::runtime_error("first");
        });
      } catch (const std::exception& e) {
        EXPECT_STREQ(e.what(), "second");
      }
    }
    EXPECT_EQ(panic_text([] { gos::panic("afterwards"); }), "afterwards");
  });
}

TEST(PD, PD_17_destructors_of_inner_frames_run_before) {
  both([] {
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
      gos::panic("at the point");
    });
    EXPECT_EQ(order, (lines{"destructor", "deferred"}));
    EXPECT_NE(trace.find("PD_17"), std::string::npos) << trace;
  });
}

TEST(PD, PD_18_during_unwinding) {
  both([] {
    // A destructor that runs a whole life of panics while another one unwinds.
    struct busy {
      std::string& result;
      ~busy() { result = panic_text([] { gos::panic("inside"); }); }
    };
    std::string inside;
    EXPECT_EQ(panic_text([&] {
                gos::with_defer([&](gos::defer_stack& defer) {
                  defer([] {});
                  busy b{inside};
                  gos::panic("outside");
                });
              }),
              "outside");
    EXPECT_EQ(inside, "inside");
  });
}

TEST(PD, PD_19_deferred_calls_may_park) {
  gos::run([] {
    auto ch = gos::make_chan<std::string>();
    gos::wait_group all;
    for (int g = 0; g < 20; ++g) {
      all.go([=] {
        const std::string mine = "panic " + std::to_string(g);
        for (int i = 0; i < rounds(50); ++i) {
          std::string got;
          gos::with_defer([&](gos::defer_stack& defer) {
            defer([&] {
              gos::yield();
              got = gos::recover()->message();
              ch.send(got);
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
    gos::go([&] {
      all.wait();
      ch.close();
    });
    int n = 0;
    for (const std::string& text : ch) n += text.starts_with("panic ");
    EXPECT_EQ(n, 20 * rounds(50));
  });
}

TEST(Panic, no_goroutine_counts_as_panicking_in_the_end) {
  gos::run([] {
    std::atomic<bool> inside = false;
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] {
          inside = gos::rt::panicking();
          gos::recover();
        });
        gos::panic("x");
      });
    });
    EXPECT_TRUE(inside);
    EXPECT_FALSE(gos::rt::panicking());
    try {
      gos::with_defer([](gos::defer_stack& defer) {
        defer([] {});
        throw std::runtime_error("caught outside");
      });
    } catch (const std::exception&) {
    }
  });
  EXPECT_FALSE(gos::rt::panicking());
}

TEST(Panic, values_may_be_shared_between_goroutines) {
  gos::run([] {
    const gos::panic_value value = *panic_of([] { gos::panic(std::string(100, 'x')); });
    gos::wait_group all;
    for (int i = 0; i < 50; ++i) {
      all.go([copy = value] {
        gos::panic_value another = copy;
        EXPECT_EQ(another.message().size(), 100U);
        EXPECT_EQ(panic_text([&] { gos::panic(another); }).size(), 100U);
      });
    }
    all.wait();
  });
}

}  // namespace
