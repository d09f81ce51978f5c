// describe: what goroutines that wait for the objects of this folder wait on, in words. See sched/wait_note.hpp.
#pragma once

#include "sched/wait_note.hpp"

namespace gos::rt {

void describe_mutex(wait_note& note, const void* mutex) noexcept;
void describe_shared_mutex(wait_note& note, const void* mutex) noexcept;
void describe_wait_group(wait_note& note, const void* group) noexcept;
// `gp` is the one that waits, or null.
void describe_semaphore(wait_note& note, const void* core, const goroutine* gp) noexcept;

}  // namespace gos::rt
