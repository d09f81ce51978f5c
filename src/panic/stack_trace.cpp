// See stack_trace.hpp.
#include "panic/stack_trace.hpp"

#include <cstdint>
#include <cstdio>

#include "base/fatal.hpp"

namespace gos::rt {

namespace {

std::string with_offset(const std::string& name, std::uintptr_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, "+0x%jx", static_cast<std::uintmax_t>(offset));
  return name + text;
}

constexpr const char* unknown_function = "(unknown function)";

// The place before a return address, which may lie behind the end of a function that does not return.
void* inside_call(void* pc) noexcept { return pc == nullptr ? pc : static_cast<char*>(pc) - 1; }

// `file.cpp:12 +0x1f`, or `program+0x12345 +0x1f`.
std::string place_text(const symbol_place& place) {
  if (place.module.empty()) return with_offset("no module", place.module_offset);
  std::string text = place.own.file.empty() ? with_offset(place.module, place.module_offset + 1)
                                            : place.own.file + ":" + std::to_string(place.own.line);
  if (!place.own.function.empty()) text = with_offset(text + " ", place.offset + 1);
  return text;
}

// The innermost function at the place that is not the runtime's own; its text of two lines.
std::string user_frame_text(const symbol_place& place) {
  for (const symbol_frame& frame : place.inlined) {
    if (frame.owner == symbol_owner::user && !frame.function.empty()) {
      return frame.function + "\n\t" + frame.file + ":" + std::to_string(frame.line) + "\n";
    }
  }
  return std::string(place.own.function.empty() ? unknown_function : place.own.function.c_str()) + "\n\t" + place_text(place) + "\n";
}

}  // namespace

void stack_text::add_frame(const symbol_frame& frame, const std::string& where) {
  const std::string text = std::string(frame.function.empty() ? unknown_function : frame.function.c_str()) + "\n\t" + where + "\n";
  all_ += text;
  if (frame.owner == symbol_owner::standard) {
    standard_ += text;
    return;
  }
  if (frame.owner == symbol_owner::user) shown_ += standard_ + text;
  standard_.clear();
}

void stack_text::add(const symbol_place& place) {
  for (const symbol_frame& frame : place.inlined) add_frame(frame, frame.file + ":" + std::to_string(frame.line));
  add_frame(place.own, place_text(place));
}

std::string stack_text::finish() && { return std::move(everything_ || shown_.empty() ? all_ : shown_); }

std::string describe_address(void* pc) noexcept {
  try {
    const symbol_place place = find_symbol(inside_call(pc));
    if (!place.own.function.empty()) return with_offset(place.own.function, place.offset + 1);
    if (!place.module.empty()) return with_offset(place.module, place.module_offset + 1);
    char text[32];
    std::snprintf(text, sizeof text, "%p", pc);
    return text;
  } catch (...) {
    return {};
  }
}

std::string describe_stack(void* const* frames, std::size_t depth) noexcept {
  try {
    stack_text text(traceback() >= traceback_level::system);
    for (std::size_t i = 0; i < depth; ++i) text.add(find_symbol(inside_call(frames[i])));
    return std::move(text).finish();
  } catch (...) {
    return {};
  }
}

std::string describe_spawn(void* spawn_pc) {
  return spawn_pc != nullptr ? user_frame_text(find_symbol(inside_call(spawn_pc))) : std::string();
}

std::string describe_creator(const std::string& spawn, const std::string& parents) {
  if (spawn.empty()) return {};
  const std::size_t line_end = spawn.find('\n');
  return "created by " + spawn.substr(0, line_end) + " in " + parents + spawn.substr(line_end);
}

std::string describe_creator(void* spawn_pc, std::uint64_t parent_id) noexcept {
  try {
    return describe_creator(describe_spawn(spawn_pc), "goroutine " + std::to_string(parent_id));
  } catch (...) {
    return {};
  }
}

}  // namespace gos::rt
