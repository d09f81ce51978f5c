// See unhandled.hpp; and report_and_exit of panic_state.hpp.
//
// The report has Go's form: the panics, oldest first, then a blank line, the goroutine and its stack.
// Everything that runs user code (the text of a value) or that may wait happens before crash_begin, on
// the goroutine itself; then the report goes out in one piece (CR-04, CR-06). Where memory is exhausted it goes
// out in smaller ones, from what needs none.
#include "panic/unhandled.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/fatal.hpp"
#include "panic/body.hpp"
#include "panic/exception_record.hpp"
#include "panic/panic_exception.hpp"
#include "panic/panic_state.hpp"
#include "panic/stack_trace.hpp"
#include "park/park.hpp"
#include "platform/unwind.hpp"

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

std::string text_of(const panic_value& value) {
  std::string text = value.message();
  if (const auto* e = dynamic_cast<const exception_record*>(access::record(value))) text += e->causes();
  return text;
}

// `panic: first [recovered]`, newline, tab, `panic: second`, ...: a panic that was thrown again with the
// same value is there once (CR-02).
std::string panics_text(const std::vector<older_panic>& all) {
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0 && same_value(all[i - 1].value, all[i].value)) continue;
    const bool again = i + 1 < all.size() && same_value(all[i].value, all[i + 1].value);
    out += i > 0 ? "\tpanic: " : "panic: ";
    out += indented(text_of(all[i].value));
    if (all[i].recovered) out += again ? " [recovered, repanicked]" : " [recovered]";
    out += '\n';
  }
  return out;
}

bool is_panic(failure_kind kind) noexcept { return kind == failure_kind::panic || kind == failure_kind::foreign; }

void append_failure(std::vector<older_panic>& all, const failure& f) {
  all.insert(all.end(), f.older.begin(), f.older.end());
  if (is_panic(f.kind)) all.push_back({failure_value(f), f.recovered});
}

// Inside a catch block, of any exception but goexit.
failure current_failure() noexcept {
  failure f;
  f.exception = std::current_exception();
  if (f.exception == nullptr) return f;
  f.type = abi::__cxa_current_exception_type();
  f.kind = *f.type == typeid(panic_exception) ? failure_kind::panic : failure_kind::foreign;
  return f;
}

// What there is to say of the panics: `text`, or where there is no memory for it, `instead`.
struct last_words {
  std::string text;
  const char* instead = nullptr;

  void write() const noexcept {
    if (instead != nullptr) write_error(instead);
    else write_error(text.data(), text.size());
  }
};

// Inside a catch block: the text of a value panicked itself.
std::string printing_failed() {
  const failure second = current_failure();
  settle(second.exception);
  std::string text = "(its text panics too)";
  try {
    if (is_panic(second.kind)) text = failure_value(second).message();
  } catch (...) {
    settle(std::current_exception());
  }
  return "fatal error: panic while printing panic value: " + indented(text) + "\n";
}

last_words words_of(const failure& f) noexcept {
  last_words words;
  goroutine_extra& extra = goroutine_extra_of(*current_goroutine());
  extra.describing = true;  // no fatal error that one of the texts ends in asks for them again
  try {
    try {
      std::vector<older_panic> all;
      append_failure(all, f);
      words.text = panics_text(all);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      words.text = printing_failed();
    }
  } catch (...) {
    words.instead = "fatal error: panic, and no memory to print its value\n";
  }
  extra.describing = false;
  return words;
}

// The exception that was thrown last and has not met a handler yet, if it is one of ours: what a compiler that calls
// std::terminate at once does not say.
failure failure_in_flight(const goroutine* gp) noexcept {
  failure f;
  if (std::uncaught_exceptions() == 0 || gp->extra == nullptr || gp->extra->thrown == nullptr) return f;
  void* object = gp->extra->thrown;
  std::exception_ptr borrowed;
  std::memcpy(static_cast<void*>(&borrowed), &object, sizeof object);
  f.exception = borrowed;
  new (static_cast<void*>(&borrowed)) std::exception_ptr;  // what was never counted is not given back
  f.kind = gp->extra->thrown_goexit ? failure_kind::goexit : failure_kind::panic;
  f.type = gp->extra->thrown_goexit ? &typeid(goexit_exception) : &typeid(panic_exception);
  return f;
}

