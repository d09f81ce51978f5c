// stack_trace: return addresses of a stack, and their names.
//
// Capturing stores addresses only, so that a panic costs little; names are looked up when somebody
// prints. Addresses are return addresses: they are looked up one byte earlier, inside the call.
#pragma once

#include <cstddef>
#include <string>

namespace gos::rt {

// Stores the return addresses of the caller's frames, innermost first, leaving out the first `skip`
// (0: begins with the place in the caller). Returns how many. Does not allocate.
std::size_t capture_stack(void** out, std::size_t capacity, std::size_t skip) noexcept;

// `gos::with_defer<...>(...)+0x1c`, or `program+0x12345` where no symbol is known. Empty if memory is exhausted.
std::string describe_address(void* pc) noexcept;

// One frame a line: the function, then indented the module and the offset in it, for addr2line.
std::string describe_stack(void* const* frames, std::size_t depth) noexcept;

}  // namespace gos::rt
