// Crash output and exit status: contract section 13. The programs are modes of death/panic.cpp and death/stack.cpp; stacks have a
// test of their own, cr_sites_test.cpp.
#include "child.hpp"
#include "fixture.hpp"

#include <csignal>
#include <regex>

using namespace gos_test;

namespace {

child_result crash(const std::string& mode, child::environment extra = {}) {
  return run_child("death_panic", {mode}, std::move(extra));
}

// One goroutine: header, frames of two lines, who spawned it; `rest` may be several of them.
const std::string one_stack =
    "\ngoroutine [0-9]+ \\[running\\]:( [^\n]*)?\n([^\t\n][^\n]*\n\t[^\n]+\n)+";

// The other goroutines, which a fatal error shows, too.
const std::string others = "(\n(goroutine [0-9]+ \\[[^\n]*\\]:[^\n]*\n)+(\t[^\n]+\n)?([^\t\n][^\n]*\n\t[^\n]+\n)*)*";

// Exactly these panics, a blank line, the goroutine's stack, and nothing else; status 2.
void expect_report(const std::string& mode, const std::string& panics, child::environment extra = {}) {
  const child_result r = crash(mode, std::move(extra));
  EXPECT_EQ(r.status, 2) << mode << '\n' << r;
  ASSERT_TRUE(r.err.starts_with(panics + "\n")) << mode << '\n' << r;
  const std::string stacks = panics.find("fatal error: ") == std::string::npos ? one_stack : one_stack + others;
  EXPECT_TRUE(std::regex_match(r.err.substr(panics.size() + 1), std::regex(stacks))) << mode << '\n' << r;
}

// The text of the report up to the stacks.
std::string head_of(const child_result& r) { return r.err.substr(0, r.err.find("\n\ngoroutine ")); }

TEST(CR, CR_01_text_goroutine_stack_and_status) {
  expect_report("main", "panic: in main");
  expect_report("goroutine", "panic: in a goroutine");
  expect_report("dropped-handle", "panic: nobody joins");
  expect_report("joined", "panic: joined");
  expect_report("runtime-error", "panic: send on closed channel");
  EXPECT_NE(crash("main").err.find("\n\ngoroutine 1 [running]:\n"), std::string::npos);
  EXPECT_TRUE(std::regex_search(crash("named").err, std::regex("\n\ngoroutine [0-9]+ \\[running\\]: worker\n")));
  EXPECT_EQ(crash("stdout").out, "buffered line\n");
}

TEST(CR, CR_01_exit_is_no_crash) {
  const child_result r = crash("exit");
  EXPECT_EQ(r.status, 7) << r;
  EXPECT_EQ(r.out, "buffered");
  EXPECT_EQ(r.err, "");
}

TEST(CR, CR_02_chains) {
  expect_report("chain", "panic: first\n\tpanic: second\n\tpanic: third");
  expect_report("recovered-chain", "panic: first panic [recovered]\n\tpanic: second panic");
  expect_report("repanicked", "panic: message [recovered, repanicked]");
  expect_report("repanicked-often", "panic: message [recovered, repanicked]");
  expect_report("same-value", "panic: message");
  expect_report("rethrown", "panic: caught and rethrown");
  expect_report("rethrown-pointer", "panic: kept");
  expect_report("rethrown-exception", "panic: an exception [recovered, repanicked]");
  expect_report("sandwich", "panic: outer [recovered]\n\tpanic: inner [recovered]\n\tpanic: outer");
  expect_report("middle", "panic: inner [recovered]\n\tpanic: middle [recovered, repanicked]\n\tpanic: outer");
  expect_report("destroyed-in-defer", "panic: first\n\tpanic: again");
}

TEST(CR, CR_03_values) {
  expect_report("value-enum", "panic: (anonymous namespace)::color(1)");
  expect_report("value-plain-enum", "panic: (anonymous namespace)::small(3)");
  expect_report("value-int", "panic: -42");
  expect_report("value-double", "panic: 2.5");
  expect_report("value-bool", "panic: false");
  expect_report("value-string", "panic: text\n\tgoroutine 1 [running]:\n\t");
  expect_report("value-streamed", "panic: streamed\n\tin two lines");
  expect_report("value-error-code", "panic: Broken pipe");
  expect_report("value-exception", "panic: an exception as a value");
  expect_report("value-nil", "panic: panic called with nil argument");
  const child_result r = crash("value-struct");
  EXPECT_TRUE(std::regex_search(r.err, std::regex("^panic: \\(\\(anonymous namespace\\)::no_text\\) 0x[0-9a-f]+\n"))) << r;
}

TEST(CR, CR_04_the_text_may_wait_and_may_fail) {
  expect_report("text-parks", "panic: after a while");
  expect_report("text-throws", "fatal error: panic while printing panic value: the text fails");
  expect_report("text-panics", "fatal error: panic while printing panic value: a panic\n\tin the text");
  expect_report("text-panics-twice", "fatal error: panic while printing panic value: (its text panics too)");
  expect_report("text-is-fatal", "fatal error: sync: unlock of unlocked mutex");
}

TEST(CR, CR_05_pending_panics_come_first) {
  expect_report("fatal", "fatal error: sync: unlock of unlocked mutex");
  expect_report("fatal-in-defer", "panic: pending\n\tfatal error: sync: unlock of unlocked mutex");
  expect_report("fatal-in-second-defer",
                "panic: first [recovered]\n\tpanic: second\n\tfatal error: sync: unlock of unlocked mutex");
  expect_report("fatal-while-unwinding", "panic: unwinds\n\tfatal error: sync: unlock of unlocked mutex");
}

TEST(CR, CR_06_crashes_at_once_do_not_mix) {
  for (int i = 0; i < rounds(6); ++i) {
    for (const char* mode : {"two-at-once", "eight-at-once"}) {
      const child_result r = crash(mode);
      std::smatch found;
      ASSERT_EQ(r.status, 2) << r;
      ASSERT_TRUE(std::regex_match(r.err, found, std::regex("panic: panic number [0-9]\n\tand its second line\n" + one_stack)))
          << r;
    }
    const child_result r = crash("panics-and-fatals-at-once");
    ASSERT_EQ(r.status, 2) << r;
    ASSERT_TRUE(std::regex_match(
        r.err, std::regex("(panic: one of many\n" + one_stack + "|fatal error: sync: unlock of unlocked mutex\n" + one_stack + others + ")")))
        << r;
  }
}

TEST(CR, CR_09_levels) {
  EXPECT_EQ(crash("goroutine", {"GOS_TRACEBACK=none"}).err, "panic: in a goroutine\n");
  EXPECT_EQ(crash("fatal", {"GOS_TRACEBACK=none"}).err, "fatal error: sync: unlock of unlocked mutex\n");
  expect_report("goroutine", "panic: in a goroutine", {"GOS_TRACEBACK=single"});
  expect_report("goroutine", "panic: in a goroutine", {"GOS_TRACEBACK="});
  for (const char* level : {"all", "system"}) {
    const child_result r = crash("goroutine", {std::string("GOS_TRACEBACK=") + level});
    EXPECT_EQ(r.status, 2) << r;
    EXPECT_EQ(head_of(r), "panic: in a goroutine") << r;
  }
  for (const char* mode : {"goroutine", "fatal"}) {
    const child_result r = crash(mode, {"GOS_TRACEBACK=crash"});
    EXPECT_EQ(r.signal, SIGABRT) << r;
    EXPECT_NE(r.err.find("\n\ngoroutine "), std::string::npos) << r;
  }
}

TEST(CR, CR_09_set_in_code_it_can_be_raised_but_not_lowered) {
  const child_result raised = crash("raise-level");
  EXPECT_EQ(raised.signal, SIGABRT) << raised;
  expect_report("lower-level", "panic: not lowered");
  expect_report("raise-and-back", "panic: back again");
  EXPECT_EQ(crash("raise-and-back", {"GOS_TRACEBACK=crash"}).signal, SIGABRT);
  EXPECT_EQ(crash("lower-level", {"GOS_TRACEBACK=none"}).err, "panic: not lowered\n");
}

TEST(CR, CR_09_a_level_that_is_none_is_named) {
  const child_result r = crash("exit", {"GOS_TRACEBACK=2"});
  EXPECT_EQ(r.status, 7) << r;
  EXPECT_EQ(r.err, "gossamer: GOS_TRACEBACK: 2 means nothing; it may be none, single, all, system or crash\n");
}

// The whole of it: limit, error, goroutine with its name, where its stack lies, what to do, the stack.
TEST(CR, CR_10_CR_11_stack_overflow) {
  for (const char* mode : {"overflow", "overflow-named", "overflow-main", "overflow-blocking"}) {
    const child_result r = run_child("death_stack", {mode});
    EXPECT_EQ(r.status, 2) << mode << '\n' << r;
    const std::string name = std::string(mode) == "overflow-named" ? " the-deep-one" : "";
    EXPECT_TRUE(std::regex_search(
        r.err, std::regex("^runtime: goroutine stack exceeds [0-9]+-byte limit\nfatal error: stack overflow\n\n"
                          "goroutine [0-9]+ \\[running\\]:" + name + "\n\tstack \\[0x[0-9a-f]+, 0x[0-9a-f]+\\), fault at "
                          "0x[0-9a-f]+\n\t(raise its limit where it is spawned|main's stack is fixed)[^\n]+\n\\(anonymous namespace\\)::endless\\(long\\)\n\t")))
        << mode << '\n' << r;
    const bool is_main = std::string(mode) == "overflow-main";
    EXPECT_EQ(r.err.find("\ncreated by ") != std::string::npos, !is_main) << mode << '\n' << r;
  }
}

TEST(CR, on_a_plain_thread_it_is_an_uncaught_exception) {
  for (const char* mode : {"thread", "thread-before-run"}) {
    const child_result r = crash(mode);
    EXPECT_EQ(r.signal, SIGABRT) << r;
    EXPECT_TRUE(r.err.starts_with("panic: ")) << r;
    EXPECT_NE(r.err.find("\n\nthread [running]:\n"), std::string::npos) << r;
  }
  const child_result r = crash("thread-caught");
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "caught\n");
}

}  // namespace
