// Stacks in crash reports: functions, files, lines and inlined calls, the place where a goroutine was spawned (CR-08), and what is
// left of them without debug information. Programs: death/panic_sites.cpp.
#include "child.hpp"
#include "fixture.hpp"

#include <regex>

using namespace gos_test;

namespace {

constexpr const char* file = "panic_sites.cpp:";

// Does this build's library read debug information?
bool has_lines() {
  const char* text = std::getenv("GOS_TEST_LINES");
  return text == nullptr || *text == '1';
}

struct report {
  child_result result;
  std::vector<std::string> lines;   // of the program: the numbers it printed
  std::vector<std::string> frames;  // of the stack: two lines each, with a newline between
  std::string header, creator;      // the creator's two lines
};

report report_of(const std::string& program, const std::string& mode, child::environment extra = {}) {
  report r;
  r.result = run_child(program, {mode}, std::move(extra));
  std::istringstream out(r.result.out);
  for (std::string number; out >> number;) r.lines.push_back(number);
  std::istringstream in(r.result.err.substr(std::min(r.result.err.find("\n\ngoroutine "), r.result.err.size() - 2) + 2));
  std::getline(in, r.header);
  for (std::string line; std::getline(in, line) && !line.empty();) {  // after an empty line come others
    std::string place;
    std::getline(in, place);
    EXPECT_TRUE(place.starts_with('\t')) << line << '\n' << place << '\n' << r.result;
    if (line.starts_with("created by ")) {
      r.creator = line + "\n" + place;
    } else {
      r.frames.push_back(line + "\n" + place);
    }
  }
  EXPECT_EQ(r.result.status, 2) << mode << '\n' << r.result;
  return r;
}

// `\t/path/panic_sites.cpp:LINE`, perhaps with an offset.
bool is_at(const std::string& frame, const std::string& line) {
  return std::regex_search(frame, std::regex("\n\t/.*/panic_sites\\.cpp:" + line + "( \\+0x[0-9a-f]+)?$"));
}

TEST(CR, CR_01_the_stack_has_functions_files_lines_and_inlined_calls) {
  if (!has_lines()) GTEST_SKIP() << "this build reads no debug information";
  const report r = report_of("death_panic_sites", "inlined");
  ASSERT_EQ(r.lines.size(), 3U) << r.result;
  ASSERT_GE(r.frames.size(), 3U) << r.result;
  EXPECT_TRUE(std::regex_match(r.header, std::regex("goroutine [0-9]+ \\[running\\]:"))) << r.result;
  // It begins where the program called panic, in a function that is part of its caller.
  EXPECT_TRUE(std::regex_search(r.frames[0], std::regex("^(\\(anonymous namespace\\)::)?inlined_function"))) << r.result;
  EXPECT_TRUE(is_at(r.frames[0], r.lines[2])) << r.result;
  EXPECT_EQ(r.frames[0].find("+0x"), std::string::npos) << r.result;
  EXPECT_TRUE(r.frames[1].starts_with("(anonymous namespace)::calls_inlined()\n")) << r.result;
  EXPECT_TRUE(is_at(r.frames[1], r.lines[1])) << r.result;
  EXPECT_TRUE(std::regex_search(r.frames[1], std::regex(" \\+0x[0-9a-f]+$"))) << r.result;
  EXPECT_TRUE(r.frames[2].starts_with("(anonymous namespace)::calls_calls()\n")) << r.result;
  EXPECT_TRUE(is_at(r.frames[2], r.lines[0])) << r.result;
  EXPECT_EQ(r.frames.size(), 3U) << r.result;
}

TEST(CR, CR_08_the_place_that_spawned) {
  for (const char* mode : {"go", "go-function", "go-options", "spawn", "wait-group", "error-group", "task-group", "time-after-func",
                           "context-after-func", "nested"}) {
    const report r = report_of("death_panic_sites", mode);
    ASSERT_EQ(r.lines.size(), 1U) << mode << '\n' << r.result;
    const bool second = std::string(mode) == "nested";
    EXPECT_TRUE(std::regex_search(r.creator, std::regex(second ? "^created by .* in goroutine [0-9]+\n\t"
                                                               : "^created by .* in goroutine 1\n\t")))
        << mode << '\n' << r.result;
    EXPECT_EQ(r.creator.find("created by gos::"), std::string::npos) << mode << '\n' << r.result;
    if (has_lines()) { EXPECT_TRUE(is_at(r.creator, r.lines[0])) << mode << '\n' << r.result; }
    EXPECT_EQ(r.header.find("worker") != std::string::npos, std::string(mode) == "go-options") << r.result;
    // No frame of the runtime's between or below.
    for (const std::string& frame : r.frames) EXPECT_NE(frame.find(has_lines() ? file : "+0x"), std::string::npos) << frame;
  }
  EXPECT_EQ(report_of("death_panic_sites", "main").creator, "");
}

TEST(CR, CR_01_exceptions_and_misuse_show_where_they_were_raised) {
  if (!has_lines()) GTEST_SKIP() << "this build reads no debug information";
  for (const char* mode : {"exception", "exception-through-defer", "misuse"}) {
    const report r = report_of("death_panic_sites", mode);
    ASSERT_EQ(r.lines.size(), 1U) << mode << '\n' << r.result;
    ASSERT_GE(r.frames.size(), 1U) << mode << '\n' << r.result;
    EXPECT_TRUE(is_at(r.frames[0], r.lines[0])) << mode << '\n' << r.result;
  }
}

TEST(CR, CR_01_a_stack_through_a_shared_library) {
  if (!has_lines()) GTEST_SKIP() << "this build reads no debug information";
  const report r = report_of("death_panic_sites", "shared", {"GOS_TEST_LIBRARY=" + find_program("death_panic_library.so")});
  ASSERT_GE(r.frames.size(), 2U) << r.result;
  bool found = false;
  for (const std::string& frame : r.frames) {
    found = found || std::regex_search(frame, std::regex("^call_back\n\t.*/panic_library\\.cpp:[0-9]+ \\+0x[0-9a-f]+$"));
  }
  EXPECT_TRUE(found) << r.result;
}

TEST(CR, CR_01_without_a_library_that_reads_debug_information) {
  const report r = report_of("death_panic_sites_bare", "inlined");
  ASSERT_EQ(r.frames.size(), 2U) << r.result;
  EXPECT_TRUE(std::regex_match(r.frames[0], std::regex("\\(anonymous namespace\\)::calls_inlined\\(\\)\n\t"
                                                       "death_panic_sites_bare\\+0x[0-9a-f]+ \\+0x[0-9a-f]+")))
      << r.result;
  EXPECT_TRUE(std::regex_search(r.creator, std::regex("\n\tdeath_panic_sites_bare\\+0x[0-9a-f]+ \\+0x[0-9a-f]+$")))
      << r.result;
}

TEST(CR, CR_01_without_debug_information) {
  const report r = report_of("death_panic_sites_plain", "inlined");
  ASSERT_GE(r.frames.size(), 2U) << r.result;
  EXPECT_TRUE(std::regex_match(r.frames[0], std::regex("\\(anonymous namespace\\)::calls_inlined\\(\\)\n\t"
                                                       "death_panic_sites_plain\\+0x[0-9a-f]+ \\+0x[0-9a-f]+")))
      << r.result;
}

TEST(CR, CR_01_of_a_stripped_program) {
  const report r = report_of("death_panic_sites_stripped", "inlined");
  ASSERT_GE(r.frames.size(), 2U) << r.result;
  bool found = false;
  for (const std::string& frame : r.frames) {
    found = found || std::regex_match(frame, std::regex("\\(unknown function\\)\n\tdeath_panic_sites_stripped\\+0x[0-9a-f]+"));
  }
  EXPECT_TRUE(found) << r.result;
}

TEST(CR, CR_09_level_system_shows_the_runtime_too) {
  const report r = report_of("death_panic_sites", "inlined", {"GOS_TRACEBACK=system"});
  bool found = false;
  for (const std::string& frame : r.frames) found = found || frame.find("gos::rt::run_goroutine_body") != std::string::npos;
  EXPECT_TRUE(found) << r.result;
}

}  // namespace
