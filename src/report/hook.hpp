// hook: what debug options have to say while the program goes on, and at its end, as text on standard error.
#pragma once

#include "sched/watch.hpp"

namespace gos::rt {

// The report_hook.
void write_report(report_kind kind, const void* record) noexcept;

}  // namespace gos::rt
