// stalls: what sysmon has noted of goroutines that did not enter the runtime for long, as text.
#pragma once

#include <string>
#include <vector>

#include "sched/stalls.hpp"

namespace gos::rt {

// The last of them, oldest first. Throws std::bad_alloc.
std::vector<stall_record> collect_stalls();

// `goroutine 7 [stalled 320 ms, running, still going on, since 2026-01-31 12:00:00.123 UTC]: name`, the stack, and where it
// was spawned.
std::string stall_text(const stall_record& record);

// A section of a dump of all goroutines: a heading, and each with an empty line before it. Empty if there are none.
std::string stalls_text();

}  // namespace gos::rt
