// runtime: the number of processors, numbers about the runtime, dumps, stalls, stack use, binding to a thread.
#pragma once

#include <gossamer/detail/duration.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <gossamer/detail/duration.hpp>

namespace gos::detail {
std::int64_t set_stall_limit_ns(std::int64_t limit_ns);
}

namespace gos::runtime {

// A snapshot of counters; taken without stopping anything, so the numbers need not belong to one instant.
struct statistics {
  std::size_t goroutines = 0;           // alive
  std::uint64_t goroutines_started = 0;  // ever
  int processors = 0;                   // max_procs()
  int idle_processors = 0;
  int threads = 0;                      // OS threads that run goroutines or wait to
  std::size_t stacks = 0;               // stack slots ever made
  std::size_t stacks_reserved_bytes = 0;  // address space set aside for stacks
};

// Goroutines that exist, the calling one included; helpers of the runtime are not counted. Exact when
// nobody spawns or ends meanwhile. Source: Go runtime.NumGoroutine; contract SP-08.
std::size_t num_goroutine();

// CPUs this process may use, fixed at start.
int num_cpu();

// How many goroutines run at the same time: GOS_MAXPROCS, if that is a positive whole number, or what was
// set, or else the default: the smaller of the CPUs in the runtime's affinity mask and the cgroup's CPU
// quota, rounded up and at least 2. The default follows changes of both while the program runs, within a
// second of activity (an idle program is not woken for it); a number from the environment or from
// set_max_procs stays. What a goroutine does to its own thread's affinity (lock_os_thread) does not count:
// taskset -a changes all threads. Source: Go runtime.GOMAXPROCS; contract RT-01..RT-05.
int max_procs();

// Sets it and returns the old number; n < 1 only asks. Takes effect while goroutines run: with a
// smaller number, running ones give way at their next entry into the runtime, or within some tens of
// milliseconds if they do not enter it. At most 4096. From now on the number follows the default no more,
// also if n is what it was.
int set_max_procs(int n);

// Back to the default, in spite of GOS_MAXPROCS, at once; and it follows changes again.
// Source: Go runtime.SetDefaultGOMAXPROCS; contract RT-04.
void set_default_max_procs();

// The most OS threads the runtime may use; the old limit is returned. Going over it, also by setting it
// below the present number, is fatal: `runtime: program exceeds N-thread limit`, `fatal error: thread
// exhaustion`. Threads are needed for goroutines that block theirs; those beyond max_procs() that nobody has needed for 10 s end.
// Default 10 000. n < 1 only asks.
// Source: Go debug.SetMaxThreads; contract RT-10.
int set_max_threads(int n);

// The calling goroutine's stack, or (all) those of all goroutines, its own first, each with a header line and a line that says
// what it waits on, since when and until when; equal stacks once. See docs/debugging.md. Of those that run on other
// threads there is no stack. Stops nothing; no environment variable changes it. From any thread.
// Source: Go runtime.Stack; contract RT-12.
std::string stack_dump(bool all = false);

// A goroutine that waits on a channel, in a select, for a mutex, a group, a condition variable, ..., and has waited for long, or
// for certain for ever.
struct leak {
  std::uint64_t goroutine = 0;
  // Nobody alive can ever wake it. Otherwise: it has been blocked longer than asked, and somebody may still wake it.
  bool certain = false;
  std::string text;  // header line (` (leaked)` after the reason if it is certain), which of the two, what it waits on, stack, creator
};

// The goroutines that nobody can ever wake, and those that have been blocked for longer than `blocked_longer_than`. Those that
// sleep, wait for I/O or have a time limit are not among them. What is certain, and how it is known: docs/leaks.md.
// Stops nothing. It looks at all goroutines and, where handles of channels decide, at all memory of the process: for
// a report, not for every second. From any thread. Source: Go runtime/pprof goroutineleak; contract DL-11, DL-12.
std::vector<leak> leaks(duration blocked_longer_than = std::chrono::minutes(1));

// The same in words, a line for each: the header line, and `certain` or `blocked for 2 min 5 s`.
// With GOS_DEBUG=leaks it is written to standard error, with stacks, when the main function returns.
std::string leak_report(duration blocked_longer_than = std::chrono::minutes(1));

// What a panic that nobody recovers, or another fatal error, prints to standard error goes to this file,
// too. fd is duplicated: close yours when you like. A later call
// replaces the file, -1 removes it. Returns why it failed (EBADF, EMFILE), and then nothing has changed.
// The file should be one that a write does not wait for. From any thread.
// Source: Go debug.SetCrashOutput; contract RT-12.
std::error_code set_crash_output(int fd);

// How much of the stacks a crash report shows: none; of the goroutine that failed, the default; of all; with the runtime's
// own functions; and that with death by SIGABRT, which leaves a core, instead of status 2. Fatal errors that are nobody's
// alone, such as misuse that cannot be undone, show all goroutines except at level none.
enum class traceback { none, single, all, system, crash };

// Sets that. It starts as the environment variable GOS_TRACEBACK has it, by these names, and cannot be set lower. From any
// thread. Source: Go debug.SetTraceback; contract CR-09.
void set_traceback(traceback level);

// From now on a fault of the calling goroutine's code (SIGSEGV, SIGBUS, SIGFPE: a null pointer, an integer division by zero)
// is a panic, which it may recover; returns whether it was so before. Not inherited. Nothing on a plain thread. By default
// a fault is reported with the goroutine's stack and ends the process by that signal, and that is what almost every program
// wants: for code that reads a mapped file which may shrink, or runs what others wrote.
// The code that may fault has to be compiled with -fnon-call-exceptions: otherwise destructors of the frame that
// faults may not run, or std::terminate is called. Not converted: a fault in the module that allocates memory (the C library),
// in the runtime, a stack overflow, and what a handler of the program's or a sanitizer's own gets first.
// Source: Go debug.SetPanicOnFault; contract PD-20.
bool set_panic_on_fault(bool enabled);

statistics stats();

// What a goroutine that stalled was doing when that was noticed.
enum class stall_kind {
  running,    // computing, or ready to and without a CPU
  in_a_call,  // its thread slept: in a system call, or waiting for a page or a lock of the system
};

// A goroutine that did not enter the runtime for longer than the limit: others had to do without its thread, and it
// could not be asked to give way.
struct stall {
  std::uint64_t goroutine = 0;                     // its id
  std::string name;                                // spawn_options::name
  std::chrono::system_clock::time_point since;     // begin, seen up to an eighth of the limit late
  std::chrono::nanoseconds lasted{0};              // until now, or until it entered the runtime or ended
  bool ongoing = false;                            // it has not yet
  stall_kind kind = stall_kind::running;
  std::string text;                                // one heading, the stack when it was noticed, and where it was spawned
};

// From now on goroutines that do not enter the runtime for so long are noted; 0 or less: none are, which is so at the start,
// unless GOS_DEBUG=stalls=MILLISECONDS says otherwise. Returns the limit before. From any thread; takes effect within some
// milliseconds.
//
// "Entering the runtime" is any call into the library that may wait or spawns. Sections marked gos::blocking are not noted.
// Limits below a millisecond are taken for one. Nothing is slower by it but one call into the library for each goroutine that
// runs, each eighth of the limit. But to see its stack the thread of a goroutine that stalls is interrupted by a signal
// (SIGURG, or a realtime signal where that is taken): once for each stall, a system call in which it sleeps may return with
// EINTR, where the kernel does not restart it (poll, nanosleep and the like; read and write go on).
template <any_duration D> std::chrono::nanoseconds set_stall_limit(D limit) {
  return std::chrono::nanoseconds(gos::detail::set_stall_limit_ns(gos::detail::to_nanoseconds(limit)));
}

// The last 64 stalls, oldest first. One stall is one entry, however long it lasts. Looks up names: for people, not for a
// hot path. From any thread.
std::vector<stall> stalls();

// How much of their stacks the goroutines of one spawn statement used.
struct stack_use_entry {
  std::string site;               // where they are spawned: the function and its place; `main` for the goroutine of gos::run
  std::uint64_t goroutines = 0;   // how many were looked at
  std::size_t highest_bytes = 0;  // by the one that used most
  std::size_t limit_bytes = 0;    // spawn_options::stack_size, GOS_STACK_SIZE or 256 KiB, rounded to a power of two
  std::uint64_t highest_id = 0;   // the id of that one
  bool exact = false;             // false: an estimate, see stack_use()
};

// The deepest that stacks have been, one entry for each spawn statement and size of stack, those nearest to their limit first.
//
// With GOS_DEBUG=stackuse: of all goroutines, also those that have ended, to within the bytes that a goroutine wrote as zero
// at its very deepest; each spawn then costs some microseconds more, and the report is printed when the process ends.
// Without it: of the goroutines that are alive, by the memory that lies in their stacks now. That may be too much, since a
// stack may have had other users before, and too little for one that has waited for seconds, whose unused pages were given
// back; and spawning costs nothing. From any thread, beside everything; it looks at each goroutine (about a microsecond).
std::vector<stack_use_entry> stack_use();

// The same as text: `61 of 256 KiB  <site>  (1000 goroutines)`, and where more than three quarters were used a
// line that says which setting to raise.
std::string stack_use_report();

// Keep the calling goroutine on its thread, and others off it, until as many unlocks; an unlock too many
// does nothing. It may wait as any other; its processor goes to others meanwhile. Goroutines that it spawns are
// not bound. gos::pin is the scope form. Nothing on a plain thread.
//
// For code that needs a thread of its own: GUI and graphics libraries, and whatever changes the thread (its
// affinity, namespace, priority, signal mask). Undo such a change, or do not unlock: when a goroutine ends
// while bound, its thread ends with it. No other thread of the runtime inherits anything from a bound one.
// The main goroutine begins on the thread that called gos::run, and binding as its first act keeps it
// there, on the process's first thread if that one called. When another goroutine ends bound to that
// thread, the thread sleeps until run returns.
// Source: Go runtime.LockOSThread; contract RT-06..RT-09.
void lock_os_thread();
void unlock_os_thread();

}  // namespace gos::runtime
