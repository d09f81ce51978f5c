// See text.hpp.
#include "report/text.hpp"

#include <algorithm>
#include <string_view>

#include "panic/stack_trace.hpp"

namespace gos::rt {

namespace {

// What a reader of the report did not write and does not look for.
bool is_own(std::string_view frame) noexcept {
  return frame.starts_with("gos::rt::") || frame.find("\tlibgossamer_lockcheck.so") != frame.npos;
}

}  // namespace

std::string stack_text(void* const* frames, std::size_t depth) {
  std::string text;
  bool own = true;
  for (std::size_t i = 0; i < depth; ++i) {
    const std::string frame = describe_stack(&frames[i], 1);
    own = own && is_own(frame);
    if (!own) text += frame;
  }
  return text;
}

std::string site_text(void* spawn_pc) {
  if (spawn_pc == nullptr) return "(unknown place)";
  std::string text = describe_stack(&spawn_pc, 1);
  // Both lines as one.
  if (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t cut = text.find("\n\t");
  if (cut != std::string::npos) text.replace(cut, 2, " ");
  return text;
}

std::string goroutine_text(std::uint64_t id, const char* name) {
  std::string text = "goroutine " + std::to_string(id);
  if (name != nullptr && name[0] != '\0') text += " \"" + std::string(name) + '"';
  return text;
}

std::string created_by_text(void* spawn_pc, std::uint64_t parent_id) {
  if (spawn_pc == nullptr) return {};
  const std::string site = describe_stack(&spawn_pc, 1);
  const std::size_t line_end = std::min(site.find('\n'), site.size());
  return "created by " + site.substr(0, line_end) + " in goroutine " + std::to_string(parent_id) + site.substr(line_end);
}

}  // namespace gos::rt
