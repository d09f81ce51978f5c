// environment: words in the list GOS_DEBUG.
#include "platform/environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace gos::rt {
namespace {

class Environment : public testing::Test {
 protected:
  void TearDown() override { ::unsetenv("GOS_DEBUG"); }
};

TEST_F(Environment, NothingIsSetWithoutTheVariable) {
  ::unsetenv("GOS_DEBUG");
  EXPECT_FALSE(debug_flag("one"));
}

TEST_F(Environment, FindsWholeWordsOnly) {
  ::setenv("GOS_DEBUG", "one,three,,five", 1);
  EXPECT_TRUE(debug_flag("one"));
  EXPECT_TRUE(debug_flag("three"));
  EXPECT_TRUE(debug_flag("five"));
  EXPECT_FALSE(debug_flag("thr"));
  EXPECT_FALSE(debug_flag("threes"));
  EXPECT_FALSE(debug_flag("one,three"));
}

TEST_F(Environment, AnEmptyListHasNoWords) {
  ::setenv("GOS_DEBUG", "", 1);
  EXPECT_FALSE(debug_flag("one"));
}

}  // namespace
}  // namespace gos::rt
