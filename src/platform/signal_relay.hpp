// signal_relay: from the kernel's signals to a mask that a thread can wait for.
//
// A signal that is relayed has our handler, which notes it and returns. Several of one kind that come before somebody takes
// them are one, as they are in the kernel.
//
// INV1 Every signal is either noted or has the effect it had before its relay was enabled: one that our handler gets
//      while relay_disable() is under way is noted if that function has not yet decided, else sent again.
#pragma once

#include <cstdint>

namespace gos::rt {

// Signal n is bit n - 1.
using signal_mask = std::uint64_t;
inline constexpr int signal_max = 64;
constexpr signal_mask signal_bit(int signal) noexcept { return signal_mask{1} << (signal - 1); }

// All that can be relayed: not those that cannot be handled, not faults, not the C library's own.
signal_mask relayable_signals() noexcept;

// From now on `signal`, one of the relayable, is noted. One caller at a time for these two; not twice in a row.
void relay_enable(int signal) noexcept;
// From now on it has the effect it had before, unless the program has installed a handler of its own meanwhile. What was
// noted until then can be taken on return.
void relay_disable(int signal) noexcept;

// Whether any signal is relayed now. Any thread.
bool relay_enabled() noexcept;

// What was noted since the last time. Any thread.
signal_mask relay_take() noexcept;

// Waits until something was noted after the last relay_wait(). One thread.
void relay_wait() noexcept;

}  // namespace gos::rt
