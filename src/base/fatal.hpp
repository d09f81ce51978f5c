// fatal: the end of the process for a reason that cannot be undone.
//
// Prints `fatal error: <text>` in one write to standard error, lets the crash hook add what it knows of
// the calling goroutine (its stack, who spawned it) and of the others, and ends with status 2, as Go does. Runs no
// deferred call, no destructor and no atexit handler. Safe to call from any thread and with any lock held; of
// threads that crash at once the first reports and the others wait for the end.
//
// A report may itself go wrong: its reader may have stopped reading, the allocator's lock may be held by the very thread
// that crashes, what it looks at may be destroyed. So it has a limit: when it has not written anything for that long, the
// process ends without the rest.
// Rejected: no limit, as Go: a server whose log has stuck would hang for ever with its port open instead of being
// restarted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/traceback.hpp"

namespace gos::rt {

// The stack of a goroutine that failed, where another thread reports it: set before crash_hook is called for that goroutine.
struct crash_stack {
  void* frames[64];  // return addresses, innermost first
  std::size_t depth = 0;
};
extern crash_stack crashed_stack;

// What a crash report says beyond the error itself.
enum class crash_part {
  the_goroutine,  // who spawned the goroutine given, and its stack: crashed_stack; null: the calling one, with a header
  the_others,     // all goroutines but the one given; null: but the calling one, if it is one
  everybody,      // no crash: all goroutines of a program that goes on, also where those are that run
};

// Upcall slot: writes a part of a crash report with write_error(). May allocate.
using crash_hook_function = void (*)(const void* goroutine, crash_part part) noexcept;
extern crash_hook_function crash_hook;

// Upcall slot: the text of the panics that the caller is in the middle of, as the report of a panic has it; what a fatal error
// stands under (CR-05). Fills `text` with up to `capacity` bytes and returns how many. May run user code, and park.
using pending_panics_function = std::size_t (*)(char* text, std::size_t capacity) noexcept;
extern pending_panics_function pending_panics;

// Prints `fatal error: ` + the formatted text and, unless the level is none, the stacks of all goroutines, by crash_hook;
// ends with status 2.
[[noreturn]] void fatal(const char* format, ...) noexcept __attribute__((format(printf, 1, 2)));

// Holds back every other crashing thread; the caller goes on to report and end the process. From now on the limit holds.
void crash_begin() noexcept;
// Returns unless another thread reports; then never, as that thread will end the process. For those who would end it first.
void crash_wait() noexcept;
// Is the calling thread the one that reports?
bool crash_is_mine() noexcept;
// The other goroutines, if the level wants them: as crash_part::the_others.
void crash_others(const void* goroutine) noexcept;
// Writes out what standard output has buffered, if that needs no waiting.
void crash_flush() noexcept;
// The same, then ends with status; by SIGABRT at level crash.
[[noreturn]] void crash_end(int status) noexcept;
// The same at once, standard output and all else left as it is: where what it needs may be what is broken.
[[noreturn]] void crash_abandon(int status) noexcept;
// How long a report may go on without writing anything; 0: the default, 30 s.
void crash_limit(std::int64_t ns) noexcept;
std::int64_t crash_limit() noexcept;
// Writes all of text to standard error, retrying short writes; from crash_begin() on also to the crash output.
// Async-signal-safe.
void write_error(const char* text, std::size_t size) noexcept;
void write_error(const char* text) noexcept;
// The same of bare addresses, for a stack that nobody can describe.
void write_addresses(void* const* addresses, std::size_t count) noexcept;

// From now on a copy of fd is the crash output, in place of the one before; -1: none is. Returns 0 or an errno value, and
// changes nothing then. Any thread.
int crash_output(int fd) noexcept;

}  // namespace gos::rt
