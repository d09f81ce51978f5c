// holder: who has taken a lock, in 32 bits that are never 0: the number of the 16 KiB of stack it stands on.
//
// The lock's own word carries it, so that "who holds it" is true whenever it is asked and costs no store. No goroutine's stack
// is smaller; whose it is, reports find out (src/report/holders.hpp). A stack lies below 2^48: three bits are left out.
#pragma once

#include <cstdint>

namespace gos::detail {

using holder_word = std::uint32_t;
inline constexpr int holder_shift = 14;
inline constexpr holder_word holder_mark = holder_word{1} << 31;  // set in each

inline holder_word holder_at(const void* on_stack) noexcept {
  return static_cast<holder_word>(reinterpret_cast<std::uintptr_t>(on_stack) >> holder_shift) | holder_mark;
}

// The caller's.
[[gnu::always_inline]] inline holder_word this_holder() noexcept {
  // Not volatile: a goroutine stays on its stack wherever it wakes.
  void* stack_pointer;
#if defined(__x86_64__)
  __asm__("mov %%rsp, %0" : "=r"(stack_pointer));
#elif defined(__aarch64__)
  __asm__("mov %0, sp" : "=r"(stack_pointer));
#endif
  return holder_at(stack_pointer);
}

}  // namespace gos::detail
