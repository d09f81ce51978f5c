// Addresses to names.
#include "panic/stack_trace.hpp"

#include <string>
#include <vector>

#include "fixture.hpp"

#include "platform/unwind.hpp"

using namespace gos_test;

namespace {

std::size_t captured;
void* frames[32];

[[gnu::noinline]] void innermost_frame(int skip) {
  captured = gos::rt::unwind_here(frames, 32, static_cast<std::size_t>(skip));
  __asm__ volatile("" ::: "memory");  // no tail call
}
[[gnu::noinline]] void next_frame(int skip) {
  innermost_frame(skip);
  __asm__ volatile("" ::: "memory");
}

TEST(StackTrace, begins_with_the_caller) {
  next_frame(0);
  ASSERT_GE(captured, 3U);
  EXPECT_NE(gos::rt::describe_address(frames[0]).find("innermost_frame(int)+0x"), std::string::npos)
      << gos::rt::describe_address(frames[0]);
  EXPECT_NE(gos::rt::describe_address(frames[1]).find("next_frame(int)+0x"), std::string::npos);
  next_frame(1);
  EXPECT_NE(gos::rt::describe_address(frames[0]).find("next_frame(int)+0x"), std::string::npos);
}

TEST(StackTrace, ends_at_the_end_of_a_goroutine) {
  std::size_t depth = 0;
  gos::run([&] {
    gos::wait_group done;
    done.go([&] {
      void* mine[64];
      depth = gos::rt::unwind_here(mine, 64, 0);
    });
    done.wait();
  });
  EXPECT_GT(depth, 0U);
  EXPECT_LT(depth, 64U);
}

TEST(StackTrace, is_cut_at_the_capacity) {
  void* two[2];
  EXPECT_EQ(gos::rt::unwind_here(two, 2, 0), 2U);
  EXPECT_EQ(gos::rt::unwind_here(two, 2, 1000), 0U);
  EXPECT_EQ(gos::rt::unwind_here(two, 0, 0), 0U);
}

TEST(StackTrace, names_that_are_not_there) {
  int local = 0;
  EXPECT_FALSE(gos::rt::describe_address(&local).empty());
  EXPECT_FALSE(gos::rt::describe_address(nullptr).empty());
  EXPECT_FALSE(gos::rt::describe_address(reinterpret_cast<void*>(1)).empty());
}

TEST(StackTrace, of_a_shared_library) {
  EXPECT_NE(gos::rt::describe_address(reinterpret_cast<char*>(&::malloc) + 1).find("+0x"), std::string::npos);
}

TEST(StackTrace, from_many_goroutines_at_once) {
  gos::run([] {
    gos::wait_group all;
    for (int i = 0; i < 16; ++i) {
      all.go([] {
        const auto p = panic_of([] { gos::panic("x"); });
        EXPECT_NE(p->stack_trace().find("from_many_goroutines_at_once"), std::string::npos) << p->stack_trace();
      });
    }
    all.wait();
  });
}

}  // namespace
