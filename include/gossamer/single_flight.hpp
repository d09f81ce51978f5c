// single_flight: calls for the same key that overlap become one.
//
//   gos::single_flight<std::string, page> loads;
//   auto [value, shared] = loads.run(url, [&] { return fetch(url); });   // whoever comes meanwhile gets the same page
//
// The first caller runs its function; those who call with an equal key before it has ended wait and get copies of the
// result. The next call after that runs its function again: nothing is kept.
//
// All members may be called from any goroutine or plain thread at the same time. K is copied, hashed and compared under
// an internal lock: Hash and Equal must not use the same single_flight. Functions, copies of V and all destructors run
// outside of it. A function that runs its own key again waits for itself, for ever.
// Lifetime: may be destroyed when every call has returned; functions of run_chan that still run keep what they need.
// Ordering: the end of the function happens before the return of every run, and before the receive, that it serves.
//
// Source: Go x/sync singleflight; contract SF-01..SF-03.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gossamer/chan.hpp>
#include <gossamer/detail/caught.hpp>
#include <gossamer/detail/raise.hpp>
#include <gossamer/detail/spawn.hpp>
#include <gossamer/go.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/panic.hpp>
#include <gossamer/wait_group.hpp>

namespace gos {

namespace detail {
// Called as an lvalue, returns what converts to V.
template <class F, class V>
concept gives = std::convertible_to<std::invoke_result_t<F&>, V>;
}  // namespace detail

template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>> class single_flight {
  static_assert(std::copy_constructible<V>, "the result is given to several callers: V must be copyable");

 public:
  // What run_chan sends: the result, and whether more than one caller got it.
  struct outcome {
    V value;
    bool shared;
  };

  single_flight() : single_flight(Hash()) {}
  explicit single_flight(Hash hash, Equal equal = Equal())
      : shared_(std::make_shared<shared_state>(std::move(hash), std::move(equal))) {}
  single_flight(const single_flight&) = delete;
  single_flight& operator=(const single_flight&) = delete;

  // The result of f(), or of the function that already runs for this key; and whether more than one caller got it.
  // If the function panics or throws, each caller of run does: with the same value, a C++ exception as the same object.
  // If it ends by goexit, each caller's goroutine ends; a plain thread panics then.
  // Panics with `single_flight: run of an empty function` for a null pointer or an empty std::function.
  template <class F>
  requires detail::gives<F, V> std::pair<V, bool> run(const K& key, F&& f) {
    check(f);
    const auto [joined, first] = join(key, nullptr);
    if (first) fly(*shared_, *joined, key, f);
    else joined->landed.wait();
    if (joined->failure.has_value()) panic(*joined->failure);
    if (!joined->value.has_value()) goexit();
    if (joined->shared) return {*joined->value, true};
    return {std::move(*joined->value), false};
  }

  // The same without waiting: the function, if it has to run, does so in a goroutine of its own, and the channel receives
  // the outcome. It has room for it and is never closed. Nothing is sent if the function ends by goexit. If it panics or
  // throws while somebody waits so for it, or if there is no memory for the goroutine, the process ends.
  template <class F>
  requires detail::gives<std::decay_t<F>, V> recv_chan<outcome> run_chan(const K& key, F&& f) {
    check(f);
    auto result = make_chan<outcome>(1);
    K own_key(key);
    std::decay_t<F> function(std::forward<F>(f));
    auto [joined, first] = join(key, &result);
    if (!first) return result;
    try {
      gos::go([shared = shared_, joined = std::move(joined), own_key = std::move(own_key),
               function = std::move(function)]() mutable { fly(*shared, *joined, own_key, function); });
    } catch (...) { detail::die_of_caught(); }
    return result;
  }

  // The next call for this key runs its function, even while one is running. Who waits for that one gets its result.
  void forget(const K& key) {
    typename flight_map::node_type gone;  // destroyed after the lock is free
    const std::lock_guard guard(shared_->lock);
    gone = shared_->flights.extract(key);
  }

 private:
  // A function that runs, and those who wait for it.
  struct flight {
    wait_group landed;
    // Written before `landed`, by who runs it; neither of them: goexit.
    std::optional<V> value;
    std::optional<panic_value> failure;
    bool shared = false;               // guarded by the lock while it flies
    std::vector<chan<outcome>> chans;  // likewise
  };
  using flight_ref = std::shared_ptr<flight>;
  using flight_map = std::unordered_map<K, flight_ref, Hash, Equal>;

  struct shared_state {
    shared_state(Hash&& hash, Equal&& equal) : flights(0, std::move(hash), std::move(equal)) {}
    mutex lock;
    flight_map flights;  // guarded by lock
  };

  template <class F> static void check(const F& f) {
    if constexpr (detail::maybe_empty<F>) {
      if (f == nullptr) detail::raise_runtime_error("single_flight: run of an empty function");
    }
  }

  // The flight for this key, with one passenger more. True: it is new, and the caller's to fly.
  std::pair<flight_ref, bool> join(const K& key, const chan<outcome>* result) {
    auto made = std::make_shared<flight>();
    made->landed.add(1);
    if (result != nullptr) made->chans.push_back(*result);
    const std::lock_guard guard(shared_->lock);
    const auto [found, first] = shared_->flights.try_emplace(key, std::move(made));
    if (!first) {
      flight& joined = *found->second;
      if (result != nullptr) joined.chans.push_back(*result);
      joined.shared = true;
    }
    return {found->second, first};
  }

  // Nobody joins any more. Returns who waits at a channel.
  static std::vector<chan<outcome>> land(shared_state& shared, flight& mine, const K& key) {
    typename flight_map::node_type gone;  // destroyed after the lock is free
    const std::lock_guard guard(shared.lock);
    const auto found = shared.flights.find(key);
    // Else it was forgotten, and perhaps another has begun.
    if (found != shared.flights.end() && found->second.get() == &mine) gone = shared.flights.extract(found);
    return std::move(mine.chans);
  }

  template <class F> static void fly(shared_state& shared, flight& mine, const K& key, F& f) {
    try {
      mine.value.emplace(f());
    } catch (...) {
      const bool failed = !detail::caught_goexit();
      if (failed) mine.failure.emplace(detail::caught_panic());
      if (!land(shared, mine, key).empty() && failed) detail::die_of_caught();
      mine.landed.done();
      throw;
    }
    const std::vector<chan<outcome>> chans = land(shared, mine, key);
    mine.landed.done();
    for (const chan<outcome>& each : chans) {
      if (mine.shared) each.send(outcome{*mine.value, true});
      else each.send(outcome{std::move(*mine.value), false});
    }
  }

  const std::shared_ptr<shared_state> shared_;
};

}  // namespace gos
