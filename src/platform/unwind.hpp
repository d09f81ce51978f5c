// unwind: the return addresses of a stack that nobody runs on.
//
// libgcc walks from its caller's frame only. So a frame is put between that says, in its call-frame information, that it was
// called from the place where the other stack was left; the unwinder goes through it and on over there, reading that
// stack and writing nothing on it.
#pragma once

#include <cstddef>

#include "platform/switch.hpp"

namespace gos::rt {

// Stores up to `capacity` return addresses of the stack that `left` describes, innermost first: the first is the place where it
// was left. Returns how many. The stack must not change meanwhile. Does not allocate. Any thread.
std::size_t unwind_stack(const switch_context& left, void** out, std::size_t capacity) noexcept;

// The same of the calling thread's own stack, leaving out the first `skip` frames above the caller's.
std::size_t unwind_here(void** out, std::size_t capacity, std::size_t skip) noexcept;

}  // namespace gos::rt
