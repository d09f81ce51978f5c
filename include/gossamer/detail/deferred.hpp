// deferred: one deferred call, type-erased, and the list that a with_defer keeps of them.
#pragma once

#include <cstddef>
#include <functional>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <gossamer/detail/raise.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos {

class panic_value;
class defer_stack;
namespace detail {
struct defer_stack_access;  // of src/panic
}
std::optional<panic_value> recover();

namespace detail {

struct deferred {
  deferred* next = nullptr;
  void (*finish)(deferred* self, bool call) = nullptr;  // calls it if asked to, and destroys it in any case
  bool allocated = false;
};

// Calls a callable that may be empty (PD-02) or recover itself, which then recovers nothing (PD-03).
template <class F, class... A>
void call_deferred(F& function, A&... arguments) {
  if constexpr (maybe_empty<F>) {
    if (function == nullptr) raise_runtime_error("invalid memory address or nil pointer dereference");
  }
  if constexpr (std::is_same_v<F, std::optional<panic_value> (*)()>) {
    if (function == static_cast<F>(&recover)) return;
  }
  static_cast<void>(std::invoke(std::move(function), std::move(arguments)...));
}

template <class F, class... A>
struct deferred_call final : deferred {
  template <class F2, class... A2>
  explicit deferred_call(F2&& f, A2&&... a) : function(std::forward<F2>(f)), arguments(std::forward<A2>(a)...) {
    finish = [](deferred* self, bool call) {
      struct destroy {
        deferred_call* me;
        ~destroy() {
          if (me->allocated) delete me;
          else me->~deferred_call();
        }
      } guard{static_cast<deferred_call*>(self)};
      if (call) {
        std::apply([&](A&... each) { call_deferred(guard.me->function, each...); }, guard.me->arguments);
      }
    };
  }

  [[no_unique_address]] F function;
  [[no_unique_address]] std::tuple<A...> arguments;
};

// Runs body(callable, calls), then the deferred calls, whatever way the body ended.
void run_with_defer(defer_stack& calls, void (*body)(void* callable, defer_stack& calls), void* callable);

// Runs what a `defer` guard holds. `uncaught`: std::uncaught_exceptions() when the guard was made.
void run_defer_guard(int uncaught, void (*call)(void* callable), void* callable);

}  // namespace detail
}  // namespace gos
