// Contract section 18, the other half (MM-12): where the memory model has no edge, ThreadSanitizer reports the race. Only in
// TSan builds. Each mode of the programs
// death/races.cpp and death/races_sync.cpp is one race.
#include "child.hpp"
#include "fixture.hpp"

using namespace gos_test;

namespace {

// What a program knows; it lists its modes when it is given none.
std::vector<std::string> modes_of(const std::string& program) {
  std::vector<std::string> names;
  std::istringstream lines(run_child(program).err);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

void expect_reports(const std::string& program) {
  time_limit(300s);
  const auto modes = modes_of(program);
  ASSERT_GE(modes.size(), 20U);
  for (const std::string& mode : modes) {
    const auto r = run_child(program, {mode}, {"TSAN_OPTIONS=exitcode=66:atexit_sleep_ms=0"}, 60s);
    EXPECT_EQ(r.status, 66) << mode << '\n' << r;
    EXPECT_NE(r.err.find("WARNING: ThreadSanitizer: data race"), std::string::npos) << mode << '\n' << r;
    EXPECT_NE(r.err.find("touch"), std::string::npos) << mode << '\n' << r;
  }
}

TEST(MM, MM_12_what_is_no_edge_between_goroutines_is_reported) { expect_reports("death_races"); }

TEST(MM, MM_12_what_is_no_edge_by_locks_and_timers_is_reported) { expect_reports("death_races_sync"); }

}  // namespace
