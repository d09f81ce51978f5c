// membarrier: a full memory barrier on every CPU that runs a thread of this process, asked for by one thread.
//
// It lets the frequent side of a store-load race (entering the runtime) do without a fence: the rare side (taking a processor
// away) pays for both. Where the kernel refuses it, `membarrier_available` is false and the frequent side must execute a
// seq_cst fence itself between its store and its load; membarrier_all() is then a seq_cst fence of the caller.
//
// Rejected: signals to every thread (slow, visible to user code), mprotect tricks (no barrier is promised on aarch64).
#pragma once

namespace gos::rt {

// True after membarrier_init() succeeded. Written only there, before other threads of the runtime exist; then constant.
extern bool membarrier_available;

// Registers the process. Called once, before the first runtime thread starts; a second call returns the first answer. False
// when the kernel (or a seccomp filter, or GOS_DEBUG=nomembarrier) refuses.
bool membarrier_init() noexcept;

// When it returns, every other running thread has executed a full barrier since the call began. Any thread.
void membarrier_all() noexcept;

}  // namespace gos::rt
