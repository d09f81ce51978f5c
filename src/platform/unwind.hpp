// unwind: the return addresses of a stack that nobody runs on, of the own one, and of interrupted code.
//
// libgcc walks from its caller's frame only. So a frame is put between (gos_unwind_through, in assembly) that says, in its
// call-frame information, that it was called from the place where the other stack was left; the unwinder goes through it and
// on over there, reading that stack and writing nothing on it. The walk ends at the return address 0 that
// switch_prepare() puts under every entry, or where the information ends.
//
// Neither allocates. All are safe in a signal handler once unwind_prepare() has run: libgcc initialises itself at its
// first walk, and glibc finds modules without a lock (_dl_find_object, 2.35).
#pragma once

#include <cstddef>

#include "platform/switch.hpp"

namespace gos::rt {

// Stores up to `capacity` return addresses of the stack that `left` describes, innermost first: the first is the place where it
// was left. Returns how many. The stack must not change meanwhile, and must have been left by switch_to(): a
// context that switch_prepare() made has no caller yet, nor a place that it was left at. Any thread.
std::size_t unwind_stack(const switch_context& left, void** out, std::size_t capacity) noexcept;

// The same of the calling thread's own stack, leaving out the first `skip` frames (0: begins with the place in the caller).
// Of a signal handler on it, the frame that it interrupted follows at once, made a return address by adding 1.
std::size_t unwind_here(void** out, std::size_t capacity, std::size_t skip) noexcept;

// In a signal handler, given its ucontext_t: where the code stood that the signal interrupted.
void* interrupted_pc(void* ucontext) noexcept;

// In a signal handler, given its ucontext_t: of the code that the signal interrupted. The first address is made a
// return address by adding 1, so that all are looked up alike.
std::size_t unwind_interrupted(void* ucontext, void** out, std::size_t capacity) noexcept;

// Once, before the first handler that unwinds is installed.
void unwind_prepare() noexcept;

}  // namespace gos::rt
