// names: calls of the system that take names, in sections that may block, and the texts of their failures.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include <gossamer/error.hpp>

#include "io/blocking_section.hpp"
#include "io/descriptor.hpp"

namespace gos::rt {

// `operation name: cause`.
inline error name_failure(std::string_view operation, std::string_view name, std::ptrdiff_t negative) {
  std::string text(operation);
  (text += ' ') += name;
  return {system_error_of(negative), text};
}

// Is it one that the system would not take for a shorter one?
inline bool is_whole(std::string_view name) noexcept { return name.find('\0') == std::string_view::npos; }

// call(name as the system takes it) returns its result or the negative errno value.
template <class Call>
result<std::ptrdiff_t> with_name(std::string_view operation, std::string_view name, Call call) {
  const std::string terminated(name);
  std::ptrdiff_t got = -EINVAL;
  if (is_whole(name)) {
    blocking_section blocking;
    got = call(terminated.c_str());
  }
  if (got < 0) return std::unexpected(name_failure(operation, name, got));
  return got;
}

}  // namespace gos::rt
