// membarrier: registered once, and harmless without the kernel's help.
#include "platform/membarrier.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace gos::rt {
namespace {

TEST(Membarrier, SecondInitGivesTheFirstAnswer) {
  const bool first = membarrier_init();
  EXPECT_EQ(first, membarrier_available);
  EXPECT_EQ(first, membarrier_init());
  membarrier_all();
}

// In a child, and before the test above (death tests come first): the answer is fixed for the life of a process.
TEST(MembarrierDeathTest, CanBeRefusedByTheEnvironment) {
  EXPECT_EXIT(
      {
        ::setenv("GOS_DEBUG", "nomembarrier", 1);
        const bool refused = !membarrier_init() && !membarrier_available;
        membarrier_all();
        std::_Exit(refused ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gos::rt
