// leaks: the report of goroutines that leaked, at the end of the main function.
#pragma once

namespace gos::rt {

// By the main goroutine, in user mode: with GOS_DEBUG=leaks, writes to standard error what is stuck for certain.
void report_leaks_at_end() noexcept;

}  // namespace gos::rt
