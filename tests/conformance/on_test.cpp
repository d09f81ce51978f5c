// Contract section 9, once: gos::once, once_func, once_value.
#include "child.hpp"
#include "fixture.hpp"

#include <gossamer/once.hpp>

#include <memory>
#include <string>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::once> && !std::is_move_constructible_v<gos::once>);
constinit gos::once global_once;

TEST(ON, ON_01_runs_once_and_others_wait_for_the_end) {
  for (int round = 0; round < rounds(200); ++round) {
    gos::once once;
    int value = 0;
    gos::wait_group group;
    for (int i = 0; i < 8; ++i) {
      group.go([&] {
        once.call([&] {
          gos::yield();
          ++value;
        });
        EXPECT_EQ(value, 1);
      });
    }
    std::thread thread([&] {
      once.call([&] { ++value; });
      EXPECT_EQ(value, 1);
    });
    group.wait();
    thread.join();
    once.call([] { ADD_FAILURE(); });
  }
  global_once.call([] {});
}

TEST(ON, ON_02_a_panic_counts_as_done) {
  gos::once once;
  EXPECT_EQ(panic_text([&] { once.call([] { gos::panic("no"); }); }), "no");
  once.call([] { ADD_FAILURE(); });
  gos::once thrown;
  EXPECT_THROW(thrown.call([] { throw 1; }), int);
  thrown.call([] { ADD_FAILURE(); });
}

TEST(ON, ON_02_those_who_waited_return_without_running_anything) {
  for (int round = 0; round < rounds(50); ++round) {
    gos::once once;
    std::atomic<int> panics = 0, returned = 0;
    gos::wait_group group;
    for (int i = 0; i < 6; ++i) {
      group.go([&] {
        const auto text = panic_text([&] {
          once.call([] {
            gos::yield();
            gos::panic("no");
          });
        });
        ++(text == "no" ? panics : returned);
      });
    }
    group.wait();
    EXPECT_EQ(panics, 1);
    EXPECT_EQ(returned, 5);
  }
}

TEST(ON, ON_03_a_call_from_inside_deadlocks) {
  const auto r = run_child("death_sync", {"once-in-itself"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "still blocked\n") << r;
}

TEST(ON, ON_04_goexit_counts_as_done) {
  gos::once once;
  gos::wait_group group;
  group.go([&] { once.call([] { gos::goexit(); }); });
  group.wait();
  once.call([] { ADD_FAILURE(); });
  // The functions made of one are not called again either; there is no result to return.
  int runs = 0;
  const auto leaves = gos::once_value([&]() -> int {
    ++runs;
    gos::goexit();
  });
  group.go([&] { (void)leaves(); });
  group.wait();
  EXPECT_NE(panic_text([&] { (void)leaves(); }), "(no panic)");
  EXPECT_EQ(runs, 1);
}

TEST(ON, ON_05_results_and_panics_are_repeated) {
  int runs = 0;
  const auto text = gos::once_value([&] {
    ++runs;
    return std::string("text");
  });
  const auto copy = text;
  EXPECT_EQ(text() + copy(), "texttext");
  EXPECT_EQ(runs, 1);
  const auto [number, name] = gos::once_value([] { return std::pair(7, std::string("seven")); })();
  EXPECT_EQ(number, 7);
  EXPECT_EQ(name, "seven");
  const auto reference = gos::once_value([&]() -> int& { return runs; });
  EXPECT_EQ(&reference(), &runs);
  const auto bad = gos::once_func([&] {
    ++runs;
    throw std::runtime_error("bad");
  });
  for (int i = 0; i < 3; ++i) {
    try {
      bad();
      ADD_FAILURE();
    } catch (const std::runtime_error& e) { EXPECT_STREQ(e.what(), "bad"); }
  }
  EXPECT_EQ(runs, 2);
}

TEST(ON, ON_05_a_panic_is_repeated_on_goroutines) {
  std::atomic<int> runs = 0;
  const auto bad = gos::once_func([&] {
    ++runs;
    gos::yield();
    gos::panic(1234);
  });
  const auto bad_value = gos::once_value([&]() -> int {
    ++runs;
    gos::panic(1234);
  });
  gos::wait_group group;
  for (int i = 0; i < 8; ++i) {
    group.go([&, i] {
      const auto caught = panic_of([&] { i % 2 == 0 ? bad() : void(bad_value()); });
      ASSERT_TRUE(caught);
      const int* value = caught->value<int>();
      EXPECT_TRUE(value != nullptr && *value == 1234);
    });
  }
  group.wait();
  EXPECT_EQ(runs, 2);
}

TEST(ON, ON_06_the_function_is_released_after_its_run) {
  auto captured = std::make_shared<int>(1);
  const auto f = gos::once_func([captured] {});
  EXPECT_EQ(captured.use_count(), 2);
  f();
  EXPECT_EQ(captured.use_count(), 1);
  const auto bad = gos::once_value([captured]() -> int { gos::panic("bad"); });
  EXPECT_EQ(captured.use_count(), 2);
  EXPECT_EQ(panic_text([&] { (void)bad(); }), "bad");
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
