// fork_join, parallel_for: the processors share the work of one goroutine, for as long as a call lasts.
//
//   long fib(int n) {
//     if (n < 2) return n;
//     auto [a, b] = gos::fork_join([=] { return fib(n - 1); }, [=] { return fib(n - 2); });
//     return a + b;
//   }
//
//   void scale(std::span<double> values, double by) {
//     gos::parallel_for(std::size_t{0}, values.size(), [&](std::size_t i) { values[i] *= by; });
//   }
//
// For work that computes: a call that nobody comes for costs some tens of instructions, no allocation and no switch. The caller
// runs the first function and offers the others meanwhile; what an idle processor has taken runs there as a goroutine of its
// own, and everything else is run by the caller in turn. So the functions may run one after the other or at the same time, in
// any order, and must not wait for one another to begin. They may do whatever goroutines do: wait, spawn, panic, fork
// again; while one waits, what it offers is others' to take.
//
// Memory. The call happens after what came before it, and all functions happen before its return.
//
// Failures. What a function throws, a panic and goexit come out of the call, when all that had begun have ended; of several the
// one of the leftmost function. Functions that have not begun when a function before them fails are not run.
//
// On a plain thread the call runs in a goroutine, and the thread waits for it; goexit panics there, as in join.
//
// Source: M. Frigo, C. E. Leiserson, K. H. Randall: The Implementation of the Cilk-5 Multithreaded Language (1998), section 2;
// newest first for the owner, oldest first for the thief.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <gossamer/detail/fork.hpp>
#include <gossamer/detail/limit.hpp>
#include <gossamer/go.hpp>

namespace gos {

namespace detail {

// What a function gives, as a member of a tuple.
template <class R> struct fork_value {
  using type = R;
};
template <> struct fork_value<void> {
  using type = std::monostate;
};
template <class F> using fork_result = typename fork_value<std::invoke_result_t<F>>::type;

// Of several functions.
template <class... F>
using fork_results = std::conditional_t<(std::is_void_v<std::invoke_result_t<F>> && ...), void, std::tuple<fork_result<F>...>>;

// Calls f as an F, and gives something in any case.
template <class F> struct fork_first {
  std::remove_reference_t<F>& function;
  fork_result<F> operator()() const {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::invoke(static_cast<F&&>(function));
      return {};
    } else {
      return std::invoke(static_cast<F&&>(function));
    }
  }
};

// An offered call, on the caller's stack.
template <class F> class fork_half : public fork_job {
  using result = std::invoke_result_t<F&>;
  static constexpr bool nothing = std::is_void_v<result>;

 public:
  explicit fork_half(F& f) noexcept : fork_job(call_and_keep), function_(f) {}

  bool offer() noexcept { return offered_ = fork_offer(*this); }

  // Makes the call here, or waits for who took it.
  result finish() {
    offered_ = false;
    if (fork_take_back(*this)) [[likely]] return function_();
    fork_wait(*this);
    fork_rethrow(*this);
    if constexpr (!nothing) return std::move(*kept_);
  }

  // The caller's own part has failed.
  ~fork_half() {
    if (!offered_) [[likely]] return;
    if (fork_take_back(*this)) return;
    fork_wait(*this);
    fork_forget(*this);
  }

 private:
  static void call_and_keep(fork_job& job) {
    auto& self = static_cast<fork_half&>(job);
    if constexpr (nothing) {
      self.function_();
    } else {
      self.kept_.emplace(self.function_());
    }
  }

  F& function_;
  bool offered_ = false;
  std::optional<std::conditional_t<nothing, std::monostate, result>> kept_;
};

}  // namespace detail

// Calls all functions, at the same time where processors are idle, and returns their results in a tuple; std::monostate stands
// for void. Nothing, if all of them return nothing. Functions are called as they were given: an rvalue as an rvalue.
template <std::invocable F> auto fork_join(F&& f) -> detail::fork_results<F> {
  if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
    std::invoke(std::forward<F>(f));
  } else {
    return detail::fork_results<F>(std::invoke(std::forward<F>(f)));
  }
}

