// See unhandled.hpp; and report_and_exit of panic_state.hpp.
//
// The report has Go's form: the panics, oldest first, then a blank line, the goroutine and its stack.
// Everything that runs user code (the text of a value) or that may wait happens before crash_begin, on
// the goroutine itself; then the report goes out in one piece (CR-04, CR-06).
#include "panic/unhandled.hpp"

#include <atomic>
#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <string>
#include <utility>

#include "base/fatal.hpp"
#include "panic/body.hpp"
#include "panic/panic_exception.hpp"
#include "panic/panic_state.hpp"
#include "panic/stack_trace.hpp"
#include "park/park.hpp"

namespace gos::rt {

using access = detail::panic_record_access;

namespace {

// No line of the text may look like one of ours.
std::string indented(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += '\t';
  }
  return out;
}

bool same_value(const panic_value& a, const panic_value& b) {
  const detail::panic_record* left = access::record(a);
  const detail::panic_record* right = access::record(b);
  return left == right || (left != nullptr && right != nullptr && left->equals(*right));
}

// `panic: first [recovered]`, newline, tab, `panic: second`, ...: a panic that was thrown again with the
// same value is there once (CR-02).
std::string panics_text(const failure& f) {
  std::vector<older_panic> all = f.older;
  all.push_back({failure_value(f), f.recovered});
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0 && same_value(all[i - 1].value, all[i].value)) continue;
    const bool again = i + 1 < all.size() && same_value(all[i].value, all[i + 1].value);
    out += i > 0 ? "\tpanic: " : "panic: ";
    out += indented(all[i].value.message());
    if (all[i].recovered) out += again ? " [recovered, repanicked]" : " [recovered]";
    out += '\n';
  }
  return out;
}

// The text of a value panicked itself: what can still be said.
[[noreturn]] void fatal_while_printing() noexcept {
  std::string text;
  try {
    failure second;
    second.exception = std::current_exception();
    second.type = abi::__cxa_current_exception_type();
    if (second.exception != nullptr) {
      second.kind = *second.type == typeid(panic_exception) ? failure_kind::panic : failure_kind::foreign;
      text = failure_value(second).message();
    }
  } catch (...) {
    text = "(its text panics too)";
  }
  fatal("panic while printing panic value: %s", text.c_str());
}

std::string all_panics_text(const failure& f) noexcept {
  try {
    return panics_text(f);
  } catch (...) {
    fatal_while_printing();
  }
}

// `goroutine 7 [running]:`, the stack, who spawned it.
std::string goroutine_text(const panic_value& value) {
  const goroutine* gp = current_goroutine();
  const detail::panic_record* record = access::record(value);
  void* const* stack = access::stack(*record);
  std::size_t depth = access::stack_depth(*record);
  std::uint64_t id = access::goroutine(*record);
  void* here[64];
  if (stack == nullptr) {  // a C++ exception: its stack is gone, and it ends where it is caught
    stack = here;
    depth = capture_stack(here, 64, 1);
    id = gp->id;
  }
  std::string out = id != 0 ? "goroutine " + std::to_string(id) + " [running]:\n" : std::string("thread [running]:\n");
  out += describe_stack(stack, depth);
  if (id == gp->id && gp->spawn_pc != nullptr) {
    const std::string spawner = describe_stack(&gp->spawn_pc, 1);
    const std::size_t line = spawner.find('\n');
    out += "created by " + spawner.substr(0, line) + " in goroutine " + std::to_string(gp->parent_id) + spawner.substr(line);
  }
  return out;
}

void write_report(failure& f) noexcept {
  std::string report = all_panics_text(f);
  try {
    report += "\n" + goroutine_text(failure_value(f));
  } catch (...) {
    // Out of memory: the first half must do.
  }
  crash_begin();
  write_error(report.data(), report.size());
}

// std::terminate's: a panic that met a noexcept function or, on a plain thread, no handler at all.
std::terminate_handler previous_handler = nullptr;
std::atomic<bool> watching{false};

[[noreturn]] void terminated() noexcept {
  const std::exception_ptr exception = std::current_exception();
  if (exception != nullptr) {
    failure f;
    f.exception = exception;
    f.type = abi::__cxa_current_exception_type();
    if (*f.type == typeid(goexit_exception)) fatal("goexit cannot leave a function that is noexcept, or a destructor");
    if (*f.type == typeid(panic_exception)) {
      f.kind = failure_kind::panic;
      if (on_goroutine()) report_and_exit(f);
      write_report(f);
      std::abort();
    }
  }
  if (previous_handler != nullptr) previous_handler();
  std::abort();
}

}  // namespace

void report_and_exit(failure& f) noexcept {
  f.counted.take();
  write_report(f);
  crash_end(2);
}

void watch_for_terminate() noexcept {
  // relaxed: a look before the leap; the exchange decides. Nothing else is published.
  if (watching.load(std::memory_order_relaxed) || watching.exchange(true, std::memory_order_relaxed)) return;
  previous_handler = std::set_terminate(terminated);
}

void fatal_in_unwinding() noexcept {
  failure f;
  f.exception = std::current_exception();
  std::string text = "goexit";
  if (f.exception != nullptr) {
    f.type = abi::__cxa_current_exception_type();
    if (*f.type != typeid(goexit_exception)) {
      f.kind = *f.type == typeid(panic_exception) ? failure_kind::panic : failure_kind::foreign;
      text = all_panics_text(f);
      text.pop_back();  // the newline
    }
  }
  fatal("%s\n\tin a defer guard during unwinding; with_defer allows it", text.c_str());
}

panic_exception::~panic_exception() {
  // On a plain thread the outermost frames belong to others, who may know what they do.
  if (settled || !on_goroutine()) return;
  std::string text;
  try {
    text = value.message();
  } catch (...) {
    text = "(its text panics too)";
  }
  fatal("panic swallowed by a catch (...) that does not rethrow: %s", text.c_str());
}

goexit_exception::~goexit_exception() {
  if (!settled) fatal("goexit swallowed by a catch (...) that does not rethrow");
}

}  // namespace gos::rt
