// See interrupt.hpp.
#include "platform/interrupt.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "platform/signal_action.hpp"

namespace gos::rt {

namespace {

std::atomic<interrupt_handler> current_handler{nullptr};
int chosen = 0;  // 0: none yet

void on_interrupt(int, siginfo_t*, void* ucontext) noexcept {
  const int saved_errno = errno;
  // acquire: pairs with interrupt_thread().
  const interrupt_handler handler = current_handler.load(std::memory_order_acquire);
  if (handler != nullptr) handler(ucontext);
  errno = saved_errno;
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_interrupt;
}

// Ours already, or by now.
bool take(int signal) noexcept {
  struct sigaction present {};
  if (kernel_action(signal, nullptr, &present) != 0) return false;
  if (is_ours(present)) return true;
  if (!is_default(present)) return false;
  struct sigaction action {};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigfillset(&action.sa_mask);
  return kernel_action(signal, &action, nullptr) == 0;
}

bool choose() noexcept {
  if (chosen != 0 && take(chosen)) return true;
  chosen = SIGURG;
  if (take(chosen)) return true;
  for (chosen = SIGRTMAX; chosen >= SIGRTMIN; --chosen) {
    if (take(chosen)) return true;
  }
  chosen = 0;
  return false;
}

}  // namespace

bool interrupt_thread(int thread, interrupt_handler handler) noexcept {
  current_handler.store(handler, std::memory_order_release);  // release: pairs with on_interrupt()
  return choose() && ::syscall(SYS_tgkill, ::getpid(), thread, chosen) == 0;
}

}  // namespace gos::rt