template <std::invocable F, std::invocable G, std::invocable... H>
auto fork_join(F&& f, G&& g, H&&... h) -> detail::fork_results<F, G, H...> {
  const auto others = [&]() -> detail::fork_results<G, H...> {
    return fork_join(std::forward<G>(g), std::forward<H>(h)...);
  };
  detail::fork_half<decltype(others)> rest(others);
  if (!rest.offer()) [[unlikely]] {
    return spawn([&] { return fork_join(std::forward<F>(f), std::forward<G>(g), std::forward<H>(h)...); }).join();
  }
  if constexpr (std::is_void_v<detail::fork_results<F, G, H...>>) {
    std::invoke(std::forward<F>(f));
    rest.finish();
  } else {
    auto first = fork_join(detail::fork_first<F>{f});
    if constexpr (std::is_void_v<detail::fork_results<G, H...>>) {
      rest.finish();
      return std::tuple_cat(std::move(first), std::tuple<detail::fork_result<G>, detail::fork_result<H>...>());
    } else {
      return std::tuple_cat(std::move(first), rest.finish());
    }
  }
}

namespace detail {

template <class F, class I>
concept loop_body = std::invocable<F&, I> || std::invocable<F&, I, I>;

// Halves [first, last) down to pieces of `grain`. `stop` is asked before each piece.
template <class I, class F, class Stop> void run_loop(I first, I last, std::uint64_t grain, F& f, const Stop& stop) {
  using unsigned_type = std::make_unsigned_t<I>;
  const auto size = static_cast<unsigned_type>(static_cast<unsigned_type>(last) - static_cast<unsigned_type>(first));
  if (stop()) return;
  if (size > grain) {
    const auto middle = static_cast<I>(static_cast<unsigned_type>(first) + size / 2);
    fork_join([&] { run_loop(first, middle, grain, f, stop); }, [&] { run_loop(middle, last, grain, f, stop); });
  } else if constexpr (std::invocable<F&, I, I>) {
    std::invoke(f, first, last);
  } else {
    for (I i = first; i != last; ++i) std::invoke(f, i);
  }
}

template <class I, class F, class Stop>
void start_loop(I first, I last, std::uint64_t grain, F& f, const Stop& stopped) {
  if (!(first < last)) return;
  if (grain == 0) {
    // Some pieces more than processors, so that unequal ones even out.
    const auto size = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
    const std::uint64_t pieces = 16 * static_cast<std::uint64_t>(fork_width());
    grain = std::max<std::uint64_t>(size / pieces, 1);
  }
  // The pieces that have not begun when one fails are not run.
  std::atomic<bool> failed{false};
  const auto piece = [&](I from, I to) {
    try {
      if constexpr (std::invocable<F&, I, I>) {
        std::invoke(f, from, to);
      } else {
        for (I i = from; i != to; ++i) std::invoke(f, i);
      }
    } catch (...) {
      failed.store(true, std::memory_order_relaxed);  // relaxed: seen late, a piece more is run
      throw;
    }
  };
  // relaxed: as above.
  const auto stop = [&] { return failed.load(std::memory_order_relaxed) || stopped(); };
  run_loop(first, last, grain, piece, stop);
}

}  // namespace detail

// How parallel_for divides its work.
struct loop_options {
  std::uint64_t grain = 0;  // the most that is done as one piece; 0: a sixteenth of one processor's share
};

// Calls f(i) for each i of [first, last), or f(from, to) for pieces that make up the whole, each exactly once, at the same time
// where processors are idle. Pieces are made by halving; within one the order is ascending. f is one object for all.
template <std::integral I, detail::loop_body<I> F>
void parallel_for(I first, std::type_identity_t<I> last, F&& f, loop_options options = {}) {
  detail::start_loop<I>(first, last, options.grain, f, [] { return false; });
}

// The same until `stop` comes: pieces that have not begun by then are left out. A std::stop_token: true if all was done. A
// context: empty if all was done, else the context's err().
template <detail::stop_condition S, std::integral I, detail::loop_body<I> F>
[[nodiscard]] detail::stop_result<S> parallel_for(const S& stop, I first, std::type_identity_t<I> last, F&& f,
                                                  loop_options options = {}) {
  const typename detail::stop_traits<S>::limit limit(stop);
  std::atomic<bool> complete{true};
  detail::start_loop<I>(first, last, options.grain, f, [&] {
    if (!limit.over()) return false;
    complete.store(false, std::memory_order_relaxed);  // relaxed: read after the pieces have been joined
    return true;
  });
  return limit.outcome(complete.load(std::memory_order_relaxed));  // relaxed: as above
}

}  // namespace gos
