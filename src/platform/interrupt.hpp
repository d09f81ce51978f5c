// interrupt: a function is run on another thread, in a signal handler, wherever that thread is.
//
// The signal is SIGURG, which does nothing to a program that does not handle it; or, if the program does, the highest realtime
// signal that is free. Looked at before each use, for the program may install handlers at any time: what it has
// handled or ignored is its own. System calls of the interrupted thread are restarted, where the kernel restarts any.
#pragma once

namespace gos::rt {

// In the signal handler of the interrupted thread, with the ucontext_t: async-signal-safe functions only. errno is kept. It may
// come late, and also more than once.
using interrupt_handler = void (*)(void* ucontext) noexcept;

// Interrupts a thread of this process. False: it is no more, or no signal is free. The same handler each time; one
// caller at a time.
bool interrupt_thread(int thread, interrupt_handler handler) noexcept;

}  // namespace gos::rt
