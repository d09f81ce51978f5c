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

TEST_F(Environment, NumbersAreWholeAndNotNegative) {
  ::setenv("GOS_DEBUG", "one,two=2,three=,four=4x,five=-5,six=99999999999,seven=7,seven=8", 1);
  EXPECT_EQ(debug_number("one"), 0);
  EXPECT_EQ(debug_number("two"), 2);
  EXPECT_EQ(debug_number("tw"), 0);
  EXPECT_EQ(debug_number("three"), 0);
  EXPECT_EQ(debug_number("four"), 0);
  EXPECT_EQ(debug_number("five"), 0);
  EXPECT_EQ(debug_number("six"), 0);
  EXPECT_EQ(debug_number("seven"), 7);
  EXPECT_FALSE(debug_flag("two"));
}

TEST_F(Environment, EachEntryThatMeansNothingIsNamed) {
  const auto complaint = [](const char* value) {
    ::setenv("GOS_DEBUG", value, 1);
    testing::internal::CaptureStderr();
    debug_complain();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(complaint(""), "");
  EXPECT_EQ(complaint("migrate,,nopwait2,schedtrace=1000,scheddetail=1"), "");
  EXPECT_EQ(complaint("migrate=1").rfind("gossamer: GOS_DEBUG: migrate=1 means nothing", 0), 0u);
  const std::string two = complaint("Migrate,migrate,schedtrace");
  EXPECT_NE(two.find("GOS_DEBUG: Migrate means"), std::string::npos) << two;
  EXPECT_NE(two.find("GOS_DEBUG: schedtrace means"), std::string::npos) << two;
}

}  // namespace
}  // namespace gos::rt
