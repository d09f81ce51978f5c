// signals: SIGSEGV, SIGBUS, SIGFPE and SIGILL.
//
// A fault is an overflow when its address, or the stack pointer of the faulting code, lies in the guard of a goroutine stack.
// For any other, this handler does what the kernel would have done had it not been there: calls the previous handler with its
// own mask and flags, or lets the process die by the same signal at the same instruction, so that core dumps and exit codes
// stay true. Only that before the latter the fault handler may say what it knows.
#include "platform/signals.hpp"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "platform/stack.hpp"
#include "platform/unwind.hpp"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

namespace gos::rt {

namespace {

constexpr int handled_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr std::size_t handled_count = sizeof handled_signals / sizeof handled_signals[0];

std::atomic<overflow_handler> overflow_now{nullptr};
std::atomic<fault_handler> fault_now{nullptr};
struct sigaction previous_action[handled_count];  // as handled_signals; written before the handlers are installed

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

// Where the faulting code was called from, if it has just been: what a call of a null pointer leaves.
void* caller_of_nowhere(void* ucontext) noexcept {
#if defined(__x86_64__)
  void* top = stack_pointer_of(ucontext);
  stack_slot slot;
  bool in_guard = false;
  if (!stack_find(top, &slot, &in_guard) || in_guard) return nullptr;
  return *static_cast<void**>(top);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(ucontext)->uc_mcontext.regs[30]);
#endif
}

struct fault_walk {
  void** out;
  std::size_t capacity;
  std::size_t depth;
  std::uintptr_t pc;
  bool reached;  // the faulting frame; before it come the handler's own
};

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) noexcept {
  auto* walk = static_cast<fault_walk*>(argument);
  int before = 0;
  const std::uintptr_t pc = _Unwind_GetIPInfo(context, &before);
  walk->reached = walk->reached || (before != 0 && pc == walk->pc);
  if (!walk->reached) return _URC_NO_REASON;
  if (pc == 0 || walk->depth == walk->capacity) return _URC_END_OF_STACK;
  walk->out[walk->depth++] = reinterpret_cast<void*>(pc + (before != 0 ? 1 : 0));
  return _URC_NO_REASON;
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

// May throw what the fault handler throws.
void die_of(const fault& f, const siginfo_t* info) {
  // acquire: pairs with signals_init(). si_code <= 0: sent by a process, no fault at all.
  const fault_handler handler = fault_now.load(std::memory_order_acquire);
  if (handler != nullptr && info->si_code > 0) handler(f);
  die_by(f.signal, info);
}

void call_previous(int signal, siginfo_t* info, void* ucontext) {
  std::size_t which = 0;
  while (handled_signals[which] != signal) ++which;
  struct sigaction& previous = previous_action[which];
  const bool with_info = (previous.sa_flags & SA_SIGINFO) != 0;
  if (!with_info && previous.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (!with_info && (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN)) {
    return die_of({signal, info->si_code, info->si_addr, interrupted_pc(ucontext), ucontext}, info);
  }
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

void on_signal(int signal, siginfo_t* info, void* ucontext) {
  const int saved_errno = errno;
  // si_code <= 0: sent by a process, no fault at all.
  const bool overflow = (signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0 &&
                        (in_stack_guard(info->si_addr) || in_stack_guard(stack_pointer_of(ucontext)));
  // acquire: pairs with: the store in signals_init().
  const overflow_handler handler = overflow_now.load(std::memory_order_acquire);
  if (overflow && handler != nullptr) {
    handler({signal, info->si_code, info->si_addr, interrupted_pc(ucontext), ucontext});
    die_by(signal, info);
  } else {
    call_previous(signal, info, ucontext);
  }
  errno = saved_errno;
}

}  // namespace

void signals_init(overflow_handler on_overflow, fault_handler on_fault) noexcept {
  fault_now.store(on_fault, std::memory_order_release);  // release: pairs with die_of()
  // acq_rel: pairs with: the load in on_signal().
  if (overflow_now.exchange(on_overflow, std::memory_order_acq_rel) != nullptr) return;
  for (std::size_t i = 0; i < handled_count; ++i) {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(handled_signals[i], nullptr, &previous_action[i]);
    ::sigaction(handled_signals[i], &action, nullptr);
  }
}

std::size_t fault_stack(const fault& f, void** out, std::size_t capacity) noexcept {
  fault_walk walk{out, capacity, 0, reinterpret_cast<std::uintptr_t>(f.pc), false};
  _Unwind_Backtrace(take_frame, &walk);
  if (walk.depth > 1 || capacity < 2) return walk.depth;
  // Nothing is known of the code there; perhaps there is none.
  out[0] = static_cast<char*>(f.pc) + 1;
  out[1] = caller_of_nowhere(f.ucontext);
  return out[1] != nullptr ? 2 : 1;
}

void fault_unblock(const fault& f) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, f.signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

const char* fault_text(int signal) noexcept {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV: segmentation violation";
    case SIGBUS: return "SIGBUS: bus error";
    case SIGFPE: return "SIGFPE: floating-point exception";
    default: return "SIGILL: illegal instruction";
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
