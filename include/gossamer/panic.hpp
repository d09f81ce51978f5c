// panic: the end of what cannot go on, and the way back.
//
//   gos::with_defer([&](gos::defer_stack& defer) {
//     defer([&] {
//       if (auto panicked = gos::recover()) log(panicked->message());
//     });
//     gos::panic("no such table");
//   });                                  // goes on here
//
// A panic unwinds the goroutine as a C++ exception does: destructors run first, then the deferred calls
// (defer.hpp) of each with_defer, last to first, until one of them calls recover(). A panic that nobody
// recovers ends the process: `panic: <text>`, the goroutine and its stack on standard error, status 2.
// No goroutine can recover another's panic; a joinable `spawn` hands it to join().
//
// A C++ exception is a panic too: recover() gives it, and one that leaves a goroutine ends the process
// with what() as the text. Conversely a panic is a C++ exception, of a type without a public name, so
// that only `catch (...)` sees it: rethrow it there. Swallowing it so on a goroutine is fatal (PD-16);
// on a plain thread, whose outermost frames are others' (std::async, a test framework), it is allowed.
// On a plain thread a panic that nobody catches ends in std::terminate, with the panic's text.
//
// Source: Go runtime/panic.go, runtime/error.go; contract sections 12 (PD) and 13 (CR).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <gossamer/detail/panic_record.hpp>
#include <gossamer/detail/raise.hpp>

namespace gos {

// What recover() gives: the value with its text and the place it came from. A counted handle: cheap to
// copy, and copies may be used from different goroutines at once. A moved-from one is empty.
class panic_value {
 public:
  panic_value(const panic_value& other) noexcept : record_(other.record_) { detail::panic_record_share(record_); }
  panic_value(panic_value&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  panic_value& operator=(panic_value other) noexcept {
    std::swap(record_, other.record_);
    return *this;
  }
  ~panic_value() { detail::panic_record_drop(record_); }

  // The text: what(), message() or operator<< of the value; strings and numbers as they are;
  // enumerations as `Type(3)`; else type and address. Throws what those throw.
  std::string message() const;

  // The value, or null when it is not a T. String literals are kept as std::string. For a class T the
  // value may also be of a type derived from T; so value<std::exception>() finds every C++ exception.
  // Valid while this handle, or a copy, lives.
  template <class T>
  const T* value() const {
    if (record_ == nullptr) return nullptr;
    if (const void* exact = record_->find(typeid(T))) return static_cast<const T*>(exact);
    if constexpr (std::is_class_v<T>) {
      // Only the exception machinery knows what derives from what.
      try {
        record_->raise();
      } catch (const T* base) {
        return base;
      } catch (const T& base) {
        return std::addressof(base);
      } catch (...) {
      }
    }
    return nullptr;
  }

  // The stack at the panic, two lines a function: its name, its file and line. Of a C++ exception that on its way passed a
  // with_defer or left its goroutine, the stack at the throw; else empty.
  std::string stack_trace() const;

  // True for what misuse of the library panics with, such as `send on closed channel`.
  bool is_runtime_error() const;

 private:
  friend struct detail::panic_record_access;
  explicit panic_value(detail::panic_record* taken_over) noexcept : record_(taken_over) {}

  detail::panic_record* record_;
};

// Panics with any value, copied or moved in. String literals and views are kept as std::string; a null
// pointer literal panics with the runtime error `panic called with nil argument` instead (PD-06).
// May be called from any goroutine or thread. Throws std::bad_alloc when there is no room for the value.
template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, panic_value>)
[[noreturn, gnu::always_inline]] inline void panic(T&& value) {
  using given = std::decay_t<T>;
  if constexpr (std::is_null_pointer_v<given>) {
    detail::throw_nil_panic();
  } else {
    // An array is never null, and compilers warn of the question.
    if constexpr (std::is_pointer_v<std::remove_reference_t<T>> && std::is_same_v<detail::panic_stored<given>, std::string>) {
      if (value == nullptr) detail::throw_nil_panic();
    }
    detail::throw_panic(new detail::panic_record_of<detail::panic_stored<given>>(std::forward<T>(value)));
  }
}

// Panics again with a value that was recovered. Its stack stays that of the first panic.
[[noreturn]] void panic(const panic_value& value);

// In a deferred call that a panic started, directly or in functions it calls: stops the panic and
// returns it, once. Everywhere else empty: without a panic, for the second time, during goexit, in a
// deferred call of a nested with_defer, in a `defer` guard, and as the deferred call itself.
// After it the remaining deferred calls run, and with_defer returns normally. Contract PD-03..PD-05.
std::optional<panic_value> recover();

}  // namespace gos
