// traceback: how much of the stacks a crash report shows, from the environment variable GOS_TRACEBACK.
//
// Read once, at the first question; the program may raise it afterwards. Async-signal-safe once it was read, which the
// start of the runtime does.
#pragma once

namespace gos::rt {

// Each level shows what the one before shows, and more.
enum class traceback_level : unsigned char {
  none,    // no stacks
  single,  // the goroutine that failed: the default
  all,     // all goroutines
  system,  // the runtime's own frames and goroutines, too
  crash,   // and the process dies by SIGABRT, which leaves a core
};

traceback_level traceback() noexcept;

// Sets the level, but never below the environment's.
void set_traceback(traceback_level wanted) noexcept;

// The level of that name (none, single, all, system, crash; empty: single) through `level`; false if it is no name.
bool traceback_level_of(const char* name, traceback_level* level) noexcept;

}  // namespace gos::rt
