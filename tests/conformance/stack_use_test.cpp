// How much of their stacks goroutines use, by the place that spawns them.
#include "child.hpp"
#include "fixture.hpp"

#include <cstring>
#include <regex>

using namespace gos_test;

namespace {

child_result measure(const std::string& mode, const std::string& option = "stackuse") {
  return run_child("death_stack_use", {mode}, {"GOS_DEBUG=" + option});
}

// What the program says of one spawn site.
struct entry {
  long used = 0, limit = 0, goroutines = 0;
  std::string exact;
};

std::vector<entry> entries_of(const child_result& r, const std::string& site) {
  std::vector<entry> found;
  const std::regex form(site + ": ([0-9]+) of ([0-9]+) KiB, ([0-9]+), ([a-z]+)");
  for (std::sregex_iterator at(r.out.begin(), r.out.end(), form), end; at != end; ++at) {
    found.push_back({std::stol((*at)[1]), std::stol((*at)[2]), std::stol((*at)[3]), (*at)[4]});
  }
  return found;
}

// With what the runtime and the compiler add; sanitizers add much.
void expect_used(const child_result& r, const std::string& site, long least, long most, long goroutines) {
  const auto found = entries_of(r, site);
  ASSERT_FALSE(found.empty()) << site << '\n' << r;
  EXPECT_GE(found.front().used, least) << site << '\n' << r;
  if (!sanitized) EXPECT_LE(found.front().used, most) << site << '\n' << r;
  EXPECT_EQ(found.front().goroutines, goroutines) << site << '\n' << r;
  EXPECT_EQ(found.front().exact, "exact") << site << '\n' << r;
}

// Stacks are used again by others: what the deep ones left is not counted for the shallow ones.
TEST(StackUse, each_spawn_site_has_its_highest) {
  const child_result r = measure("sites");
  EXPECT_EQ(r.status, 0) << r;
  expect_used(r, "spawn_deep", 210, 235, 30);
  expect_used(r, "spawn_after", 20, 40, 300);
  expect_used(r, "spawn_shallow", 0, 16, 3000);
  expect_used(r, "main", 1000, 1100, 1);
  EXPECT_EQ(entries_of(r, "main").front().limit, 8192) << r;
  EXPECT_EQ(entries_of(r, "spawn_deep").front().limit, 256) << r;
}

// The stack scanner gives the pages of a waiting goroutine back; the mark is taken before.
TEST(StackUse, the_mark_outlives_the_pages) {
  const child_result r = measure("shrunk");
  EXPECT_EQ(r.status, 0) << r;
  const auto found = entries_of(r, "spawn_waiting");
  ASSERT_EQ(found.size(), 2u) << r;
  for (const entry& e : found) {
    EXPECT_GE(e.used, 150) << r;
    EXPECT_EQ(e.goroutines, 1) << "alive, then ended\n" << r;
  }
}

TEST(StackUse, without_the_option_the_living_are_estimated) {
  const child_result r = measure("alive", "");
  EXPECT_EQ(r.status, 0) << r;
  const auto found = entries_of(r, "spawn_waiting");
  ASSERT_EQ(found.size(), 1u) << "when it has ended nothing is known of it\n" << r;
  EXPECT_GE(found.front().used, 150) << r;
  EXPECT_EQ(found.front().exact, "estimated") << r;
  EXPECT_EQ(r.err, "") << r;
}

TEST(StackUse, the_report_is_printed_at_the_end) {
  const child_result r = measure("at-exit");
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_TRUE(std::regex_search(r.err, std::regex("^gossamer: stack use by spawn site, at its deepest:\n"
                                                  "[0-9]+ of 256 KiB  [^\n]*spawn_shallow[^\n]*  \\(1000 goroutines\\)\n"
                                                  "[0-9]+ of 8192 KiB  main  \\(1 goroutine\\)\n$")))
      << r;
  EXPECT_EQ(measure("at-exit", "").err, "");
}

// Close to the limit it says what to raise: for a stack of the default size either setting.
TEST(StackUse, the_report_advises) {
  const child_result r = measure("report");
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_TRUE(std::regex_search(r.out, std::regex("2[0-9][0-9] of 256 KiB  [^\n]*spawn_deep[^\n]*  \\(5 goroutines\\)\n"
                                                  "\tclose to its limit; raise its limit where it is spawned, "
                                                  "gos::spawn_options\\{.stack_size = 524288\\}, or everybody's with "
                                                  "GOS_STACK_SIZE=524288\n")))
      << r;
}

[[gnu::noinline]] void touch(std::size_t bytes) {
  auto* area = static_cast<volatile char*>(__builtin_alloca(bytes));
  for (std::size_t i = 0; i < bytes; i += 64) area[i] = 1;
}

// In a process like any other, beside whatever runs.
TEST(StackUse, may_be_asked_at_any_time) {
  gos::run([] {
    auto gate = gos::make_chan<void>();
    gos::wait_group group;
    for (int i = 0; i < 50; ++i) {
      group.go([=] {
        touch(40'000);
        gate.recv();
      });
    }
    EXPECT_TRUE(blocked("chan receive", 50));
    std::size_t living = 0, highest = 0;
    for (const auto& e : gos::runtime::stack_use()) {
      living += e.goroutines;
      if (e.limit_bytes == 256 * 1024) highest = std::max(highest, e.highest_bytes);
      EXPECT_LE(e.highest_bytes, e.limit_bytes);
    }
    EXPECT_GE(living, 51u);
    EXPECT_GE(highest, 40'000u);
    EXPECT_NE(gos::runtime::stack_use_report().find(" of 256 KiB  "), std::string::npos);
    gate.close();
    group.wait();
  });
}

// While goroutines come and go, and stacks change hands.
TEST(StackUse, beside_goroutines_that_end) {
  std::atomic<bool> stop{false};
  gos::wait_group group;
  group.go([&] {
    while (!stop) {
      gos::wait_group inner;
      for (int i = 0; i < 100; ++i) inner.go([] { touch(3'000); });
      inner.wait();
    }
  });
  for (int i = 0; i < rounds(200); ++i) {
    for (const auto& e : gos::runtime::stack_use()) ASSERT_LE(e.highest_bytes, e.limit_bytes);
  }
  stop = true;
  group.wait();
}

}  // namespace
