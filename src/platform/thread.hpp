// thread: OS threads for machines, and how many of them make sense here.
#pragma once

#include <cstddef>

namespace gos::rt {

// Starts a detached thread that runs body(argument). `name` (cut to 15 bytes) shows in ps and debuggers. `stack_size` in bytes
// is raised to what the system needs at least; 0 means the default of the process. The thread inherits signal mask and
// affinity of the caller. False when the system has no thread to give. Any thread.
bool thread_start(void (*body)(void*), void* argument, const char* name, std::size_t stack_size) noexcept;

// CPUs in the affinity mask of the thread that asked first; fixed from then on, at least 1. Any thread.
int cpu_count() noexcept;

// The number by which the system knows the calling thread.
int thread_id() noexcept;

// A thread of this process runs or wants to: it does not sleep in a system call. False if there is none of that number.
bool thread_runs(int thread) noexcept;

// CPUs in the affinity mask of a thread of this process (0: the calling one) now, at least 1.
int cpu_count_now(int thread = 0) noexcept;

// The default number of processors now (contract RT-02): the smaller of the current affinity mask of that thread and
// the cgroup CPU quota rounded up, where the quota never lowers it below 2. At least 1. Any thread; reads a few files: tens
// of microseconds.
int default_procs(int thread = 0) noexcept;

// The rule behind default_procs(), for a known affinity and a file system seen below `root` ("" is the real one).
int default_procs_for(int affinity_count, const char* root) noexcept;

// From now on in_child is called in the child of each fork(), on its one thread, before fork() returns there. Not after
// posix_spawn() or vfork(). Any thread.
void thread_on_fork(void (*in_child)()) noexcept;

// Gives the CPU away to another thread that is ready, if there is one.
void thread_yield() noexcept;

}  // namespace gos::rt
