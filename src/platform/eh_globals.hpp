// eh_globals: the C++ ABI's per-thread exception state, made per goroutine.
//
// __cxa_get_globals (Itanium C++ ABI, 2.2.2) returns a thread's stack of caught exceptions and its
// count of uncaught ones. A goroutine that parks inside a catch block, or in a destructor during
// unwinding, takes both with it and finds them again on whatever thread resumes it.
#pragma once

namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1

namespace gos::rt {

// The layout that libstdc++ and libc++abi share.
struct eh_globals {
  void* caught_exceptions = nullptr;
  unsigned int uncaught_exceptions = 0;

  [[gnu::always_inline]] bool empty() const noexcept { return caught_exceptions == nullptr && uncaught_exceptions == 0; }
};

// The calling thread's; valid while the thread lives. A machine asks once.
inline eh_globals* thread_eh_globals() noexcept {
  return reinterpret_cast<eh_globals*>(__cxxabiv1::__cxa_get_globals());
}

}  // namespace gos::rt
