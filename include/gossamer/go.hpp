// go: start goroutines, run the main one, give way, end.
//
//   int main() {
//     return gos::run([] {
//       auto ch = gos::make_chan<int>();
//       gos::go([=] { ch.send(42); });
//       return ch.recv().value() == 42 ? 0 : 1;
//     });
//   }
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include <gossamer/detail/join.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos {

namespace detail {
using main_function = int (*)(void* callable);
int run_main(main_function body, void* callable);
void blocking_begin() noexcept;
void blocking_end() noexcept;
struct blocking_scope {
  blocking_scope() noexcept { blocking_begin(); }
  ~blocking_scope() { blocking_end(); }
  blocking_scope(const blocking_scope&) = delete;
  blocking_scope& operator=(const blocking_scope&) = delete;
};
template <class F>
concept main_callable = std::invocable<F> &&
    (std::is_void_v<std::invoke_result_t<F>> || std::convertible_to<std::invoke_result_t<F>, int>);
}  // namespace detail

// Makes main_fn the main goroutine and returns its int result (0 for void) when it ends; other
// goroutines are neither waited for nor unwound. The calling thread works for the runtime
// meanwhile. May be called again after it returned; not from a goroutine (fatal). The main goroutine
// has a stack of 8 MiB. Everything in gos works without run too, from plain threads.
// If the calling thread is held when main_fn has ended, by a goroutine that does not come back or by one
// that is pinned to it, even if it only waits, the process ends through std::exit(result) from another
// thread.
// Source: Go runtime/proc.go main; contract SP-04.
template <detail::main_callable F> int run(F&& main_fn) {
  auto* callable = std::addressof(main_fn);  // a function too has an address, but no void*
  return detail::run_main(
      [](void* pointer) -> int {
        auto& f = **static_cast<decltype(callable)*>(pointer);
        if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
          static_cast<F&&>(f)();
          return 0;
        } else {
          return static_cast<int>(static_cast<F&&>(f)());
        }
      },
      static_cast<void*>(&callable));
}

// The sentence stays on the line of the name.
// clang-format off
template <class F>
  requires(!detail::main_callable<F>)
int run(F&&) = delete;  // run wants a function of no arguments that returns nothing or an int
// clang-format on

// Starts a goroutine that calls f(args...). The callable and the arguments are copied or moved in,
// evaluated here and now, like std::thread's; they are destroyed on the goroutine when it ends.
// Returns at once; either side may run first. May be called from any thread. The spawn happens
// before the goroutine's first action. An empty callable is fatal: `go of nil func value`.
// Throws std::bad_alloc when memory is exhausted, and what copying the arguments throws.
// Source: Go spec "Go statements"; contract SP-01..SP-10.
template <class F, class... A>
  requires detail::spawnable<F, A...>
[[gnu::always_inline]] inline void go(F&& f, A&&... args) {
  detail::spawn_goroutine(nullptr, std::forward<F>(f), std::forward<A>(args)...);
}

// The same with a name or a stack size.
template <class F, class... A>
  requires detail::spawnable<F, A...>
[[gnu::always_inline]] inline void go(spawn_options options, F&& f, A&&... args) {
  detail::spawn_goroutine(&options, std::forward<F>(f), std::forward<A>(args)...);
}

// What cannot be called so. A compiler shows these lines.
// The sentence stays on the line of the name.
// clang-format off
template <class F, class... A>
  requires(!detail::spawnable<F, A...> && !std::is_same_v<std::remove_cvref_t<F>, spawn_options>)
void go(F&&, A&&...) = delete;  // not callable with copies of these arguments; a reference is passed by std::ref
template <class F, class... A>
  requires(!detail::spawnable<F, A...>)
void go(spawn_options, F&&, A&&...) = delete;  // not callable with copies of these arguments; a reference is passed by std::ref
// clang-format on

