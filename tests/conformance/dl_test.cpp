// Contract section DL, all asleep: death/deadlock.cpp, run as a child, and what it says at its end.
#include "child.hpp"

namespace {

using namespace gos_test;

const std::string all_asleep = "fatal error: all goroutines are asleep - deadlock!\n";
const std::string nobody_left = "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n";

// The sanitizer's thread, or the emulator's, is somebody who might help.
bool threads_can_be_told() { return std::getenv("GOS_TEST_RUNNER") == nullptr; }

child_result run_mode(const std::string& mode) { return run_child("death_deadlock", {mode}); }

// Ends with the report, after `out`.
void expect_deadlock(const std::string& mode, const std::string& text = all_asleep, const std::string& out = "") {
  const child_result r = run_mode(mode);
  EXPECT_EQ(r.status, 2) << mode << r;
  EXPECT_TRUE(r.err.starts_with(text)) << mode << r;
  EXPECT_EQ(r.out, out) << mode << r;
}

#define NEEDS_THREADS() \
  if (!threads_can_be_told()) GTEST_SKIP() << "an emulator has threads of its own, which the runtime cannot tell from ours"

TEST(DL, DL_01_all_goroutines_are_asleep) {
  NEEDS_THREADS();
  for (const char* mode : {"receive", "every-way", "many", "after-set-max-procs"}) expect_deadlock(mode);
}

TEST(DL, DL_01_a_plain_thread_waits_among_them) {
  NEEDS_THREADS();
  const child_result beside = run_mode("plain-main");
  EXPECT_EQ(beside.status, 2) << beside;
  EXPECT_TRUE(beside.err.starts_with(all_asleep + "\nthread ")) << beside;
  EXPECT_NE(beside.err.find(" [sync.WaitGroup.Wait]: not a goroutine\n"), std::string::npos) << beside;
  expect_deadlock("plain-alone");
}

TEST(DL, DL_02_locked_to_threads_and_before_main) {
  NEEDS_THREADS();
  expect_deadlock("locked-threads");
  expect_deadlock("before-main");
}

TEST(DL, DL_03_main_has_left_by_goexit) {
  NEEDS_THREADS();
  expect_deadlock("goexit-alone", nobody_left);
  expect_deadlock("goexit-pinned", nobody_left);
  expect_deadlock("goexit-others-wait");
}

TEST(DL, DL_03_the_others_go_on_when_main_has_left_by_goexit) {
  const child_result r = run_mode("goexit-others-end-it");
  EXPECT_EQ(r.status, 3) << r;
  EXPECT_EQ(r.out, "still here\n") << r;
}

TEST(DL, DL_04_what_is_pending_holds_the_report_back_until_it_fires) {
  NEEDS_THREADS();
  expect_deadlock("after-sleep", all_asleep, "slept\n");
  expect_deadlock("after-timers", all_asleep, "timer\nafter\nfunc\ncontext\n");
}

TEST(DL, DL_05_timers_that_nobody_waits_on_do_not) {
  NEEDS_THREADS();
  expect_deadlock("idle-timers");
}

TEST(DL, DL_06_descriptors_and_blocking_calls_hold_it_back) {
  NEEDS_THREADS();
  expect_deadlock("pipe-reader", all_asleep, "readable\n");
  const child_result silent = run_mode("pipe-for-ever");
  EXPECT_EQ(silent.status, 0) << silent;

  child reader("death_deadlock", {"blocking-read"});
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(reader.err(), "");
  reader.write("x");
  const child_result& r = reader.wait();
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_EQ(r.out, "read\n") << r;
  EXPECT_TRUE(r.err.starts_with(all_asleep)) << r;
}

TEST(DL, DL_07_a_registered_signal_holds_it_back_the_package_does_not) {
  NEEDS_THREADS();
  expect_deadlock("signals", all_asleep, "signal\n");
  expect_deadlock("signals-linked");
}

TEST(DL, DL_09_threads_that_come_and_go_are_no_deadlock) {
  gos::run([] {
    for (int i = 0; i < 20; ++i) {
      auto done = gos::make_chan<int>();
      std::thread([=] {
        std::this_thread::sleep_for(i % 2 == 0 ? 60ms : 1ms);
        done.send(1);
      }).detach();
      gos::go([=] { ::usleep(1000); });
      done.recv();
    }
  });
}

TEST(DL, DL_10_a_thread_that_could_still_help_holds_it_back) {
  NEEDS_THREADS();
  const child_result helped = run_mode("stranger-helps");
  EXPECT_EQ(helped.status, 0) << helped;
  EXPECT_EQ(helped.out, "helped\n");
}

// There nobody is told when a thread ends: it is looked for, after as long as has been waited already.
TEST(DL, DL_10_on_kernels_that_do_not_tell_of_ends) {
  NEEDS_THREADS();
  const child_result helped = run_mode("stranger-helps-before-6.9");
  if (helped.status == 77) GTEST_SKIP() << "no system call filters here";
  EXPECT_EQ(helped.status, 0) << helped;
  EXPECT_EQ(helped.out, "helped\n");
  expect_deadlock("stranger-ends-before-6.9", all_asleep, "ends\n");
  expect_deadlock("strangers-end-in-turn-before-6.9", all_asleep, "ends\n");
}

TEST(DL, DL_10_until_it_ends_or_waits_itself) {
  NEEDS_THREADS();
  expect_deadlock("stranger-ends", all_asleep, "ends\n");
  expect_deadlock("strangers-end-in-turn", all_asleep, "ends\n");
  expect_deadlock("acquaintance-ends", all_asleep, "ends\n");
  expect_deadlock("acquaintance-parks", all_asleep, "parks\n");
  expect_deadlock("first-thread-ends", all_asleep, "parks\n");
  expect_deadlock("timer-stopped-from-outside", all_asleep, "stops\n");
}

}  // namespace
