// See signal_relay.hpp. The handler touches four atomics and may make one system call.
//
// Rejected: signalfd, which needs the signals blocked in every thread, also in those of the program and in its children.
#include "platform/signal_relay.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/spin.hpp"
#include "platform/futex.hpp"
#include "platform/signal_action.hpp"

namespace gos::rt {

namespace {

std::atomic<signal_mask> wanted{0};
std::atomic<signal_mask> noted{0};
std::atomic<std::uint32_t> in_handler{0};
std::atomic<std::uint32_t> wake{0};  // futex: 1 when something was noted

// The actions that ours replaced. Written while the signal is not relayed.
struct sigaction before[signal_max + 1];

void on_signal(int signal, siginfo_t*, void*) noexcept {
  const int saved_errno = errno;
  // seq_cst, both: pairs with relay_disable(): either it waits for us, or we see that it has decided.
  in_handler.fetch_add(1, std::memory_order_seq_cst);
  const bool take = (wanted.load(std::memory_order_seq_cst) & signal_bit(signal)) != 0;
  if (take) {
    noted.fetch_or(signal_bit(signal), std::memory_order_release);  // release: pairs with relay_take()
    wake.store(1, std::memory_order_release);                       // release: pairs with relay_wait()
  }
  in_handler.fetch_sub(1, std::memory_order_release);  // release: pairs with relay_disable()
  if (take) {
    futex_wake(wake, 1);
  } else {
    // Arrives when this handler returns, and does what it did before.
    ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
  }
  errno = saved_errno;
}

}  // namespace

signal_mask relayable_signals() noexcept {
  signal_mask all = 0;
  for (int signal = 1; signal <= signal_max; ++signal) {
    switch (signal) {
      case SIGKILL:
      case SIGSTOP:
      case SIGSEGV:
      case SIGBUS:
      case SIGFPE:
      case SIGILL:
        break;
      default:
        if (signal < 32 || (signal >= SIGRTMIN && signal <= SIGRTMAX)) all |= signal_bit(signal);
    }
  }
  return all;
}

void relay_enable(int signal) noexcept {
  kernel_action(signal, nullptr, &before[signal]);
  wanted.fetch_or(signal_bit(signal), std::memory_order_seq_cst);  // seq_cst: pairs with on_signal()
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  kernel_action(signal, &action, nullptr);
}

void relay_disable(int signal) noexcept {
  struct sigaction present {};
  kernel_action(signal, nullptr, &present);
  // First the action, so that what our handler sends again finds it.
  const bool ours = (present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_signal;
  if (ours) kernel_action(signal, &before[signal], nullptr);
  wanted.fetch_and(~signal_bit(signal), std::memory_order_seq_cst);  // seq_cst: pairs with on_signal()
  backoff wait;
  while (in_handler.load(std::memory_order_seq_cst) != 0) wait.pause();  // seq_cst: as above; and acquire
}

signal_mask relay_take() noexcept {
  return noted.exchange(0, std::memory_order_acquire);  // acquire: pairs with on_signal()
}

void relay_wait() noexcept {
  // acquire: pairs with on_signal().
  while (wake.exchange(0, std::memory_order_acquire) == 0) futex_wait(wake, 0);
}

}  // namespace gos::rt
