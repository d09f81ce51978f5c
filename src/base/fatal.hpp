// fatal: the end of the process for a reason that cannot be undone.
//
// Prints `fatal error: <text>` in one write to standard error, lets the crash hook add what it knows of
// the calling goroutine (its stack, who spawned it), and ends with status 2, as Go does. Runs no deferred call, no
// destructor and no atexit handler. Safe to call from any thread and with any lock held; of
// threads that crash at once the first reports and the others wait for the end.
#pragma once

#include <cstddef>

namespace gos::rt {

// What a crash report says beyond the error itself.
enum class crash_part {
  the_goroutine,  // the stack of the goroutine given, who spawned it; null: the calling one
  the_others,     // all goroutines but the one given; null: all
};

// Upcall slot: writes a part of a crash report with write_error(). May allocate.
using crash_hook_function = void (*)(const void* goroutine, crash_part part) noexcept;
extern crash_hook_function crash_hook;

// Prints `fatal error: ` + the formatted text, calls crash_hook, exits with status 2.
[[noreturn]] void fatal(const char* format, ...) noexcept __attribute__((format(printf, 1, 2)));

// Holds back every other crashing thread; the caller goes on to report and end the process.
void crash_begin() noexcept;
// Writes out what standard output has buffered if that needs no waiting, then ends with status.
[[noreturn]] void crash_end(int status) noexcept;
// Writes all of text to standard error, retrying short writes; from crash_begin() on also to the crash output.
// Async-signal-safe.
void write_error(const char* text, std::size_t size) noexcept;
void write_error(const char* text) noexcept;

// From now on a copy of fd is the crash output, in place of the one before; -1: none is. Returns 0 or an errno value, and
// changes nothing then. Any thread.
int crash_output(int fd) noexcept;

}  // namespace gos::rt
