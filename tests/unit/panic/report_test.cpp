// How a process ends that a panic ends: contract section 13. Each case is a mode of crashes.cpp.
#include "child.hpp"
#include "fixture.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

using namespace gos_test;

namespace {

child_result crash(const std::string& mode) { return run_child("unit_panic_crashes", {mode}); }

// The whole report: these panics, a blank line, a goroutine and some stack, and nothing else.
void expect_report(const std::string& mode, const std::string& panics) {
  const child_result r = crash(mode);
  EXPECT_EQ(r.status, 2) << mode << "\n" << r;
  EXPECT_TRUE(r.err.starts_with(panics + "\n\ngoroutine ")) << mode << "\n" << r;
  const std::string rest = r.err.substr(std::min(r.err.size(), panics.size() + 2));
  // A header, and at least one frame of two lines.
  unsigned long long id = 0;
  int header = 0, frame = 0;
  EXPECT_EQ(std::sscanf(rest.c_str(), "goroutine %llu [running]:%n", &id, &header), 1) << mode << "\n" << r;
  EXPECT_GT(header, 0) << mode << "\n" << r;
  std::sscanf(rest.c_str() + header, "\n%*[^\n]\n\t%*[^\n]%n", &frame);
  EXPECT_GT(frame, 0) << mode << "\n" << r;
  EXPECT_EQ(rest.find("panic: "), std::string::npos) << mode << "\n" << r;
}

void expect_fatal(const std::string& mode, const std::string& text) {
  const child_result r = crash(mode);
  EXPECT_EQ(r.status, 2) << mode << "\n" << r;
  EXPECT_TRUE(r.err.starts_with("fatal error: " + text)) << mode << "\n" << r;
}

TEST(CR, CR_01_text_goroutine_stack_status) {
  expect_report("main", "panic: in main");
  expect_report("goroutine", "panic: in a goroutine");
  expect_report("spawned", "panic: nobody joins");
  expect_report("joined", "panic: joined");
  EXPECT_NE(crash("main").err.find("goroutine 1 [running]"), std::string::npos);
}

TEST(CR, CR_01_the_stack_names_the_functions) {
  const child_result r = crash("noexcept");
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_TRUE(r.err.starts_with("panic: in noexcept\n\ngoroutine ")) << r;
  EXPECT_NE(r.err.find("panic_in_noexcept"), std::string::npos) << r;
  EXPECT_NE(r.err.find("created by "), std::string::npos) << r;
}

TEST(CR, PD_15_exceptions) {
  expect_report("exception", "panic: an exception");
  expect_report("int", "panic: 42");
}

TEST(CR, CR_02_chains) {
  expect_report("chain", "panic: first\n\tpanic: second\n\tpanic: third");
  expect_report("recovered-chain", "panic: first panic [recovered]\n\tpanic: second panic");
  expect_report("repanicked", "panic: message [recovered, repanicked]");
  expect_report("repanicked-often", "panic: message [recovered, repanicked]");
  expect_report("rethrown-exception", "panic: an exception [recovered, repanicked]");
  expect_report("sandwich", "panic: outer [recovered]\n\tpanic: inner [recovered]\n\tpanic: outer");
  expect_report("middle", "panic: inner [recovered]\n\tpanic: middle [recovered, repanicked]\n\tpanic: outer");
  expect_report("same-value", "panic: message");
  expect_report("destructor", "panic: first\n\tpanic: again");
}

TEST(CR, CR_03_lines_are_indented) {
  expect_report("lines", "panic: one\n\tgoroutine 7 [running]:\n\ttwo");
}

TEST(CR, CR_04_texts_that_park_and_texts_that_fail) {
  expect_report("text-parks", "panic: after a while");
  expect_fatal("text-throws", "panic while printing panic value: the text fails");
}

TEST(CR, CR_06_two_at_once_do_not_mix) {
  for (int i = 0; i < 5; ++i) {
    const child_result r = crash("two-at-once");
    EXPECT_EQ(r.status, 2) << r;
    EXPECT_TRUE(r.err.starts_with("panic: one of many\n\ngoroutine ")) << r;
    EXPECT_EQ(r.err.find("panic: ", 1), std::string::npos) << r;
  }
}

TEST(CR, standard_output_is_written_out) {
  EXPECT_EQ(crash("stdout").out, "buffered line\n");
}

TEST(PD, PD_10_PD_11_goexit_and_panic) {
  expect_report("after-goexit", "panic: hello");
  const child_result r = crash("goexit-in-panic");
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "quiet\n");
  EXPECT_EQ(r.err, "");
}

TEST(PD, PD_16_swallowing_is_fatal) {
  expect_fatal("swallowed-goexit", "goexit swallowed by a catch (...) that does not rethrow");
  expect_fatal("swallowed-goexit-later", "goexit swallowed by a catch (...) that does not rethrow");
  expect_fatal("swallowed-panic", "panic swallowed by a catch (...) that does not rethrow: important");
}

TEST(PD, PD_18_a_guard_must_not_panic_while_unwinding) {
  expect_fatal("guard-unwinding", "panic: in the guard\n\tin a defer guard during unwinding");
}

TEST(Panic, on_a_plain_thread_it_is_an_uncaught_exception) {
  for (const char* mode : {"plain-thread", "plain-std-thread"}) {
    const child_result r = crash(mode);
    EXPECT_EQ(r.signal, SIGABRT) << r;
    EXPECT_TRUE(r.err.starts_with("panic: on a ")) << r;
    EXPECT_NE(r.err.find("\n\nthread [running]:\n"), std::string::npos) << r;
  }
  const child_result r = crash("plain-thread-caught");
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "caught\n");
}

}  // namespace
