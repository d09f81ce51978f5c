// text: the words that reports of debug options share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gos::rt {

// describe_stack() without the innermost frames that are of libgossamer_lockcheck.so.
std::string describe_program_stack(void* const* frames, std::size_t depth);

// Where a goroutine was spawned, function and place on one line.
std::string describe_site(void* spawn_pc);

// `goroutine 7`, or `goroutine 7 "name"`.
std::string describe_goroutine(std::uint64_t id, const char* name);

}  // namespace gos::rt
