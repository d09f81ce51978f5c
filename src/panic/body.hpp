// body: the outermost frame of every goroutine, where what nobody caught arrives. FRONT DOOR for the objects to
// the right of panic, and for src/api.
#pragma once

#include <exception>

#include "sched/goroutine.hpp"

namespace gos::rt {

// Calls gp's body with its closure. Returns when it returned or ended by goexit; anything else is an unrecovered
// panic: reports it and ends the process with status 2. User mode, on the goroutine.
void run_goroutine_body(goroutine* gp) noexcept;

// Inside a catch block: is it goexit that is being handled? Then it must be rethrown.
bool current_exception_is_goexit() noexcept;

// For an exception that was kept for somebody who never came: reports it, ends the process.
[[noreturn]] void unhandled_exception(std::exception_ptr exception) noexcept;

// Some goroutine is running the deferred calls of an unrecovered panic, or reports it (SP-06): the
// process will end with status 2, unless it recovers.
bool panicking() noexcept;

// Gives back what gp->panics still holds. For the stand-in of a plain thread that ends.
void release_panics(goroutine* gp) noexcept;

}  // namespace gos::rt
