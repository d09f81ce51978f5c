// text: the words that reports of debug options share.
#pragma once

#include <cstddef>
#include <string>

#include "sched/goroutine.hpp"

namespace gos::rt {

// A frame's function, and on a line of its own, indented, where that is; for each of the frames, without the innermost ones
// that are the runtime's own.
std::string stack_text(void* const* frames, std::size_t depth);

// Where a goroutine was spawned, on one line.
std::string site_text(void* spawn_pc);

// `goroutine 7 "name"`.
std::string goroutine_text(std::uint64_t id, const char* name);

// `created by ...` with its place; empty if it is not known.
std::string created_by_text(void* spawn_pc, std::uint64_t parent_id);

}  // namespace gos::rt
