// See text.hpp.
#include "report/text.hpp"

#include "panic/stack_trace.hpp"
#include "panic/symbols.hpp"

namespace gos::rt {

std::string describe_program_stack(void* const* frames, std::size_t depth) {
  while (depth > 1 && find_symbol(static_cast<char*>(*frames) - 1).module.starts_with("libgossamer_lockcheck.so")) {
    ++frames;
    --depth;
  }
  return describe_stack(frames, depth);
}

std::string describe_site(void* spawn_pc) {
  if (spawn_pc == nullptr) return "(unknown place)";
  std::string text = describe_stack(&spawn_pc, 1);
  // The first frame's two lines: the statement itself, when it was put inline into others.
  const std::size_t function_end = text.find("\n\t");
  if (function_end == std::string::npos) return text;
  const std::size_t place_end = text.find('\n', function_end + 1);
  if (place_end != std::string::npos) text.resize(place_end);
  return text.replace(function_end, 2, " ");
}

std::string describe_goroutine(std::uint64_t id, const char* name) {
  std::string text = "goroutine " + std::to_string(id);
  if (name != nullptr && name[0] != '\0') text += " \"" + std::string(name) + '"';
  return text;
}

}  // namespace gos::rt
