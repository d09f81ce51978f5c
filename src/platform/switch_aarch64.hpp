// switch, aarch64 AAPCS64. See switch.hpp.
#pragma once

#include "platform/switch.hpp"

namespace gos::rt {

[[gnu::always_inline]] inline void* switch_to(switch_context* from, switch_context* to, void* carry) noexcept {
  register void* carry_register __asm__("x0") = carry;
  register switch_context* from_register __asm__("x1") = from;
  register switch_context* to_register __asm__("x2") = to;
  __asm__ volatile(
      "adr x3, 1f\n\t"
      "mov x4, sp\n\t"
      "stp x4, x29, [%1]\n\t"
      "str x3, [%1, #16]\n\t"
      "ldp x4, x29, [%2]\n\t"
      "ldr x3, [%2, #16]\n\t"
      "mov sp, x4\n\t"
      "br x3\n"
      "1:\n\t"
      : "+r"(carry_register), "+r"(from_register), "+r"(to_register)
      :
      : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",
        "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "cc", "memory", "v0", "v1", "v2", "v3", "v4",
        "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
        "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
  return carry_register;
}

namespace detail_switch {
// x30 still holds what the leaving code had: a fresh context starts with no caller.
extern "C" void gos_switch_start();
}  // namespace detail_switch

inline void switch_prepare(switch_context& fresh, std::byte* top, void (*entry)(void* carry)) noexcept {
  // gos_switch_start (switch_start_aarch64.S) takes the entry from the stack and clears x30.
  auto** word = reinterpret_cast<void**>(top) - 2;
  word[0] = reinterpret_cast<void*>(entry);
  word[1] = nullptr;
  fresh.stack_pointer = word;
  fresh.frame_pointer = nullptr;
  fresh.resume_address = reinterpret_cast<void*>(&detail_switch::gos_switch_start);
}

[[gnu::always_inline]] inline std::uint32_t float_control() noexcept {
  std::uint64_t word;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  return static_cast<std::uint32_t>(word);
}

struct float_environment {
  std::uint64_t fpcr;
};

inline void float_save(float_environment& out) noexcept { __asm__ volatile("mrs %0, fpcr" : "=r"(out.fpcr)); }

inline void float_restore(const float_environment& in) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(in.fpcr)); }

}  // namespace gos::rt
