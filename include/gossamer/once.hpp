// once: do something exactly once, however many ask for it.
//
//   gos::once opened;
//   opened.call([] { log_file = open_log(); });          // whoever comes first; the others wait until it is done
//   auto settings = gos::once_value([] { return load(); });
//   use(settings());
//
// Source: Go sync/once.go, sync/oncefunc.go; contract ON-01..ON-06.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gos {

namespace detail {

// Inside a catch block: is it goexit that has been caught? Then it must be rethrown.
bool once_caught_goexit() noexcept;
[[noreturn]] void once_ended_by_goexit();

}  // namespace detail

// All may call it at the same time. Calling it again from inside its function deadlocks.
// Lifetime: may be destroyed when every call has returned.
// Ordering: the end of the function happens before the return of every call.
class once {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;

  // Calls f() if no call has been made before, else waits until that one has ended. If it panics or ends by goexit,
  // its caller sees that, and the once counts as done: later calls return without running anything.
  template <std::invocable F> void call(F&& f) {
    // acquire: pairs with finish().
    if (state_.load(std::memory_order_acquire) == done) [[likely]]
      return;
    if (!begin()) return;
    const finisher at_end{this};
    std::forward<F>(f)();
  }

  // The sentence stays on the line of the name.
  // clang-format off
  template <class F>
  requires(!std::invocable<F>)
  void call(F&&) = delete;  // once calls a function of no arguments
  // clang-format on

 private:
  static constexpr std::uint8_t untouched = 0;
  static constexpr std::uint8_t running = 1;
  static constexpr std::uint8_t done = 2;

  struct finisher {
    once* self;
    ~finisher() { self->finish(); }
  };

  bool begin() noexcept;  // true: the caller runs the function; false: it has been run
  void finish() noexcept;

  std::atomic<std::uint8_t> state_{untouched};
};

namespace detail {

// What once_func and once_value share between their copies.
template <class F> class once_state {
 public:
  using result = std::invoke_result_t<F&>;

  explicit once_state(F&& f) : function_(std::move(f)) {}

  result get() {
    once_.call([this] { run(); });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (!valid_) once_ended_by_goexit();
    if constexpr (std::is_reference_v<result>) {
      return static_cast<result>(*value_);
    } else if constexpr (!std::is_void_v<result>) {
      return *value_;
    }
  }

 private:
  struct nothing {};
  using stored =
      std::conditional_t<std::is_void_v<result>, nothing,
                         std::conditional_t<std::is_reference_v<result>, std::remove_reference_t<result>*,
                                            std::optional<std::remove_cv_t<result>>>>;

  void run() {
    struct release_function {
      std::optional<F>& function;
      ~release_function() { function.reset(); }
    } at_end{function_};
    try {
      if constexpr (std::is_void_v<result>) {
        (*function_)();
      } else if constexpr (std::is_reference_v<result>) {
        value_ = std::addressof((*function_)());
      } else {
        value_.emplace((*function_)());
      }
      valid_ = true;
    } catch (...) {
      if (once_caught_goexit()) throw;
      failure_ = std::current_exception();
    }
  }

  once once_;
  std::optional<F> function_;
  [[no_unique_address]] stored value_{};
  std::exception_ptr failure_;
  bool valid_ = false;
};

}  // namespace detail

// A function that calls f() the first time and never again; f is destroyed then. If f panics, every call panics so.
// Copies share the one call. Any goroutine or thread may call it at any time.
template <std::invocable F> auto once_func(F f) -> std::function<void()> {
  return [state = std::make_shared<detail::once_state<F>>(std::move(f))] { state->get(); };
}

// The same with a result, of which every call returns a copy.
template <std::invocable F> auto once_value(F f) -> std::function<std::invoke_result_t<F>()> {
  return [state = std::make_shared<detail::once_state<F>>(std::move(f))]() -> std::invoke_result_t<F> {
    return state->get();
  };
}

}  // namespace gos
