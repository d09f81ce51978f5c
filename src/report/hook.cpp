// See hook.hpp.
#include "report/hook.hpp"

#include <string>

#include "base/fatal.hpp"
#include "report/lock_check.hpp"
#include "report/stack_use.hpp"
#include "report/stalls.hpp"
#include "sched/stack_use.hpp"

namespace gos::rt {

namespace {

std::string text_at_exit() {
  std::string text = lock_check_summary();
  if (stack_use_exact()) text += stack_use_text();
  return text;
}

std::string text_of(report_kind kind, const void* record) {
  switch (kind) {
    case report_kind::lock_held: return lock_report_text(*static_cast<const lock_report*>(record), false);
    case report_kind::lock_held_abort: return lock_report_text(*static_cast<const lock_report*>(record), true);
    case report_kind::stall: return "gossamer: " + stall_text(*static_cast<const stall_record*>(record)) + '\n';
    case report_kind::at_exit: return text_at_exit();
  }
  return {};
}

}  // namespace

void write_report(report_kind kind, const void* record) noexcept {
  try {
    const std::string text = text_of(kind, record);
    write_error(text.data(), text.size());
  } catch (...) {
    write_error("gossamer: out of memory: a report of GOS_DEBUG is lost\n");
  }
}

}  // namespace gos::rt
