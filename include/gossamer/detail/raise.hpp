// raise: how cores and templates start a panic of the library's runtime-error type (CL-06).
#pragma once

namespace gos::detail {

// Panics with a runtime error whose text is `text` (a literal: the pointer is kept). Outside kernel mode.
[[noreturn]] void raise_runtime_error(const char* text);

}  // namespace gos::detail
