// lock_check: the reports of GOS_DEBUG=lockcheck as text.
#pragma once

#include <string>

#include "sched/lock_check.hpp"

namespace gos::rt {

std::string lock_report_text(const lock_report& report, bool fatal);

// For the end of the process: how often the same was met again. Empty if there is nothing to say.
std::string lock_check_summary();

}  // namespace gos::rt
