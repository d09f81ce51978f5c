// signals: SIGSEGV and SIGBUS, looked at by address.
//
// A fault is ours when its address, or the stack pointer of the faulting code, lies in the guard of a goroutine stack. For any
// other, this handler does what the kernel would have done had it not been there: calls the previous handler with its own mask
// and flags, or lets the process die by the same signal at the same instruction, so that core dumps and exit codes
// stay true.
#include "platform/signals.hpp"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "platform/stack.hpp"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

namespace gos::rt {

namespace {

constexpr int handled_signals[] = {SIGSEGV, SIGBUS};

std::atomic<fault_handler> current_handler{nullptr};
struct sigaction previous_action[2];  // as handled_signals; written before the handlers are installed

// The alternate stack that this thread got from us; null when it has none from us.
thread_local std::byte* own_signal_stack = nullptr;

std::size_t signal_stack_bytes() noexcept {
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t least = ::getauxval(AT_MINSIGSTKSZ);  // grows with the vector registers of the CPU
  if (least < 2048) least = 2048;
  return (least + (std::size_t{32} << 10) + page - 1) & ~(page - 1);
}

void* stack_pointer_of(void* ucontext) noexcept {
  auto* context = static_cast<ucontext_t*>(ucontext);
#if defined(__x86_64__)
  return reinterpret_cast<void*>(context->uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(context->uc_mcontext.sp);
#endif
}

bool in_stack_guard(const void* address) noexcept {
  stack_slot slot;
  bool in_guard = false;
  return stack_find(address, &slot, &in_guard) && in_guard;
}

// Dies by the signal: at the return from the handler the faulting instruction runs again, or the signal sent again arrives.
void die_by(int signal, const siginfo_t* info) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  if (info->si_code <= 0) ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
}

void call_previous(int signal, siginfo_t* info, void* ucontext) noexcept {
  struct sigaction& previous = previous_action[signal == SIGSEGV ? 0 : 1];
  const bool with_info = (previous.sa_flags & SA_SIGINFO) != 0;
  if (!with_info && previous.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (!with_info && (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN)) return die_by(signal, info);
  sigset_t ours;
  sigset_t theirs = previous.sa_mask;
  ::pthread_sigmask(SIG_BLOCK, &theirs, &ours);
  if ((previous.sa_flags & SA_NODEFER) != 0) {
    ::sigemptyset(&theirs);
    ::sigaddset(&theirs, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &theirs, nullptr);
  }
  if (with_info) {
    previous.sa_sigaction(signal, info, ucontext);
  } else {
    previous.sa_handler(signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &ours, nullptr);
}

void on_fault(int signal, siginfo_t* info, void* ucontext) noexcept {
  const int saved_errno = errno;
  // si_code <= 0: sent by a process, no fault at all.
  const bool overflow = info->si_code > 0 && (in_stack_guard(info->si_addr) || in_stack_guard(stack_pointer_of(ucontext)));
  // acquire: pairs with: the store in signals_init().
  const fault_handler handler = current_handler.load(std::memory_order_acquire);
  if (overflow && handler != nullptr) {
    handler(info->si_addr, ucontext);
    die_by(signal, info);
  } else {
    call_previous(signal, info, ucontext);
  }
  errno = saved_errno;
}

}  // namespace

void signals_init(fault_handler handler) noexcept {
  // acq_rel: pairs with: the load in on_fault().
  if (current_handler.exchange(handler, std::memory_order_acq_rel) != nullptr) return;
  for (std::size_t i = 0; i < 2; ++i) {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(handled_signals[i], nullptr, &previous_action[i]);
    ::sigaction(handled_signals[i], &action, nullptr);
  }
}

void signal_stack_attach() noexcept {
  stack_t present;
  if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = signal_stack_bytes();
  void* memory = ::mmap(nullptr, page + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* base = static_cast<std::byte*>(memory);
  ::mprotect(base, page, PROT_NONE);
  stack_t wanted{};
  wanted.ss_sp = base + page;
  wanted.ss_size = bytes;
  if (::sigaltstack(&wanted, nullptr) != 0) {
    ::munmap(base, page + bytes);
    return;
  }
  own_signal_stack = base;
}

void signal_stack_detach() noexcept {
  if (own_signal_stack == nullptr) return;
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = signal_stack_bytes();
  stack_t present;
  // Somebody may have put his own in place of ours; it stays.
  if (::sigaltstack(nullptr, &present) == 0 && present.ss_sp == own_signal_stack + page) {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    none.ss_size = bytes;
    ::sigaltstack(&none, nullptr);
  }
  ::munmap(own_signal_stack, page + bytes);
  own_signal_stack = nullptr;
}

}  // namespace gos::rt
