// spawn: the seam between the templates that start goroutines and the scheduler.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gos {

// What a goroutine may be given at its start.
struct spawn_options {
  std::string_view name = {};   // shown in dumps; the first 47 bytes are kept
  std::size_t stack_size = 0;   // bytes of address space, rounded up to a power of two; 0: the default (256 KiB)
};

namespace detail {

template <class F, class... A>
concept spawnable = std::invocable<std::decay_t<F>, std::decay_t<A>...>;
template <class F, class... A>
using spawn_result = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>;

// A goroutine that has room for its callable and does not exist yet for anybody else.
struct spawn_ticket {
  void* storage;
  void* gp;
};

// The goroutine's own record has room for the callable.
inline constexpr std::size_t small_callable_size = 112;
template <class Call>
inline constexpr bool is_small = sizeof(Call) <= small_callable_size && alignof(Call) <= alignof(std::max_align_t);

// Runs the callable in `storage`, then destroys it. Exceptions pass out.
using body_function = void (*)(void* storage);

// The three steps of a spawn: room, (the caller constructs the callable), start or give back.
// Thread-safe. spawn_begin throws std::bad_alloc when memory or address space is exhausted.
spawn_ticket spawn_begin(std::size_t size, std::size_t alignment, const spawn_options* options);
spawn_ticket spawn_begin_small();  // of a callable that is_small, without options
void spawn_commit(spawn_ticket ticket, body_function body, void* site) noexcept;
void spawn_commit_in_kernel(spawn_ticket ticket, body_function body, void* site) noexcept;  // by the runtime's timers, in kernel mode
void spawn_abort(spawn_ticket ticket) noexcept;
[[noreturn]] void spawn_empty_callable() noexcept;  // SP-03

// Callables with an empty state: pointers, and wrappers in the manner of std::function.
template <class F>
concept maybe_empty = std::is_pointer_v<F> || std::is_member_pointer_v<F> ||
                      (std::is_class_v<F> && !requires(const F& f) { +f; } && requires(const F& f) {
                        { f == nullptr } -> std::convertible_to<bool>;
                        static_cast<bool>(f);
                      });

// The callable and its arguments, copied or moved in like std::thread's.
template <class F, class... A>
struct bound_call {
  template <class F2, class... A2>
  explicit bound_call(F2&& f, A2&&... a) : function(std::forward<F2>(f)), arguments(std::forward<A2>(a)...) {
    if constexpr (maybe_empty<F>) {
      if (function == nullptr) spawn_empty_callable();
    }
  }

  decltype(auto) operator()() {
    return std::apply([this](A&... a) -> decltype(auto) { return std::invoke(std::move(function), std::move(a)...); },
                      arguments);
  }

  [[no_unique_address]] F function;
  [[no_unique_address]] std::tuple<A...> arguments;
};

template <class Call>
void run_and_destroy(void* storage) {
  struct destroy {
    Call* call;
    ~destroy() { std::destroy_at(call); }
  } guard{static_cast<Call*>(storage)};
  (*guard.call)();
}

// Starts a goroutine that constructs Call from the arguments (on the spawning side) and runs it.
// Always inlined, so that the return address seen by spawn_commit names the spawn statement.
// `site`: the statement, if it is another than the caller's.
template <class Call, class... Args>
[[gnu::always_inline]] inline void spawn_call_of(void* site, const spawn_options* options, Args&&... args) {
  const spawn_ticket ticket =
      is_small<Call> && options == nullptr ? spawn_begin_small() : spawn_begin(sizeof(Call), alignof(Call), options);
  if constexpr (std::is_nothrow_constructible_v<Call, Args...>) {
    ::new (ticket.storage) Call(std::forward<Args>(args)...);
  } else {
    try {
      ::new (ticket.storage) Call(std::forward<Args>(args)...);
    } catch (...) {
      spawn_abort(ticket);
      throw;
    }
  }
  if constexpr (requires(Call& call) { call.runs_on(ticket.gp); }) static_cast<Call*>(ticket.storage)->runs_on(ticket.gp);
  spawn_commit(ticket, &run_and_destroy<Call>, site);
}

template <class Call, class... Args>
[[gnu::always_inline]] inline void spawn_call(const spawn_options* options, Args&&... args) {
  spawn_call_of<Call>(nullptr, options, std::forward<Args>(args)...);
}

template <class F, class... A>
[[gnu::always_inline]] inline void spawn_goroutine(const spawn_options* options, F&& f, A&&... a) {
  spawn_call<bound_call<std::decay_t<F>, std::decay_t<A>...>>(options, std::forward<F>(f), std::forward<A>(a)...);
}

}  // namespace detail
}  // namespace gos
