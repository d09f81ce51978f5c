// waits: what a goroutine waits on, in words. Each kind of object is asked where it lies; here is who is asked.
#pragma once

#include "sched/inspect.hpp"
#include "sched/wait_note.hpp"

namespace gos::rt {

// While the goroutine of the view is held (INV1 of inspect.hpp). Of one that is not held, the kind and the address at most.
// Leaves the note empty for one that does not wait.
void describe_wait(wait_note& note, const goroutine_view& view) noexcept;

}  // namespace gos::rt
