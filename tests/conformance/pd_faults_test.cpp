// Memory faults on goroutines (PD-20), and faults in the midst of a crash report. Programs: death/panic_faults.cpp.
#include "child.hpp"
#include "fixture.hpp"

#include <csignal>
#include <regex>

using namespace gos_test;

namespace {

child_result crash(const std::string& mode, child::environment extra = {}) {
  return run_child("death_panic_faults", {mode}, std::move(extra), 60s);
}

// What happened, where, the goroutine and its stack; and death by that signal.
void expect_fault(const std::string& mode, int signal, const std::string& text, const std::string& function,
                  child::environment extra = {}) {
  const child_result r = crash(mode, std::move(extra));
  EXPECT_EQ(r.signal, signal) << mode << '\n' << r;
  EXPECT_TRUE(std::regex_search(
      r.err, std::regex("^" + text + "\nPC=[^ ]+ sigcode=[0-9]+ addr=[^ ]+\n\ngoroutine [0-9]+ \\[running\\]:( faulty)?\n"
                        "(\\(unknown function\\)\n[^\n]*\n)?\\(anonymous namespace\\)::" + function + "\\(\\)\n\t[^\n]*\n")))
      << mode << '\n' << r;
  // Deferred calls do not run: nothing that the program says.
  EXPECT_EQ(r.err.find("wrong: "), std::string::npos) << r;
}

TEST(PD, PD_20_a_fault_is_reported_and_kills_by_its_signal) {
  if (sanitized) GTEST_SKIP() << "the sanitizer's handler answers first";
  expect_fault("write", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
  expect_fault("call-null", SIGSEGV, "SIGSEGV: segmentation violation", "call_null");
  expect_fault("bus", SIGBUS, "SIGBUS: bus error", "read_past_a_file");
#if defined(__x86_64__)  // elsewhere a division by zero is 0, and a trap is another signal
  expect_fault("divide", SIGFPE, "SIGFPE: floating-point exception", "divide_by_zero");
  expect_fault("nonsense", SIGILL, "SIGILL: illegal instruction", "do_nonsense");
#endif
  expect_fault("main", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
  expect_fault("in-signal-handler", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
  expect_fault("deferred-do-not-run", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
  expect_fault("write", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere", {"GOS_TRACEBACK=all"});
  expect_fault("write", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere", {"GOS_TRACEBACK=crash"});
  EXPECT_EQ(crash("buffered").out, "buffered line\n");
  const child_result r = crash("write", {"GOS_TRACEBACK=none"});
  EXPECT_EQ(r.signal, SIGSEGV) << r;
  EXPECT_TRUE(std::regex_match(r.err, std::regex("SIGSEGV: segmentation violation\nPC=[^\n]*\n"))) << r;
}

TEST(PD, PD_20_several_at_once_do_not_mix) {
  if (sanitized) GTEST_SKIP() << "the sanitizer's handler answers first";
  for (int i = 0; i < rounds(5); ++i) {
    expect_fault("many", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
    const child_result r = crash("fault-beside-panic");
    ASSERT_TRUE(r.signal == SIGSEGV || r.status == 2) << r;
    ASSERT_EQ(r.err.starts_with("SIGSEGV: ") ? r.err.find("panic: ") : r.err.find("SIGSEGV: "), std::string::npos) << r;
  }
}

TEST(PD, PD_20_handlers_of_the_program_and_other_threads) {
  if (sanitized) GTEST_SKIP() << "the sanitizer's handler answers first";
#if defined(__x86_64__)
  const child_result before = crash("handler-before");
  EXPECT_EQ(before.status, 9) << before;
  EXPECT_EQ(before.out, "own handler\n");
  EXPECT_EQ(before.err, "");
#endif
  const child_result after = crash("handler-after");
  EXPECT_EQ(after.status, 9) << after;
  EXPECT_EQ(after.out, "own handler\n");
  EXPECT_EQ(after.err, "");
  for (const char* mode : {"thread", "sent"}) {
    const child_result r = crash(mode);
    EXPECT_EQ(r.signal, SIGSEGV) << r;
    EXPECT_EQ(r.err, "") << r;
  }
}

TEST(PD, PD_20_on_request_a_fault_is_a_panic) {
  if (sanitized) GTEST_SKIP() << "the sanitizer's handler answers first";
  const child_result r = crash("panic-write");
  if (r.status == 77) GTEST_SKIP() << r.out;
  EXPECT_EQ(r.out, "invalid memory address or nil pointer dereference\n") << r;
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(crash("panic-far").out, "unexpected fault address\n");
#if defined(__x86_64__)
  EXPECT_EQ(crash("panic-divide").out, "integer divide by zero\n");
#endif
  const child_result unrecovered = crash("panic-unrecovered");
  EXPECT_EQ(unrecovered.status, 2) << unrecovered;
  EXPECT_TRUE(std::regex_search(
      unrecovered.err, std::regex("^panic: invalid memory address or nil pointer dereference\n\ngoroutine [0-9]+ "
                                  "\\[running\\]: faulty\n\\(anonymous namespace\\)::write_to_nowhere\\(\\)\n")))
      << unrecovered;
  expect_fault("panic-not-inherited", SIGSEGV, "SIGSEGV: segmentation violation", "write_to_nowhere");
  EXPECT_EQ(crash("panic-in-libc").signal, SIGSEGV);
}

// The report of a panic whose text breaks the allocator: what needs no memory is there, and the end is the same.
TEST(PD, extra_faults_in_the_report) {
  const child_result throws = crash("memory-throws");
  EXPECT_EQ(throws.status, 2) << throws;
  EXPECT_TRUE(std::regex_search(throws.err, std::regex("^panic: short\n\ngoroutine [0-9]+ \\[running\\]:\n\t0x[0-9a-f]+\n")))
      << throws;
  const child_result fatal = crash("memory-throws-fatal");
  EXPECT_EQ(fatal.status, 2) << fatal;
  EXPECT_TRUE(std::regex_search(fatal.err, std::regex("^fatal error: sync: unlock of unlocked mutex\n\n"
                                                      "goroutine [0-9]+ \\[running\\]: faulty\n\t0x[0-9a-f]+\n")))
      << fatal;
  const child_result hangs = crash("memory-hangs", {"GOS_DEBUG=crash_limit=300"});
  EXPECT_EQ(hangs.status, 2) << hangs;
  EXPECT_TRUE(hangs.err.starts_with("panic: short\n")) << hangs;
  if (sanitized) return;
  const child_result faults = crash("memory-faults");
  EXPECT_EQ(faults.status, 2) << faults;
  EXPECT_TRUE(faults.err.starts_with("panic: short\n")) << faults;
  EXPECT_TRUE(faults.err.ends_with("\nfatal error: SIGSEGV: segmentation violation while this was written\n")) << faults;
  const child_result fault = crash("memory-throws-fault");
  EXPECT_EQ(fault.signal, SIGSEGV) << fault;
  EXPECT_TRUE(std::regex_search(fault.err, std::regex("\n\ngoroutine [0-9]+ \\[running\\]: faulty\n\t0x[0-9a-f]+\n"))) << fault;
  const child_result stuck = crash("memory-hangs-fault", {"GOS_DEBUG=crash_limit=900"});
  EXPECT_EQ(stuck.signal, SIGSEGV) << stuck;
  EXPECT_TRUE(std::regex_search(stuck.err, std::regex("\n\ngoroutine [0-9]+ \\[running\\]: faulty\n\t0x[0-9a-f]+\n"))) << stuck;
  // The lock of malloc's arena is held by the goroutine that faults: who describes it has an arena of its own, or has not.
  const child_result own_arena = crash("in-malloc");
  EXPECT_EQ(own_arena.signal, SIGSEGV) << own_arena;
  EXPECT_TRUE(own_arena.err.starts_with("SIGSEGV: segmentation violation\nPC=")) << own_arena;
  EXPECT_NE(own_arena.err.find("::break_the_heap()\n\t"), std::string::npos) << own_arena;
  const child_result one_arena = crash("in-malloc", {"GOS_DEBUG=crash_limit=900", "MALLOC_ARENA_MAX=1"});
  EXPECT_EQ(one_arena.signal, SIGSEGV) << one_arena;
  EXPECT_TRUE(std::regex_search(one_arena.err, std::regex("\n\ngoroutine [0-9]+ \\[running\\]: faulty\n\t0x[0-9a-f]+\n")))
      << one_arena;
  const child_result memory = crash("address-space");
  EXPECT_EQ(memory.status, 2) << memory;
  EXPECT_TRUE(memory.err.starts_with("fatal error: panic, and no memory to print its value\n") ||
              memory.err.starts_with("panic: "))
      << memory;
}

TEST(PD, extra_standard_error_that_is_gone_or_stuck) {
  for (const char* mode : {"stderr-closed", "stderr-without-reader"}) {
    const child_result r = crash(mode);
    EXPECT_EQ(r.status, 2) << mode << '\n' << r;
    EXPECT_EQ(r.err, "") << mode;
  }
  const child_result stuck = crash("stderr-full", {"GOS_DEBUG=crash_limit=300"});
  EXPECT_EQ(stuck.status, 2) << stuck;
  const child_result slow = crash("stderr-does-not-wait");
  EXPECT_EQ(slow.status, 2);
  EXPECT_NE(slow.err.find("x\n\ngoroutine "), std::string::npos);
  EXPECT_GT(slow.err.size(), std::size_t{1} << 20);
}

TEST(PD, extra_before_and_after_main) {
  const child_result before = crash("main", {"GOS_TEST_BEFORE_MAIN=1"});
  EXPECT_EQ(before.status, 2) << before;
  EXPECT_TRUE(before.err.starts_with("panic: before main\n\ngoroutine 1 [running]:\n")) << before;
  const child_result after = crash("after-main");
  EXPECT_EQ(after.signal, SIGABRT) << after;
  EXPECT_TRUE(after.err.starts_with("panic: in a static destructor\n\nthread [running]:\n")) << after;
}

}  // namespace
