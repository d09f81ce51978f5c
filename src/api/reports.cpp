// reports: the public calls that tell what the runtime has noticed: how stacks are used.
#include <gossamer/runtime.hpp>

#include "report/stack_use.hpp"
#include "sched/sched.hpp"

namespace gos::runtime {

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

}  // namespace gos::runtime
