// stack_use: how deep goroutine stacks have been, one entry for each place that spawns.
#pragma once

#include <string>
#include <vector>

#include "sched/stack_use.hpp"

namespace gos::rt {

// Ended and living goroutines of one place put together; those that used most of their limit first. Throws std::bad_alloc.
std::vector<stack_use_record> collect_stack_use();

// Where the goroutines of an entry were spawned.
std::string stack_use_site(const stack_use_record& record);

// A heading, and a line or two for each entry.
std::string stack_use_text();

}  // namespace gos::rt
