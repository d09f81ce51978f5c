// unhandled: the last words of a panic that nobody recovered, wherever it ended.
#pragma once

namespace gos::rt {

// A panic or goexit is about to be thrown: from now on std::terminate knows their texts. Cheap.
void watch_for_terminate() noexcept;

// Inside a catch block: a `defer` guard threw while its scope was being unwound (PD-18).
[[noreturn]] void fatal_in_unwinding() noexcept;

}  // namespace gos::rt
