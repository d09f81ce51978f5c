// See stack_trace.hpp.
#include "panic/stack_trace.hpp"

#include <cstdint>
#include <cstdio>
#include <unwind.h>

#include "panic/symbols.hpp"

namespace gos::rt {

namespace {

struct walk {
  void** out;
  std::size_t capacity;
  std::size_t skip;
  std::size_t depth;
};

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) noexcept {
  auto* w = static_cast<walk*>(argument);
  const _Unwind_Ptr pc = _Unwind_GetIP(context);
  if (pc == 0) return _URC_END_OF_STACK;
  if (w->skip > 0) {
    --w->skip;
    return _URC_NO_REASON;
  }
  if (w->depth == w->capacity) return _URC_END_OF_STACK;
  w->out[w->depth++] = reinterpret_cast<void*>(pc);
  return _URC_NO_REASON;
}

std::string with_offset(const std::string& name, std::uintptr_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, "+0x%jx", static_cast<std::uintmax_t>(offset));
  return name + text;
}

// The place before a return address, which may lie behind the end of a function that does not return.
void* inside_call(void* pc) noexcept { return pc == nullptr ? pc : static_cast<char*>(pc) - 1; }

}  // namespace

// The frame that capture_stack itself is: left out by the walk.
[[gnu::noinline]] std::size_t capture_stack(void** out, std::size_t capacity, std::size_t skip) noexcept {
  walk w{out, capacity, skip + 1, 0};
  _Unwind_Backtrace(take_frame, &w);
  return w.depth;
}

std::string describe_address(void* pc) noexcept {
  try {
    const symbol_place place = find_symbol(inside_call(pc));
    if (!place.function.empty()) return with_offset(place.function, place.offset + 1);
    if (!place.module.empty()) return with_offset(place.module, place.module_offset + 1);
    char text[32];
    std::snprintf(text, sizeof text, "%p", pc);
    return text;
  } catch (...) {
    return {};
  }
}

std::string describe_stack(void* const* frames, std::size_t depth) noexcept {
  std::string text;
  try {
    for (std::size_t i = 0; i < depth; ++i) {
      const symbol_place place = find_symbol(inside_call(frames[i]));
      text += place.function.empty() ? std::string("(unknown function)") : place.function;
      text += "\n\t";
      text += with_offset(place.module.empty() ? std::string("?") : place.module, place.module_offset + 1);
      text += '\n';
    }
  } catch (...) {
    // Out of memory: what is there must do.
  }
  return text;
}

}  // namespace gos::rt
