// panic_exception, goexit_exception: what a panic and goexit throw.
//
// Neither derives from std::exception: only `catch (...)` sees them, and whoever catches them so must
// rethrow (contract PD-16). That it did not is noticed here: the exception object dies while the
// goroutine goes on. An exception that has come to its right end is marked as settled before it dies.
//
// INV1 settled is set by recover's frame, by a panic or goexit that takes this one's place, and by the
//      outermost frame of the goroutine; by nobody else.
// Rejected: abi::__forced_unwind, which has this rule built in: std::exception_ptr cannot hold it, so
//      neither join nor a deferred call that panics meanwhile could be had.
#pragma once

#include <cstdint>
#include <exception>
#include <gossamer/panic.hpp>

namespace gos::rt {

// The exception object, being made where it will be thrown from, is what the caller throws last, from now on: a compiler may
// call std::terminate without saying which exception it had been given (g++ 12 without optimisation, in what is noexcept).
void note_thrown(void* exception, bool is_goexit) noexcept;
void note_destroyed(const void* exception) noexcept;

class panic_exception {
 public:
  explicit panic_exception(panic_value v) noexcept : value(static_cast<panic_value&&>(v)) { note_thrown(this, false); }
  // The language asks for it; what is thrown is never copied.
  panic_exception(const panic_exception& other) noexcept : value(other.value), settled(true) {}
  panic_exception& operator=(const panic_exception&) = delete;
  ~panic_exception();

  panic_value value;
  std::uint64_t flight = 0;  // serial of the in_flight record that carries its history; 0: none
  bool settled = false;
};

class goexit_exception {
 public:
  goexit_exception() noexcept { note_thrown(this, true); }
  goexit_exception(const goexit_exception&) noexcept : settled(true) {}
  goexit_exception& operator=(const goexit_exception&) = delete;
  ~goexit_exception();

  bool settled = false;
};

// The exception object itself: an exception_ptr is one pointer to it, in libstdc++ as in libc++.
inline void* exception_object(const std::exception_ptr& exception) noexcept {
  static_assert(sizeof exception == sizeof(void*));
  void* object;
  __builtin_memcpy(&object, static_cast<const void*>(&exception), sizeof object);
  return object;
}

}  // namespace gos::rt
