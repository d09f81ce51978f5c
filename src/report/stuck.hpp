// stuck: which goroutines nobody alive can ever wake. The rules and their proof are in stuck.cpp.
#pragma once

#include <cstdint>
#include <vector>

namespace gos::rt {

// The ids of goroutines that are stuck for certain, sorted. Any thread, in user mode; one caller at a time. `frame`: where the
// caller's own stack begins to be of no interest, the address of a local variable of who asked first. Throws std::bad_alloc.
std::vector<std::uint64_t> certainly_stuck(const void* frame);

}  // namespace gos::rt
