// signals: faults. A stack overflow is told from every other memory fault, and a fault on a goroutine is reported.
//
// SIGSEGV, SIGBUS, SIGFPE and SIGILL run on an alternate stack (the normal one may be just what overflowed). A fault in the guard
// of one of our stacks goes to the overflow handler given here. Every other fault goes to the handler that was installed before;
// if there was none, to the fault handler given here, and then it kills the process by the original signal as if the runtime
// were not there. Handlers that the program installs later simply replace ours.
#pragma once

#include <cstddef>

namespace gos::rt {

struct fault {
  int signal;
  int code;        // si_code
  void* address;   // that was accessed; of SIGFPE and SIGILL the instruction
  void* pc;        // of the faulting code
  void* ucontext;  // a ucontext_t
};

// Both run inside the signal handler, on the alternate stack, and may use async-signal-safe functions only. If they return, the
// process dies by the original signal. The second may throw: the exception comes from the faulting instruction, if the code
// there was compiled for it.
using overflow_handler = void (*)(const fault& f) noexcept;
using fault_handler = void (*)(const fault& f);

// Installs the handlers. Once per process; later calls only exchange the two. `on_fault` may be null.
void signals_init(overflow_handler on_overflow, fault_handler on_fault) noexcept;

// The return addresses of the faulting code's frames, innermost first: first the instruction itself, plus one. How many.
std::size_t fault_stack(const fault& f, void** out, std::size_t capacity) noexcept;

// Lets the signal come again before its handler has returned: for a handler that will not.
void fault_unblock(const fault& f) noexcept;

// `SIGSEGV: segmentation violation` and so on.
const char* fault_text(int signal) noexcept;

// Gives the calling thread an alternate signal stack unless it has one. Without memory for it the thread does without.
void signal_stack_attach() noexcept;

// Takes it away again, before the thread ends. Does nothing to a stack that signal_stack_attach() did not give.
void signal_stack_detach() noexcept;

}  // namespace gos::rt
