// Contract section DL, some stuck: death/leaks.cpp, run as a child, and what runtime::leaks says there.
#include "child.hpp"

#include <gossamer/testing.hpp>

namespace {

using namespace gos_test;

// What is found depends on membarrier and on the reading of the own memory, which emulators refuse.
#define NEEDS_A_KERNEL() \
  if (std::getenv("GOS_TEST_RUNNER") != nullptr) GTEST_SKIP() << "an emulator does not show its memory"

void expect_leaks(const std::string& mode, const std::string& out, std::chrono::seconds limit = 30s) {
  const child_result r = run_child("death_leaks", {mode}, {}, limit);
  EXPECT_EQ(r.status, 0) << mode << r;
  EXPECT_EQ(r.out, out) << mode << r;
}

TEST(DL, DL_08_a_partial_deadlock_is_no_deadlock) {
  const child_result r = run_child("death_leaks", {"behind-a-leak"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.err, "") << r;
}

TEST(DL, DL_11_channels_that_only_the_stuck_have) {
  NEEDS_A_KERNEL();
  if (tsan) GTEST_SKIP() << "TSan's memory keeps copies of what has been written: references to handles";
  expect_leaks("forgotten-sender", "sender certain\n");
  expect_leaks("forgotten-receiver", "receiver certain\n");
  expect_leaks("early-return", "first certain\nsecond certain\n");
  expect_leaks("dropped-pool", "worker 1 certain\nworker 2 certain\nworker 3 certain\n");
  expect_leaks("ring", "a certain\nb certain\nc certain\n");
  expect_leaks("in-a-select", "selector certain\n");
  expect_leaks("large-callable", "sender certain\n");
#if !defined(__SANITIZE_ADDRESS__)
  expect_leaks("own-channel", "alone certain\n");  // with a fake stack, its handle does not lie on its own
#endif
}

TEST(DL, DL_11_nil_channels_and_nothing) {
  NEEDS_A_KERNEL();
  expect_leaks("nil-and-nothing", "nil receiver certain\nnil sender certain\nnothing certain\n");
}

TEST(DL, DL_11_locks) {
  NEEDS_A_KERNEL();
  expect_leaks("crossed-locks", "a then b certain\nb then a certain\n");
  expect_leaks("crossed-shared-locks", "reader certain\nwriter certain\n");
  expect_leaks("locked-twice", "self certain\n");
  expect_leaks("holder-ended", "heir certain\n");
  expect_leaks("behind-a-leak", "holder certain\nwaits for it certain\n");
}

// It takes seconds: with the square of their number it was a quarter of an hour.
TEST(DL, DL_12_among_a_hundred_thousand) {
  NEEDS_A_KERNEL();
  time_limit(150s);
  expect_leaks("crowd", "half of them\n", 120s);
}

TEST(DL, DL_12_a_handle_elsewhere_is_somebody_who_may_wake) {
  expect_leaks("handle-in-a-global", "receiver blocked\nreceiver with its own blocked\n");
  for (const char* mode : {"handle-in-the-heap", "handle-in-a-vector", "handle-on-a-stack", "handle-with-a-sleeper",
                           "handle-in-a-buffer", "handle-of-a-thread", "moved-from", "destroyed"}) {
    expect_leaks(mode, "receiver blocked\n");
  }
}

TEST(DL, DL_12_so_is_a_reference) {
  for (const char* mode : {"reference-of-a-goroutine", "reference-of-a-timer", "reference-of-a-thread"}) {
    expect_leaks(mode, "receiver blocked\n");
  }
}

TEST(DL, DL_12_limits_timers_and_what_has_no_holder) {
  expect_leaks("with-a-time-limit", "");
  expect_leaks("with-a-context", "stoppable blocked\n");
  expect_leaks("of-a-timer", "waits blocked\n");
  expect_leaks("other-waits", "condition blocked\ngroup blocked\n");
  expect_leaks("lock-of-a-sleeper", "waits blocked\n");
  expect_leaks("lock-of-a-thread", "waits blocked\n");
}

TEST(DL, DL_12_at_the_end) {
  NEEDS_A_KERNEL();
  const child_result r = run_child("death_leaks", {"at-end"}, {"GOS_DEBUG=leaks"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_TRUE(r.err.starts_with("gossamer: 1 goroutine has leaked\n\ngoroutine ")) << r;
  EXPECT_NE(r.err.find(" [chan send (leaked)]: sender\n\tcertain: "), std::string::npos) << r;
  EXPECT_NE(r.err.find("created by "), std::string::npos) << r;
  EXPECT_EQ(run_child("death_leaks", {"at-end"}).err, "");
  EXPECT_EQ(run_child("death_leaks", {"none-at-end"}, {"GOS_DEBUG=leaks"}).err, "");
}

TEST(DL, DL_12_blocked_for_a_while) {
  gos::run([] {
    auto never = gos::make_chan<int>();
    gos::go(gos::spawn_options{.name = "waits"}, [never] { never.recv(); });
    EXPECT_TRUE(eventually([] { return !gos::runtime::leaks(0s).empty(); }));
    for (const gos::runtime::leak& one : gos::runtime::leaks(0s)) {
      EXPECT_FALSE(one.certain);  // we have a handle
      EXPECT_NE(one.text.find("somebody may still wake it"), std::string::npos) << one.text;
    }
    EXPECT_NE(gos::runtime::leak_report(0s).find("]: waits blocked for "), std::string::npos);
    EXPECT_TRUE(gos::runtime::leaks(1h).empty());
    EXPECT_EQ(gos::runtime::leak_report(), "");
    never.close();
  });
}

// A test with this in its scope fails if it leaves goroutines behind.
TEST(DL, DL_11_leak_check_says_who_was_left_behind) {
  gos::run([] {
    const gos::leak_check nothing_left;
    std::string told;
    auto stop = gos::make_chan<int>();
    {
      const gos::leak_check_to check([&](const std::string& text) { told = text; }, 20ms);
      gos::go(gos::spawn_options{.name = "stays"}, [stop] { stop.recv(); });
      gos::go([] {});
    }
    EXPECT_TRUE(told.starts_with("1 goroutine was left behind\n\ngoroutine ")) << told;
    EXPECT_NE(told.find(" [chan receive]: stays\n\tstill there\n"), std::string::npos) << told;
    stop.close();
    told.clear();
    {
      const gos::leak_check_to check([&](const std::string& text) { told = text; });
      gos::go([] { gos::sleep(5ms); });  // ends in time
    }
    EXPECT_EQ(told, "");
  });
}

// Not one of these tests: the next one runs it as a program of its own, to see it fail.
TEST(leak_check, DISABLED_fails_for_the_one_that_is_left) {
  gos::run([] {
    auto stop = gos::make_chan<int>();
    {
      const gos::leak_check nothing_left(20ms);
      gos::go(gos::spawn_options{.name = "stays"}, [stop] { stop.recv(); });
    }
    stop.close();
  });
}

TEST(DL, DL_11_leak_check_fails_the_test) {
  const child_result r =
      run_child(own_program(), {"--gtest_also_run_disabled_tests", "--gtest_filter=leak_check.DISABLED_*"});
  EXPECT_EQ(r.status, 1) << r;
  EXPECT_NE(r.out.find(": Failure\nFailed\n1 goroutine was left behind\n\ngoroutine "), std::string::npos)
      << r;
  EXPECT_NE(r.out.find(" [chan receive]: stays\n\tstill there\n"), std::string::npos) << r;
  EXPECT_NE(r.out.find("[  FAILED  ] leak_check.DISABLED_fails_for_the_one_that_is_left"), std::string::npos)
      << r;
}

// While goroutines come, go and wake each other: none of them is stuck for good.
TEST(DL, DL_12_those_who_are_woken_are_never_certain) {
  gos::run([] {
    std::atomic<bool> stop{false};
    std::atomic<int> turns{0};
    gos::wait_group group;
    for (int pair = 0; pair < 8; ++pair) {
      group.go([&] {
        while (!stop.load()) {
          auto there = gos::make_chan<int>();
          auto back = gos::make_chan<int>();
          gos::go([there, back] { back.send(*there.recv()); });
          there.send(1);
          back.recv();
          ++turns;
        }
      });
    }
    static gos::mutex lock;
    for (int i = 0; i < 4; ++i) {
      group.go([&stop] {
        while (!stop.load()) {
          const std::lock_guard held(lock);
          gos::yield();
        }
      });
    }
    for (int round = 0; round < 100 || turns < 100; ++round) {
      for (const gos::runtime::leak& one : gos::runtime::leaks(1h)) ADD_FAILURE() << one.text;
      gos::yield();
    }
    stop = true;
    group.wait();
  });
}

}  // namespace
