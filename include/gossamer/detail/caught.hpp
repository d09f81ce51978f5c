// caught: what a template that stands between a function and those who wait for it does with what the function threw.
#pragma once

#include <gossamer/panic.hpp>

namespace gos::detail {

// All of them inside a catch block. Out of memory they end the process: nobody could be told of the failure.

// Is it goexit, or the unwinding of a thread that is being cancelled? Then it must be rethrown, and is no failure.
bool caught_goexit() noexcept;

// The panic or C++ exception as a value, for others. It is still on its way: rethrow it.
panic_value caught_panic() noexcept;

// The same, but it has come to its end here, as by recover().
panic_value take_caught_panic() noexcept;

// Nobody may recover it: reports it and ends the process, as a panic that leaves its goroutine does.
[[noreturn]] void die_of_caught() noexcept;

}  // namespace gos::detail
