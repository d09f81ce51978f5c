// GOS_DEBUG=lockcheck: who waits in the runtime while it holds a lock of the system is reported, with both places, once.
#include "child.hpp"
#include "fixture.hpp"

#include <regex>

using namespace gos_test;

namespace {

child_result check(const std::string& mode, const std::string& option = "lockcheck") {
  return run_child("death_lockcheck", {mode}, {"GOS_DEBUG=" + option});
}

// The heading with goroutine and address replaced, and the two stacks, of a standard error that is one report.
struct report {
  std::string heading, locked, waits;
};

std::optional<report> report_in(const std::string& text) {
  const auto locked = text.find("\n\nlocked here:\n"), waits = text.find("\nwaits here:\n");
  if (locked == text.npos || waits == text.npos) return {};
  report r{text.substr(0, locked), text.substr(locked, waits - locked), text.substr(waits)};
  r.heading = std::regex_replace(r.heading, std::regex("goroutine [0-9]+"), "goroutine N");
  r.heading = std::regex_replace(r.heading, std::regex("0x[0-9a-f]+"), "ADDRESS");
  return r;
}

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

void expect_report(const std::string& mode, const std::string& heading, const std::string& locked, const std::string& waits) {
  const child_result r = check(mode);
  EXPECT_EQ(r.status, 0) << mode << '\n' << r;
  const auto found = report_in(r.err);
  ASSERT_TRUE(found) << mode << '\n' << r;
  EXPECT_EQ(found->heading, "gossamer: lockcheck: goroutine N waits " + heading) << mode << '\n' << r;
  // A lambda that was inlined is known by its place only.
  EXPECT_TRUE(found->locked.find(locked) != std::string::npos || found->locked.find("/lockcheck.cpp:") != std::string::npos)
      << mode << '\n'
      << r;
  EXPECT_NE(found->waits.find(waits), std::string::npos) << mode << '\n' << r;
  EXPECT_EQ(count(r.err, "locked here:"), 1) << mode << '\n' << r;
  EXPECT_EQ(r.err.find("libgossamer_lockcheck"), std::string::npos) << "it is left out\n" << r;
}

void expect_silence(const std::string& mode) {
  const child_result r = check(mode);
  EXPECT_EQ(r.status, 0) << mode << '\n' << r;
  EXPECT_EQ(r.err, "") << mode << '\n' << r;
}

const std::string a_mutex = "while it holds a mutex of the system (std::mutex or the like) at ADDRESS";

class LockCheck : public testing::Test {
 protected:
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "refused in builds with a sanitizer";
  }
};

TEST_F(LockCheck, std_mutex_over_a_receive) {
  expect_report("over-recv", "[chan receive] " + a_mutex, "receive_locked", "receive_locked");
  EXPECT_NE(check("over-recv").err.find("\ncreated by "), std::string::npos);
}

TEST_F(LockCheck, std_mutex_over_a_lock_of_ours) {
  expect_report("over-gos-mutex", "[sync.Mutex.Lock] " + a_mutex, "lock_gos_mutex_locked", "lock_gos_mutex_locked");
}

TEST_F(LockCheck, both_places_are_named_and_repetitions_counted) {
  expect_report("places", "[sleep] " + a_mutex, "lock_here", "wait_here");
  const child_result r = check("places");
  EXPECT_TRUE(r.err.ends_with("\ngossamer: lockcheck: 4 more waits like those reported\n")) << r;
  const auto found = report_in(r.err);
  ASSERT_TRUE(found) << r;
  EXPECT_EQ(found->locked.find("wait_here"), std::string::npos) << r;
  EXPECT_EQ(found->waits.find("lock_here"), std::string::npos) << r;
}

TEST_F(LockCheck, what_was_unlocked_is_not_held) { expect_silence("released"); }

TEST_F(LockCheck, a_condition_variable_of_the_system_is_no_park) {
  expect_silence("condition");
  expect_report("condition-held", "[sleep] " + a_mutex, "condition_held", "wait_here");
  expect_report("condition-beside-a-thread", "[sleep] " + a_mutex, "condition_beside_a_thread", "wait_here");
}

TEST_F(LockCheck, shared_mutexes) {
  const std::string lock = "while it holds a reader-writer lock of the system (std::shared_mutex or the like), ";
  expect_report("shared", "[sleep] " + lock + "shared, at ADDRESS", "shared_locked", "wait_here");
  expect_report("exclusively", "[sleep] " + lock + "exclusively, at ADDRESS", "exclusively", "wait_here");
}

TEST_F(LockCheck, recursive_mutexes_are_held_until_the_last_unlock) {
  expect_report("recursively", "[sleep] " + a_mutex, "recursively", "wait_here");
}

TEST_F(LockCheck, who_had_it_unlocked_by_another_does_not_hold_it) { expect_silence("handed-over"); }

TEST_F(LockCheck, plain_threads_may_wait_with_a_lock) { expect_silence("plain-threads"); }

TEST_F(LockCheck, to_yield_is_not_to_wait) { expect_silence("yields"); }

TEST_F(LockCheck, once_for_many_goroutines) {
  expect_report("many", "[sleep] " + a_mutex, "many()", "wait_here");
  EXPECT_TRUE(check("many").err.ends_with("\ngossamer: lockcheck: 49 more waits like those reported\n"));
}

TEST_F(LockCheck, more_locks_than_are_noted) { expect_silence("hoard"); }

TEST_F(LockCheck, abort_ends_the_process) {
  const child_result r = check("places", "lockcheck=abort");
  EXPECT_EQ(r.status, 2) << r;
  const auto found = report_in(r.err);
  ASSERT_TRUE(found) << r;
  EXPECT_EQ(found->heading, "fatal error: goroutine N waits [sleep] " + a_mutex) << r;
  EXPECT_EQ(count(r.err, "waits here:"), 1) << r;
}

TEST_F(LockCheck, nothing_is_said_unless_asked_for) {
  const child_result r = run_child("death_lockcheck", {"places"}, {"GOS_DEBUG="});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.err, "") << r;
}

// A program that knows nothing of it gets the library from outside.
TEST_F(LockCheck, by_preloading) {
  if (std::getenv("GOS_TEST_RUNNER") != nullptr) GTEST_SKIP() << "the emulator would get it, too";
  const std::string library = find_program("../lib/libgossamer_lockcheck.so");
  ASSERT_NE(library, "");
  const child_result r = run_child("death_stalls", {"sleeps-locked"}, {"GOS_DEBUG=lockcheck", "LD_PRELOAD=" + library});
  EXPECT_EQ(r.status, 0) << r;
  const auto found = report_in(r.err);
  ASSERT_TRUE(found) << r;
  EXPECT_NE(found->waits.find("sleep_locked"), std::string::npos) << r;
}

TEST(LockCheckRefused, with_a_sentence) {
  const child_result r = run_child("death_stalls", {"sleeps-locked"}, {"GOS_DEBUG=lockcheck"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.err, sanitized ? "gossamer: GOS_DEBUG=lockcheck: not in a build with a sanitizer, which stands before the locks itself\n"
                             : "gossamer: GOS_DEBUG=lockcheck: libgossamer_lockcheck.so is not loaded: set LD_PRELOAD to its path, or "
                               "link gossamer::lockcheck\n")
      << r;
}

}  // namespace
