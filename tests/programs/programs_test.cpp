// The programs of examples/ as a user runs them: their output and how they end. The clock server has a file of its own;
// examples/million.cpp runs beside the other examples.
#include "child.hpp"
#include "fixture.hpp"

#include <chrono>
#include <set>

using namespace gos_test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Runs an example that needs nothing and expects it to succeed without a word on stderr.
std::string output_of(const std::string& example, std::chrono::milliseconds timeout = 30s) {
  const auto r = run_child(example, {}, {}, timeout);
  EXPECT_EQ(r.status, 0) << example << '\n' << r;
  EXPECT_EQ(r.err, "") << example;
  return r.out;
}

TEST(Programs, channel) { EXPECT_EQ(output_of("channel"), "Hello from goroutine!\n"); }

TEST(Programs, hello) {
  if (::access("/dev/ptmx", R_OK | W_OK) != 0) GTEST_SKIP() << "no terminal to show each line at once";
  child hello("hello", {}, {}, child::output::terminal);
  // Main waits for us, and we for the goroutines.
  EXPECT_TRUE(hello.read_until([](const child& c) { return lines_of(c.out()).size() >= 3; }));
  hello.write("\n");
  const auto& r = hello.wait();
  EXPECT_EQ(r.status, 0) << r;
  const auto lines = lines_of(r.out);
  EXPECT_EQ(std::set(lines.begin(), lines.end()),
            (std::set<std::string>{"hello from a goroutine", "This is running in a goroutine",
                                   "This is running in the main function"}))
      << r;
  EXPECT_EQ(lines.size(), 3U);
}

TEST(Programs, hog) {
  // The best of some runs: a machine that is busy with other things may make it late, a runtime that waits for the hog
  // always does.
  bool on_time = false;
  for (int run = 0; run < 10 && !on_time; ++run) on_time = output_of("hog") == "ten ticks: on time\n";
  EXPECT_TRUE(on_time);
}

TEST(Programs, pipeline) { EXPECT_EQ(output_of("pipeline"), "338350\n"); }

TEST(Programs, recover) {
  EXPECT_EQ(output_of("recover"),
            "runs first\nruns second\n2\nruns first\nruns second\nrecovered: division by zero\n");
}

TEST(Programs, tasks) {
  const auto from = std::chrono::steady_clock::now();
  const auto lines = lines_of(output_of("tasks"));
  const auto took = std::chrono::steady_clock::now() - from;
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, scaled(4s));  // Side by side: one after the other would take five.
  ASSERT_EQ(lines.size(), 11U);
  EXPECT_EQ(lines.back(), "Main function is done!");
  std::set<std::string> started(lines.begin(), lines.begin() + 5),
      completed(lines.begin() + 5, lines.begin() + 10);
  for (int id = 1; id <= 5; ++id) {
    EXPECT_TRUE(started.contains("Task " + std::to_string(id) + " started"));
    EXPECT_TRUE(completed.contains("Task " + std::to_string(id) + " completed"));
  }
}

bool has_memory(long mib) {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("MemAvailable:")) return std::atol(line.c_str() + 13) / 1024 >= mib;
  }
  return false;
}

TEST(Programs, many_parked) {
  const int n = tsan ? 1500 : asan || slow_machine() ? 5000 : 50'000;
  const auto r = run_child("programs_parked_million", {std::to_string(n)}, {}, 60s);
  EXPECT_EQ(r.status, 0) << r;
  const auto lines = lines_of(r.out);
  ASSERT_EQ(lines.size(), 3U) << r;
  EXPECT_EQ(lines[0], std::to_string(n + 1) + " goroutines");
  EXPECT_EQ(lines[2], std::to_string(n) + " woken");
}

TEST(Programs, a_million_parked_goroutines_cost_five_kib_each) {
#ifndef NDEBUG
  GTEST_SKIP() << "measured in release builds";
#endif
  if (sanitized || slow_machine()) GTEST_SKIP() << "measured in release builds";
  if (gos::runtime::max_procs() != 1) GTEST_SKIP() << "measured once";
  if (!has_memory(6000)) GTEST_SKIP() << "needs 6 GB of free memory";
  time_limit(180s);
  const auto r = run_child("programs_parked_million", {}, {}, 150s);
  ASSERT_EQ(r.status, 0) << r;
  const auto lines = lines_of(r.out);
  ASSERT_EQ(lines.size(), 3U) << r;
  EXPECT_EQ(lines[0], "1000001 goroutines");
  EXPECT_LE(std::atol(lines[1].c_str()), 5120) << lines[1];
  EXPECT_EQ(lines[2], "1000000 woken");
}

}  // namespace
