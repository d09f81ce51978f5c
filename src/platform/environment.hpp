// environment: switches for tests and troubleshooting, in the environment variable GOS_DEBUG.
#pragma once

namespace gos::rt {

// GOS_DEBUG is a list separated by commas, of words and of word=number. What there is: the table in environment.cpp.

// True when the list has the entry `word`.
bool debug_flag(const char* word) noexcept;

// N when the list has the entry `word=N` with a number from 0 to 1 000 000 000, the first if there are several; else 0.
int debug_number(const char* word) noexcept;

// The number of the signal when the list has the entry `word=USR1`, or USR2, with or without SIG, or a number from 1 to 64; else 0.
int debug_signal(const char* word) noexcept;

// Writes one line to standard error for each entry that means nothing, with all that would; such entries have no effect.
// The same for a GOS_TRACEBACK that is none.
void debug_complain() noexcept;

}  // namespace gos::rt
