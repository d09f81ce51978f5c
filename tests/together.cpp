// together: main() of the executable that holds every test (GOS_TEST_TOGETHER). The environment variable GOS_TEST_FILE, a
// path relative to this folder, chooses the file whose tests run, unless a filter does.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

// The names of the tests in that file, as a filter.
std::string tests_of(const std::string& file) {
  std::string names;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int k = 0; k < suite.total_test_count(); ++k) {
      const testing::TestInfo& test = *suite.GetTestInfo(k);
      if (std::string_view(test.file()).ends_with("tests/" + file)) names += std::string(suite.name()) + "." + test.name() + ":";
    }
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const char* file = std::getenv("GOS_TEST_FILE");
  if (file != nullptr && GTEST_FLAG_GET(filter) == "*") {
    const std::string names = tests_of(file);
    if (names.empty()) {
      std::fprintf(stderr, "GOS_TEST_FILE is '%s', and there are no tests of that file here\n", file);
      return 2;
    }
    GTEST_FLAG_SET(filter, names);
  }
  return RUN_ALL_TESTS();
}