void append_frames(std::vector<older_panic>& all, const panic_link* link) {
  if (link == nullptr) return;
  append_frames(all, link->outer);
  if (!link->is_frame) return;
  const auto* frame = static_cast<const defer_frame*>(link);
  if (frame->now != nullptr) append_failure(all, *frame->now);
}

// pending_panics: those whose deferred calls run, outermost first, and one that is unwinding this moment. None in kernel mode,
// where locks may be held that user code knows nothing of.
std::size_t pending_text(char* text, std::size_t capacity) noexcept {
  machine* mp = this_machine();
  goroutine* gp = mp->current;
  if (gp == nullptr || mp->in_kernel.load(std::memory_order_relaxed) != 0) return 0;  // relaxed: the caller's own
  if (gp->panics == nullptr && std::uncaught_exceptions() == 0) return 0;
  goroutine_extra& extra = goroutine_extra_of(*gp);
  if (std::exchange(extra.describing, true)) return 0;  // one of the texts is what fails
  std::size_t size = 0;
  try {
    std::vector<older_panic> all;
    append_frames(all, static_cast<const panic_link*>(gp->panics));
    append_failure(all, failure_in_flight(gp));
    const std::string found = panics_text(all);
    size = found.size();
    if (size > capacity) size = found.rfind('\n', capacity - 1) + 1;  // whole lines, 0 if there is none
    std::memcpy(text, found.data(), size);
  } catch (...) {
    // No memory, or no text: the error must do.
  }
  extra.describing = false;
  return size;
}

// The stack that a report shows: where the value was raised.
struct report_stack {
  void* here[64];
  void* const* frames = nullptr;
  std::size_t depth = 0;
  std::uint64_t id = 0;

  [[gnu::noinline]] void find(const detail::panic_record* record) noexcept {
    if (record != nullptr && access::stack(*record) != nullptr) {
      frames = access::stack(*record);
      depth = access::stack_depth(*record);
      id = access::goroutine(*record);
      return;
    }
    frames = here;  // a C++ exception: its stack is gone, and it ends where it is caught
    depth = unwind_here(here, 64, 1);
    id = current_goroutine()->id;
  }
};

// `goroutine 7 [running]:`, the stack, who spawned it. In pieces: the parts that need memory may be missing.
void write_goroutine(const report_stack& stack) noexcept {
  const goroutine* gp = current_goroutine();
  try {
    std::string text = "\nthread [running]:\n";
    if (stack.id != 0) {
      text = "\ngoroutine " + std::to_string(stack.id) + " [running]:";
      if (stack.id == gp->id && gp->extra != nullptr && gp->extra->name[0] != '\0') text += std::string(" ") + gp->extra->name;
      text += '\n';
    }
    const std::string frames = describe_stack(stack.frames, stack.depth);
    if (frames.empty() && stack.depth != 0) throw std::bad_alloc();
    text += frames;
    if (stack.id == gp->id) text += describe_creator(gp->spawn_pc, gp->parent_id);
    write_error(text.data(), text.size());
  } catch (...) {
    char text[64];
    std::snprintf(text, sizeof text, "\ngoroutine %llu [running]:\n", static_cast<unsigned long long>(stack.id));
    write_error(text);
    write_addresses(stack.frames, stack.depth);
  }
}

