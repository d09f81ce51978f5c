// signals: tells a stack overflow from every other memory fault.
//
// SIGSEGV and SIGBUS run on an alternate stack (the normal one is just what overflowed). A fault in the guard of one of our
// stacks goes to the handler given here; every other fault goes to the handler that was installed before, or kills the process
// by the original signal as if the runtime were not there. Handlers that the program installs later simply replace ours.
#pragma once

namespace gos::rt {

// Called inside the signal handler, on the alternate stack, with the faulting address and the ucontext_t of the fault: it may
// use async-signal-safe functions only and must not return (if it does, the process dies by the original signal).
using fault_handler = void (*)(void* address, void* ucontext) noexcept;

// Installs the handlers. Once per process; later calls only exchange `handler`.
void signals_init(fault_handler handler) noexcept;

// Gives the calling thread an alternate signal stack unless it has one. Without memory for it the thread does without.
void signal_stack_attach() noexcept;

// Takes it away again, before the thread ends. Does nothing to a stack that signal_stack_attach() did not give.
void signal_stack_detach() noexcept;

}  // namespace gos::rt
