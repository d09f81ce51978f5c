// membarrier: PRIVATE_EXPEDITED (Linux 4.14), which interrupts only the CPUs that run this process now.
//
// Rejected: MEMBARRIER_CMD_GLOBAL for older kernels; it waits for a grace period of milliseconds, a fence per entry is cheaper.
#include "platform/membarrier.hpp"

#include <atomic>

#include "platform/environment.hpp"
#include "platform/syscall.hpp"

namespace gos::rt {

bool membarrier_available = false;

namespace {

bool membarrier_register() noexcept {
  if (debug_flag("nomembarrier")) return false;
  const long commands = sys_membarrier(membarrier_query);
  if (commands < 0 || (commands & membarrier_private_expedited) == 0) return false;
  if (sys_membarrier(membarrier_register_private_expedited) != 0) return false;
  // Emulators accept what they cannot do; one barrier now tells.
  return sys_membarrier(membarrier_private_expedited) == 0;
}

}  // namespace

bool membarrier_init() noexcept {
  static const bool available = (membarrier_available = membarrier_register());
  return available;
}

void membarrier_all() noexcept {
  // seq_cst: without the system call the frequent side executes a fence of its own; pairs with that one, in kernel_enter_slow().
  if (!membarrier_available || sys_membarrier(membarrier_private_expedited) != 0) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

}  // namespace gos::rt
