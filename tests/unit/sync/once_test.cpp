// gos::once, once_func, once_value.
#include "fixture.hpp"

#include <gossamer/once.hpp>

#include <memory>
#include <string>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::once> && !std::is_move_constructible_v<gos::once>);
constinit gos::once global_once;

TEST(Once, ON_01_runs_once_and_others_wait_for_the_end) {
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

TEST(Once, ON_02_a_panic_counts_as_done) {
  gos::once once;
  EXPECT_EQ(panic_text([&] { once.call([] { gos::panic("no"); }); }), "no");
  once.call([] { ADD_FAILURE(); });
  gos::once thrown;
  EXPECT_THROW(thrown.call([] { throw 1; }), int);
  thrown.call([] { ADD_FAILURE(); });
}

TEST(Once, ON_04_goexit_counts_as_done) {
  gos::once once;
  gos::wait_group group;
  group.go([&] { once.call([] { gos::goexit(); }); });
  group.wait();
  once.call([] { ADD_FAILURE(); });
}

TEST(Once, ON_05_results_and_panics_are_repeated) {
  int runs = 0;
  const auto text = gos::once_value([&] {
    ++runs;
    return std::string("text");
  });
  const auto copy = text;
  EXPECT_EQ(text() + copy(), "texttext");
  EXPECT_EQ(runs, 1);
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

TEST(Once, ON_05_a_panic_is_repeated_on_goroutines) {
  const auto bad = gos::once_func([] { gos::panic("bad"); });
  gos::wait_group group;
  for (int i = 0; i < 3; ++i) {
    group.go([&] { EXPECT_EQ(panic_text([&] { bad(); }), "bad"); });
    group.wait();
  }
}

TEST(Once, ON_06_the_function_is_released_after_its_run) {
  auto captured = std::make_shared<int>(1);
  const auto f = gos::once_func([captured] {});
  EXPECT_EQ(captured.use_count(), 2);
  f();
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