void write_report(failure& f) noexcept {
  const last_words panics = words_of(f);
  report_stack stack;
  std::optional<panic_value> value;  // has the stack
  try {
    value = failure_value(f);
  } catch (...) {
    // Without memory: the place where it is reported must do.
  }
  stack.find(value ? access::record(*value) : nullptr);
  crash_begin();
  panics.write();
  if (traceback() > traceback_level::none) write_goroutine(stack);
  crash_others(current_goroutine());
}

// std::terminate's: a panic that met a noexcept function or, on a plain thread, no handler at all.
std::terminate_handler previous_handler = nullptr;
std::atomic<bool> watching{false};
std::atomic<bool> passed_on{false};

[[noreturn]] void terminate_as_before() noexcept {
  // relaxed: only once; a handler that calls the one before it comes back here.
  if (previous_handler != nullptr && !passed_on.exchange(true, std::memory_order_relaxed)) previous_handler();
  std::abort();
}

// The program has no handler of its own: then an exception on a goroutine is reported as what it is there, a panic.
bool unhandled_is_ours() noexcept {
  return on_goroutine() && (previous_handler == nullptr || previous_handler == __gnu_cxx::__verbose_terminate_handler);
}

[[noreturn]] void terminated() noexcept {
  if (crash_is_mine()) {  // the report itself has thrown
    write_error("\nfatal error: std::terminate while this was written\n");
    crash_abandon(2);
  }
  failure f = current_failure();
  if (f.exception == nullptr) f = failure_in_flight(current_goroutine());
  if (f.exception != nullptr && *f.type == typeid(goexit_exception)) {
    fatal("goexit cannot leave a function that is noexcept, or a destructor");
  }
  if (f.kind == failure_kind::panic) {
    if (on_goroutine()) report_and_exit(f);
    write_report(f);
    std::abort();
  }
  if (f.kind == failure_kind::foreign && unhandled_is_ours()) report_and_exit(f);
  if (f.exception == nullptr && std::uncaught_exceptions() > 0 && unhandled_is_ours()) {
    fatal("a C++ exception cannot leave a function that is noexcept, or a destructor");
  }
  terminate_as_before();
}

// Whoever starts goroutines links this file. Exceptions are thrown without asking us: so from the beginning on.
[[maybe_unused]] const bool hooks_set = [] {
  pending_panics = pending_text;
  previous_handler = std::set_terminate(terminated);
  return true;
}();

}  // namespace

void note_thrown(void* exception, bool is_goexit) noexcept {
  goroutine_extra& extra = goroutine_extra_of(*current_goroutine());
  extra.thrown = exception;
  extra.thrown_goexit = is_goexit;
}

// It may die on another goroutine than threw it, which has ended then.
void note_destroyed(const void* exception) noexcept {
  goroutine_extra* extra = current_goroutine()->extra;
  if (extra != nullptr && extra->thrown == exception) extra->thrown = nullptr;
}

void report_and_exit(failure& f) noexcept {
  f.counted.take();
  write_report(f);
  crash_end(2);
}

void watch_for_terminate() noexcept {
  // relaxed: a look before the leap; the exchange decides. Nothing else is published.
  if (watching.load(std::memory_order_relaxed) || watching.exchange(true, std::memory_order_relaxed)) return;
  const std::terminate_handler present = std::set_terminate(terminated);
  if (present != terminated) previous_handler = present;
}

void fatal_in_unwinding() noexcept {
  const failure f = current_failure();
  last_words words;
  words.text = "goexit";
  if (f.exception != nullptr && *f.type != typeid(goexit_exception)) words = words_of(f);
  if (words.text.ends_with('\n')) words.text.pop_back();
  goroutine_extra_of(*current_goroutine()).describing = true;  // it says it all
  fatal("%s\n\tin a defer guard during unwinding; with_defer allows it",
        words.instead != nullptr ? words.instead : words.text.c_str());
}

panic_exception::~panic_exception() {
  note_destroyed(this);
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
  note_destroyed(this);
  if (!settled) fatal("goexit swallowed by a catch (...) that does not rethrow");
}

}  // namespace gos::rt
