// futex: sleep until a 32-bit word changes; the way in which an OS thread of the runtime waits, unless it waits in the poller.
//
// The words are private to the process. A wake-up may be spurious: the caller loops over its own condition.
#pragma once

#include <atomic>
#include <cstdint>

namespace gos::rt {

// Sleeps while `word` holds `expected`, at most `timeout_ns` nanoseconds from now (negative: for ever). Returns false when the
// time ran out, true otherwise: woken, interrupted by a signal, or the word differed. Orders no memory by itself: the caller
// reads the word again with the order it needs. Any thread; runs in parallel with futex_wake().
bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t timeout_ns = -1) noexcept;

// Wakes at most `count` threads that sleep on `word`. The word may already be gone (its memory unmapped or reused): the
// kernel only uses the address. Any thread, also inside a signal handler.
void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace gos::rt
