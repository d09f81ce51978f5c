// reports: the public calls that tell what the runtime has noticed: stalls, and how stacks are used; and the names of objects.
#include <gossamer/object_name.hpp>
#include <gossamer/runtime.hpp>

#include "report/stack_use.hpp"
#include "report/stalls.hpp"
#include "sched/object_names.hpp"
#include "sched/sched.hpp"

namespace gos {

std::int64_t detail::set_stall_limit_ns(std::int64_t limit_ns) {
  rt::ensure_started();
  return rt::set_stall_limit(limit_ns);
}

void detail::set_name(const void* object, std::string_view name) {
  if (object != nullptr) rt::object_name_set(object, name);
}

void detail::forget_name(const void* object) noexcept { rt::object_name_forget(object); }

namespace runtime {

std::vector<stack_use_entry> stack_use() {
  rt::ensure_started();
  std::vector<stack_use_entry> entries;
  for (const rt::stack_use_record& record : rt::collect_stack_use()) {
    entries.push_back({rt::stack_use_site(record), record.goroutines, record.highest_bytes, record.limit_bytes,
                       record.highest_id, rt::stack_use_exact()});
  }
  return entries;
}

std::string stack_use_report() {
  rt::ensure_started();
  return rt::stack_use_text();
}

std::vector<stall> stalls() {
  std::vector<stall> found;
  for (const rt::stall_record& record : rt::collect_stalls()) {
    using system = std::chrono::system_clock;
    const auto since = std::chrono::duration_cast<system::duration>(std::chrono::nanoseconds(record.since_system_ns));
    found.push_back({record.id, record.name, system::time_point(since), std::chrono::nanoseconds(record.lasted_ns),
                     record.ongoing, record.in_call ? stall_kind::in_a_call : stall_kind::running, rt::stall_text(record)});
  }
  return found;
}

}  // namespace runtime
}  // namespace gos
