// shadow_stack: does the CPU check return addresses against a second stack (Intel CET)? Our switches do not move that one.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

namespace gos::rt {

inline bool shadow_stack_enabled() noexcept {
#if defined(__x86_64__)
  constexpr int arch_shstk_status = 0x5005;  // asm/prctl.h of Linux 6.6
  constexpr unsigned long shstk_enabled = 1;
  unsigned long features = 0;
  return ::syscall(SYS_arch_prctl, arch_shstk_status, &features) == 0 && (features & shstk_enabled) != 0;
#else
  return false;
#endif
}

}  // namespace gos::rt
