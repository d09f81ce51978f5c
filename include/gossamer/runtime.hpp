// runtime: the number of processors, numbers about the runtime, dumps, binding to a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

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

// How many goroutines run at the same time. Default: the smallest of CPUs, affinity and the cgroup's
// quota, or GOS_MAXPROCS. Source: Go runtime.GOMAXPROCS; contract RT-01..RT-05.
int max_procs();

// Sets it and returns the old number; n < 1 only asks. Takes effect while goroutines run: with a
// smaller number, running ones give way at their next entry into the runtime, or within some tens of
// milliseconds if they do not enter it. At most 4096.
int set_max_procs(int n);

// The most OS threads the runtime may use; the old limit is returned. Going over it is fatal.
// Default 10 000. n < 1 only asks. Source: Go debug.SetMaxThreads; contract RT-10.
int set_max_threads(int n);

// The calling goroutine's stack, or (all) one header line for each goroutine and where it was spawned.
std::string stack_dump(bool all = false);

statistics stats();

// Keep the calling goroutine on its thread, and others off it, until as many unlocks. gos::pin is the
// scope form. Nothing on a plain thread. Source: Go runtime.LockOSThread; contract RT-06, RT-07.
void lock_os_thread();
void unlock_os_thread();

}  // namespace gos::runtime
