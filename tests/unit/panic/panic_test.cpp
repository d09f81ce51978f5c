// Raising and recovering beyond conformance/pd_test.cpp: rarer shapes, and the count of those that panic.
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
