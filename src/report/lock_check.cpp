// See lock_check.hpp.
#include "report/lock_check.hpp"

#include <cstdio>

#include "panic/stack_trace.hpp"
#include "report/text.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

namespace {

const char* kind_text(lock_kind kind) noexcept {
  switch (kind) {
    case lock_kind::mutex: return "a mutex of the system (std::mutex or the like)";
    case lock_kind::shared_mutex: return "a reader-writer lock of the system (std::shared_mutex or the like), exclusively,";
    case lock_kind::shared_mutex_shared: return "a reader-writer lock of the system (std::shared_mutex or the like), shared,";
    case lock_kind::spin: return "a spin lock of the system (pthread_spin_lock)";
  }
  return "a lock of the system";
}

}  // namespace

std::string lock_report_text(const lock_report& report, bool fatal) {
  const goroutine& g = *report.gp;
  // relaxed: its own words, written before it asked for the report.
  const char* const reason = wait_reason_text(g.reason.load(std::memory_order_relaxed));
  const std::string who = describe_goroutine(g.id, g.extra != nullptr ? g.extra->name : nullptr);
  char address[32];
  std::snprintf(address, sizeof address, "%p", report.lock.address);
  std::string text = fatal ? "fatal error: " : "gossamer: lockcheck: ";
  text += who + " waits [" + reason + "] while it holds " + kind_text(report.lock.kind) + " at " + address;
  if (report.lock.count > 1) text += ", locked " + std::to_string(report.lock.count) + " times";
  text += "\n\nlocked here:\n" + describe_program_stack(report.lock.frames, report.lock.depth);
  text += "\nwaits here:\n" + describe_program_stack(report.frames, report.depth);
  text += describe_creator(g.spawn_pc, g.parent_id);
  if (!fatal) text += '\n';
  return text;
}

std::string lock_check_summary() {
  const std::uint64_t untold = lock_check_untold();
  if (untold == 0) return {};
  return "gossamer: lockcheck: " + std::to_string(untold) + " more waits like those reported\n";
}

}  // namespace gos::rt
