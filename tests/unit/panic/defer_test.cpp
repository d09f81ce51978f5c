// Deferred calls and scope guards: contract section 12, PD-01 and PD-02.
#include "panics.hpp"

#include <functional>
#include <memory>

using namespace gos_test;

namespace {

TEST(PD, PD_01_last_in_first_out_by_return_panic_and_goexit) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      for (int i = 0; i < 40; ++i) defer([&order](int n) { order.push_back(std::to_string(n)); }, i);
    });
    ASSERT_EQ(order.size(), 40U);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], std::to_string(39 - i));

    order.clear();
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back("first"); });
      defer([&] { order.push_back(seen()); });
      defer([&] { order.push_back("last"); });
      gos::panic("reason");
    });
    EXPECT_EQ(order, (lines{"last", "reason", "first"}));
  });
  gos::run([] {
    lines order;
    gos::wait_group ended;
    ended.go([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] { order.push_back("first"); });
        defer([&] { order.push_back("last"); });
        gos::goexit();
      });
      order.push_back("went on");
    });
    ended.wait();
    EXPECT_EQ(order, (lines{"last", "first"}));
  });
}

TEST(PD, PD_01_arguments_are_taken_when_deferred) {
  both([] {
    int seen_value = 0, n = 1;
    auto owned = std::make_unique<int>(7);
    int moved = 0;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&](int value) { seen_value = value; }, n);
      defer([&](std::unique_ptr<int> p) { moved = *p; }, std::move(owned));
      n = 2;
    });
    EXPECT_EQ(seen_value, 1);
    EXPECT_EQ(moved, 7);
  });
}

TEST(PD, PD_01_large_and_aligned_calls) {
  both([] {
    counted::reset();
    struct alignas(64) block {
      char bytes[256] = {};
    };
    int calls = 0;
    gos::with_defer([&](gos::defer_stack& defer) {
      for (int i = 0; i < 10; ++i) {
        defer([&calls, b = block{}, c = counted(i), i] {
          EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&b) % 64, 0U);
          EXPECT_EQ(c.value, i);
          ++calls;
        });
        defer([&calls, c = counted(i)] { ++calls; });
      }
    });
    EXPECT_EQ(calls, 20);
    EXPECT_EQ(counted::alive, 0);
  });
}

TEST(PD, PD_01_a_deferred_call_may_defer_more) {
  both([] {
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back("outer"); });
      defer([&] {
        order.push_back("inner");
        defer([&] { order.push_back("late"); });
      });
    });
    EXPECT_EQ(order, (lines{"inner", "late", "outer"}));
  });
}

TEST(PD, PD_02_an_empty_callable_panics_when_it_would_run) {
  both([] {
    void (*nothing)() = nullptr;
    lines order;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { order.push_back(seen()); });
      gos::with_defer([&](gos::defer_stack& inner) {
        inner([&] { order.push_back("before"); });
        inner(nothing);
        inner(std::function<void()>());
        order.push_back("body");
      });
    });
    EXPECT_EQ(order, (lines{"body", "before", "invalid memory address or nil pointer dereference"}));
    EXPECT_EQ(panic_text([&] { gos::defer guard(nothing); }), "invalid memory address or nil pointer dereference");
  });
}

TEST(Defer, the_guard_runs_at_scope_end) {
  both([] {
    lines order;
    {
      gos::defer first([&] { order.push_back("first"); });
      gos::defer second([&] { order.push_back("second"); });
      order.push_back("body");
    }
    EXPECT_EQ(order, (lines{"body", "second", "first"}));
    order.clear();
    EXPECT_EQ(panic_text([&] {
                gos::defer guard([&] { order.push_back(seen()); });
                gos::panic("unwinds");
              }),
              "unwinds");
    EXPECT_EQ(order, (lines{"nothing"}));
    EXPECT_EQ(panic_text([] { gos::defer guard([] { gos::panic("from the guard"); }); }), "from the guard");
  });
}

TEST(Defer, the_calls_are_destroyed_when_done) {
  both([] {
    counted::reset();
    std::vector<int> alive;
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([&] { gos::recover(); });
      defer([&] { alive.push_back(counted::alive); });
      defer([c = counted(1)] {});
      defer([&] { alive.push_back(counted::alive); });
      defer([](const counted&) { gos::panic("x"); }, counted(2));
      EXPECT_EQ(counted::alive, 2);
    });
    EXPECT_EQ(alive, (std::vector<int>{1, 0}));
  });
}

}  // namespace
