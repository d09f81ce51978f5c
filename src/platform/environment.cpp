// environment: looks a word up in GOS_DEBUG, a list separated by commas.
#include "platform/environment.hpp"

#include <cstdlib>
#include <string_view>

namespace gos::rt {

bool debug_flag(const char* word) noexcept {
  const char* value = std::getenv("GOS_DEBUG");
  if (value == nullptr) return false;
  std::string_view rest(value);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    if (rest.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    rest.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace gos::rt
