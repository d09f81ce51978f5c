// stack_trace: the names of return addresses.
//
// Who captures a stack (platform/unwind.hpp) stores addresses only, so that a panic costs little; names are looked up when
// somebody prints. Addresses are return addresses: they are looked up one byte earlier, inside the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "panic/symbols.hpp"

namespace gos::rt {

// `gos::with_defer<...>(...)+0x1c`, or `program+0x12345` where no symbol is known. Empty if memory is exhausted.
std::string describe_address(void* pc) noexcept;

// Two lines a frame, in Go's form: the function; then, indented, file and line, or the module and the offset in it for
// addr2line, and the offset in the function. Calls that were put inline are frames of their own, without an offset.
//
// Below level system the runtime's own frames are left out: functions of namespace gos, and those of namespace std that they
// call, such as std::invoke. So a stack begins where the program called. If nothing would be left, all are shown. Empty if
// memory is exhausted.
std::string describe_stack(void* const* frames, std::size_t depth) noexcept;

// The frames of describe_stack, one after the other and without leaving any out by itself: for who has cached the places.
class stack_text {
 public:
  explicit stack_text(bool everything) noexcept : everything_(everything) {}
  void add(const symbol_place& place);
  std::string finish() &&;

 private:
  void add_frame(const symbol_frame& frame, const std::string& where);

  bool everything_;
  std::string shown_;
  std::string standard_;   // frames of the C++ library whose caller is not known yet
  std::string all_;
};

// `created by F in goroutine M` and the place, two lines. Empty without a spawn site, or if memory is exhausted.
std::string describe_creator(void* spawn_pc, std::uint64_t parent_id) noexcept;

// The same in two steps, for who keeps the first: function and place, and `goroutine M` or several.
std::string describe_spawn(void* spawn_pc);
std::string describe_creator(const std::string& spawn, const std::string& parents);

}  // namespace gos::rt
