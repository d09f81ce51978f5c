// switch, x86-64 System V. See switch.hpp.
#pragma once

#include "platform/switch.hpp"

namespace gos::rt {

// Registers that hold values only in code compiled for AVX-512, into which this may be inlined.
#if defined(__AVX512F__)
#define GOS_SWITCH_CLOBBERS_AVX512                                                                              \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
      "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define GOS_SWITCH_CLOBBERS_AVX512
#endif

[[gnu::always_inline]] inline void* switch_to(switch_context* from, switch_context* to, void* carry) noexcept {
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%1)\n\t"
      "movq %%rbp, 8(%1)\n\t"
      "movq %%rax, 16(%1)\n\t"
      "movq 0(%2), %%rsp\n\t"
      "movq 8(%2), %%rbp\n\t"
      "jmpq *16(%2)\n"
      "1:\n\t"
      : "+D"(carry), "+S"(from), "+d"(to)
      :
      : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15" GOS_SWITCH_CLOBBERS_AVX512);
  return carry;
}

// A context that will call entry(carry) on the stack that ends at top (16-byte aligned). entry must
// not return; the zero return address under it ends every unwinding and backtrace.
inline void switch_prepare(switch_context& fresh, std::byte* top, void (*entry)(void* carry)) noexcept {
  auto** return_address = reinterpret_cast<void**>(top) - 1;
  *return_address = nullptr;
  fresh.stack_pointer = return_address;
  fresh.frame_pointer = nullptr;
  fresh.resume_address = reinterpret_cast<void*>(entry);
}

// The floating-point environment, control part: rounding, exception masks, flush-to-zero.
// The x87 control word is not looked at on its own: fesetround and feenableexcept change both.
[[gnu::always_inline]] inline std::uint32_t float_control() noexcept {
  std::uint32_t word;
  __asm__ volatile("stmxcsr %0" : "=m"(word));
  return word & ~std::uint32_t{0x3f};  // without the sticky exception flags
}

struct float_environment {
  std::uint32_t mxcsr;
  std::uint16_t x87;
};

inline void float_save(float_environment& out) noexcept {
  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(out.mxcsr), "=m"(out.x87));
}

inline void float_restore(const float_environment& in) noexcept {
  __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(in.mxcsr), "m"(in.x87));
}

}  // namespace gos::rt
