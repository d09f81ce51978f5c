// crash: what a crash report says of goroutines: the crash_hook of base/fatal.hpp.
#pragma once

#include "base/fatal.hpp"

namespace gos::rt {

void describe_crash(const void* goroutine, crash_part part) noexcept;

}  // namespace gos::rt
