// defer: calls that run when a scope ends, by return, panic or goexit.
//
//   gos::with_defer([&](gos::defer_stack& defer) {          // as a Go function with its defers
//     defer([&] { if (auto p = gos::recover()) fail(p->message()); });
//     defer(&file::close, &log);                            // arguments are copied here and now
//     work();
//   });
//
//   gos::defer unlock([&] { m.unlock(); });                 // a scope guard, for what cannot fail
//
// Use with_defer where a deferred call may recover or panic; the guard costs less and nests in a plain
// scope, but recover() is empty in it and a panic during unwinding is fatal there.
// Source: Go spec "Defer statements", runtime/panic.go; contract section 12 (PD).
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <gossamer/detail/deferred.hpp>

namespace gos {

// The deferred calls of one with_defer. For use inside its body, on its goroutine only; a deferred call
// may defer more.
class defer_stack {
 public:
  defer_stack(const defer_stack&) = delete;
  defer_stack& operator=(const defer_stack&) = delete;

  // Defers f(args...). Callable and arguments are copied or moved in now, like std::thread's, and
  // destroyed right after the call. An empty callable panics when it would run (PD-02). Throws
  // std::bad_alloc, and what copying throws.
  template <class F, class... A>
    requires detail::spawnable<F, A...>
  void operator()(F&& f, A&&... args) {
    using call = detail::deferred_call<std::decay_t<F>, std::decay_t<A>...>;
    if constexpr (sizeof(call) <= inline_size && alignof(call) <= alignof(std::max_align_t)) {
      if (sizeof(call) <= inline_size - used_) {
        push(::new (static_cast<void*>(inline_ + used_)) call(std::forward<F>(f), std::forward<A>(args)...));
        used_ += (sizeof(call) + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
        if (used_ > inline_size) used_ = inline_size;
        return;
      }
    }
    auto* made = new call(std::forward<F>(f), std::forward<A>(args)...);
    made->allocated = true;
    push(made);
  }
  // The sentence stays on the line of the name.
  // clang-format off
  template <class F, class... A>
    requires(!detail::spawnable<F, A...>)
  void operator()(F&&, A&&...) = delete;  // not callable with copies of these arguments; a reference is passed by std::ref
  // clang-format on

 private:
  template <std::invocable<defer_stack&> F>
  friend void with_defer(F&& body);
  friend struct detail::defer_stack_access;

  static constexpr std::size_t inline_size = 192;

  defer_stack() noexcept {}  // leaves inline_ as it is
  ~defer_stack() {
    while (detail::deferred* call = pop()) call->finish(call, false);
  }

  void push(detail::deferred* call) noexcept {
    call->next = first_;
    first_ = call;
  }
  detail::deferred* pop() noexcept {
    detail::deferred* call = first_;
    if (call != nullptr) first_ = call->next;
    return call;
  }

  detail::deferred* first_ = nullptr;
  std::size_t used_ = 0;
  alignas(std::max_align_t) std::byte inline_[inline_size];
};

// Calls body(defer), then everything it deferred, last to first: when body returns, panics, throws or
// ends by goexit. Destructors of frames inside have run by then. If a deferred call recovers, the
// remaining ones run and with_defer returns normally; otherwise the panic goes on. A deferred call that
// panics replaces the panic that runs it (PD-07). The result of body is discarded.
// Works on goroutines and plain threads.
template <std::invocable<defer_stack&> F>
void with_defer(F&& body) {
  using callable = std::remove_reference_t<F>;
  defer_stack calls;
  detail::run_with_defer(
      calls,
      [](void* f, defer_stack& stack) {
        static_cast<void>(std::invoke(std::forward<F>(*static_cast<callable*>(f)), stack));
      },
      const_cast<void*>(static_cast<const volatile void*>(std::addressof(body))));
}

// The sentence stays on the line of the name.
// clang-format off
template <class F>
  requires(!std::invocable<F, defer_stack&>)
void with_defer(F&&) = delete;  // with_defer wants [&](gos::defer_stack& defer) { ... }
// clang-format on

// Calls f when the guard goes out of scope. A panic in f passes on, unless the scope is left by
// unwinding: then it is fatal, as C++ has it (PD-18). recover() in f is empty.
template <std::invocable F>
class [[nodiscard]] defer {
 public:
  explicit defer(F f) : function_(std::move(f)), uncaught_(std::uncaught_exceptions()) {}
  ~defer() noexcept(false) {
    detail::run_defer_guard(uncaught_, [](void* f) { detail::call_deferred(*static_cast<F*>(f)); }, &function_);
  }
  defer(const defer&) = delete;
  defer& operator=(const defer&) = delete;

 private:
  F function_;
  int uncaught_;
};

}  // namespace gos
