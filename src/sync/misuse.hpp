// misuse: the panics of the sync and time objects, whose values are plain texts, as Go's are.
#pragma once

#include <string>

#include <gossamer/detail/panic_record.hpp>

namespace gos::rt {

// Panics with the text. Outside kernel mode.
[[noreturn]] inline void panic_with(const char* text) {
  detail::throw_panic(new detail::panic_record_of<std::string>(text));
}

}  // namespace gos::rt
