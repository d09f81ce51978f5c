// forks: calls that a running goroutine offers to idle processors. Private to sched, but for what detail/fork.hpp declares.
#pragma once

#include "sched/scheduler.hpp"

namespace gos::rt {

// Kernel mode. Makes the oldest call that the goroutine on mp offers into a goroutine of its own, from the stores of `pp`, the
// caller's processor, if it has one. mp is the caller's machine, or held by take_begin(). Null: there is none, or no memory.
goroutine* fork_promote(machine* mp, processor* pp) noexcept;

// Kernel mode, on mp: its goroutine is about to be left. Others may take what it offers, as goroutines in pp's queues.
void forks_promote_all(machine* mp) noexcept;

// A hint: the goroutine that runs on this processor offers calls.
bool forks_offered(const processor* pp) noexcept;

}  // namespace gos::rt