// The right to wait for a goroutine and take its result. Movable; a moved-from or joined handle is
// empty. Not for use from two threads at once. Dropping it detaches the goroutine; a panic that
// nobody can join any more ends the process.
template <class R>
class [[nodiscard]] join_handle {
 public:
  join_handle(join_handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  join_handle& operator=(join_handle&& other) noexcept {
    if (this != &other) {
      if (state_ != nullptr) state_->drop_handle();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~join_handle() {
    if (state_ != nullptr) state_->drop_handle();
  }

  // Without the result: waits until the goroutine has ended, for at most d, or until `when`; true: it has. join() does not
  // wait then. All of these panic if the handle is empty. gos::joined (arms.hpp) is the same as an arm of a select.
  template <any_duration D> [[nodiscard]] bool wait_for(const D& d) {
    return detail::wait_within(arm(), detail::limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, D>& when) {
    return detail::wait_within(arm(), detail::limit_until(when));
  }
  // ... unless `stop` comes first. A std::stop_token: true if it has ended. A context: empty if it has, else the
  // context's err().
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> wait(const S& stop) {
    return detail::wait_unless(
        stop, [] { return false; }, arm());
  }

  // Waits for the goroutine's end and returns its result, once. Rethrows what ended it: a panic or
  // any C++ exception. Panics if the goroutine ended by goexit, or if the handle is empty.
  // The goroutine's actions happen before join returns.
  R join() {
    detail::join_owner<R> owner(std::exchange(state_, nullptr));
    return owner.take();
  }

 private:
  template <class F, class... A>
    requires detail::spawnable<F, A...>
  friend auto spawn(F&& f, A&&... args) -> join_handle<detail::spawn_result<F, A...>>;
  friend struct detail::select_access;
  explicit join_handle(detail::join_result<R>* state) noexcept : state_(state) {}
  detail::select_arm arm() const noexcept {
    return detail::object_arm(static_cast<const detail::join_state*>(state_), detail::make_join_object);
  }

  detail::join_result<R>* state_;
};

// As go, with a handle to wait for the result.
template <class F, class... A>
  requires detail::spawnable<F, A...>
[[gnu::always_inline]] inline auto spawn(F&& f, A&&... args) -> join_handle<detail::spawn_result<F, A...>> {
  using result = detail::spawn_result<F, A...>;
  using call = detail::joined_call<result, std::decay_t<F>, std::decay_t<A>...>;
  auto* state = new detail::join_result<result>;
  join_handle<result> handle(state);
  detail::spawn_call<call>(nullptr, state, std::forward<F>(f), std::forward<A>(args)...);
  return handle;
}

// The sentence stays on the line of the name.
// clang-format off
template <class F, class... A>
  requires(!detail::spawnable<F, A...>)
void spawn(F&&, A&&...) = delete;  // not callable with copies of these arguments; a reference is passed by std::ref
// clang-format on

// Lets other runnable goroutines go first. On a plain thread it is the system's yield.
// Source: Go runtime.Gosched; contract SC-07.
void yield();

// Ends the calling goroutine: its frames are unwound, destructors and deferred calls run. A
// `catch (...)` that does not rethrow is fatal. On a plain thread it panics.
// Source: Go runtime.Goexit; contract PD-09.
[[noreturn]] void goexit();

// Calls f(), which may block its thread, and returns its result. Others run meanwhile: from 20 us on in a busy program,
// after 10 ms at the latest in a quiet one; without it, a blocking call is noticed after 10 to 20 ms. Exceptions pass
// through.
// Source: Go runtime entersyscall; contract SC-10.
template <std::invocable F>
auto blocking(F&& f) -> std::invoke_result_t<F> {
  detail::blocking_scope scope;
  return std::forward<F>(f)();
}

// Keeps the calling goroutine on its current thread while the pin lives, and others off that thread: for
// thread_local values, locks and libraries that belong to a thread. Nests. On a plain thread it does
// nothing. Source: Go runtime.LockOSThread; contract RT-06, RT-07.
class pin {
 public:
  pin();
  ~pin();
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
};

}  // namespace gos
