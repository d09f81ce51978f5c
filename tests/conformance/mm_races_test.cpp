// Contract section 18, the other half (MM-12): where the memory model has no edge, ThreadSanitizer reports the race. Only in
// TSan builds. Each mode of the program death/races.cpp is one race.
#include "child.hpp"
#include "fixture.hpp"

using namespace gos_test;

namespace {

// What the program knows; it lists its modes when it is given none.
std::vector<std::string> race_modes() {
  std::vector<std::string> names;
  std::istringstream lines(run_child("death_races").err);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

TEST(MM, MM_12_what_is_no_edge_is_reported) {
  time_limit(300s);
  const auto modes = race_modes();
  ASSERT_GE(modes.size(), 40U);
  for (const std::string& mode : modes) {
    const auto r = run_child("death_races", {mode}, {"TSAN_OPTIONS=exitcode=66:atexit_sleep_ms=0"}, 60s);
    EXPECT_EQ(r.status, 66) << mode << '\n' << r;
    EXPECT_NE(r.err.find("WARNING: ThreadSanitizer: data race"), std::string::npos) << mode << '\n' << r;
    EXPECT_NE(r.err.find("touch"), std::string::npos) << mode << '\n' << r;
  }
}

}  // namespace
