// switch: leave one stack and continue another.
//
// Inline assembly that declares every register clobbered, so that the compiler saves only what is
// live at the place where a goroutine parks, and that jumps instead of returning: a `ret` on a stack
// other than the one that was called on is mispredicted, which costs more than the whole switch.
// The context holds the stack pointer, the frame pointer and the resume address, nothing else;
// what the compiler cannot know of (exception state, a changed floating-point environment) travels
// on the slow path of the switch (switch_away_slow in sched/worker.cpp).
// Rejected: saving callee-saved registers in an out-of-line function (8.5 ns against 1.1 ns).
//
// Contract of switch_to(from, to, carry): the caller's context is stored in *from, *to continues:
// either after its own switch_to, which returns `carry`, or in a fresh context's entry(carry). The
// compiler must not move thread-local addresses over it: nothing in src/ caches them (thread_self.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace gos::rt {

struct switch_context {
  void* stack_pointer = nullptr;
  void* frame_pointer = nullptr;
  void* resume_address = nullptr;
};

}  // namespace gos::rt

#if defined(__x86_64__)
#include "platform/switch_x86_64.hpp"
#elif defined(__aarch64__)
#include "platform/switch_aarch64.hpp"
#else
#error "gossamer runs on x86-64 and aarch64: this processor has no src/platform/switch_<name>.hpp yet"
#endif

static_assert(offsetof(gos::rt::switch_context, stack_pointer) == 0);
static_assert(offsetof(gos::rt::switch_context, frame_pointer) == 8);
static_assert(offsetof(gos::rt::switch_context, resume_address) == 16);
