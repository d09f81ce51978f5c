// wait_group: wait until a number of goroutines have done their part.
//
//   gos::wait_group parts;
//   for (int id = 0; id < 5; ++id) parts.go(work, id);    // counts, spawns, counts down at the end
//   parts.wait();
//
// All members may be called from any goroutine or plain thread at the same time.
// Lifetime: the wait group may be destroyed as soon as wait() has returned; the last done() does not touch it then.
// Ordering: what happens before a done() happens before the return of the wait() that it releases.
//
// gos::completed (arms.hpp) makes the end of the count an arm of a select.
//
// Source: Go sync/waitgroup.go; contract WG-01..WG-07.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <gossamer/detail/limit.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos {

class wait_group;

namespace rt {
struct sleeper;
}

namespace detail {

class wait_group_object;
void make_wait_group_object(void* to, void* from);

// True inside a catch block that goexit has reached.
bool wait_group_ends_by_goexit() noexcept;

template <class F, class... A> struct counted_call;

}  // namespace detail

class wait_group {
 public:
  constexpr wait_group() noexcept = default;
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;

  // Changes the counter by n, which may be negative; when it becomes 0 all waiters are released. Counting up from 0
  // must happen before wait. Panics with `sync: negative WaitGroup counter` below zero, and with
  // `sync: WaitGroup misuse: Add called concurrently with Wait` where that is seen.
  void add(int n) {
    const std::uint64_t change = static_cast<std::uint64_t>(static_cast<std::int64_t>(n)) << counter_shift;
    // release: pairs with wait(). Who finishes the count acquires in settle().
    const std::uint64_t word = word_.fetch_add(change, std::memory_order_release) + change;
    const auto counter = static_cast<std::int32_t>(word >> counter_shift);
    const auto waiters = static_cast<std::uint32_t>(word);
    // Nobody waits, and the count is sound: nothing to do. Otherwise the object is still in use, or misused.
    if (counter < 0 || (waiters != 0 && (counter == 0 || (n > 0 && counter == n)))) [[unlikely]]
      settle(n, counter);
  }

  // One part is done: add(-1).
  void done() { add(-1); }

  // Returns when the counter is 0, at once if it is.
  void wait() {
    if (!is_zero()) wait_slow();
  }

  // Waits for at most d, or until `when`; true: the counter is 0.
  template <any_duration D> [[nodiscard]] bool wait_for(const D& d) {
    return is_zero() || detail::wait_within(arm(), detail::limit_after(d)) || is_zero();
  }
  template <class Clock, class D>
  [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, D>& when) {
    return is_zero() || detail::wait_within(arm(), detail::limit_until(when)) || is_zero();
  }
  // Waits unless `stop` comes first. A std::stop_token: true if the counter was 0. A context: empty if it was, else the
  // context's err().
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> wait(const S& stop) {
    return detail::wait_unless(
        stop, [this] { return is_zero(); }, arm());
  }

  // add(1), and a goroutine that calls f(args...) and counts down when it has returned or ended by goexit; by then
  // the callable and the arguments have been destroyed. If f panics, the count stays and the process ends with
  // the panic. Callable and arguments as for gos::go.
  template <class F, class... A>
  requires detail::spawnable<F, A...>
  [[gnu::always_inline]] inline void go(F&& f, A&&... args) {
    using call = detail::counted_call<std::decay_t<F>, std::decay_t<A>...>;
    add(1);
    try {
      detail::spawn_call<call>(nullptr, this, std::forward<F>(f), std::forward<A>(args)...);
    } catch (...) {
      done();
      throw;
    }
  }

  // The sentence stays on the line of the name.
  // clang-format off
  template <class F, class... A>
  requires(!detail::spawnable<F, A...>)
  void go(F&&, A&&...) = delete;  // not callable with copies of these arguments; a reference is passed by std::ref
  // clang-format on

 private:
  friend class detail::wait_group_object;
  friend struct detail::select_access;
  static constexpr int counter_shift = 32;

  // acquire: pairs with add().
  bool is_zero() const noexcept {
    return static_cast<std::int32_t>(word_.load(std::memory_order_acquire) >> counter_shift) == 0;
  }
  detail::select_arm arm() const noexcept { return detail::object_arm(this, detail::make_wait_group_object); }
  void settle(int n, std::int32_t counter);
  bool queue(rt::sleeper& me) noexcept;
  void wait_slow();

  // High half: the counter, signed. Low half: the number of parked waiters.
  std::atomic<std::uint64_t> word_{0};
};

namespace detail {

// The body of a goroutine that a wait group counts. Members are destroyed in reverse: `end` counts down last.
template <class F, class... A> struct counted_call {
  struct count_down {
    wait_group* group;
    bool due = false;
    explicit count_down(wait_group* g) noexcept : group(g) {}
    count_down(const count_down&) = delete;
    count_down& operator=(const count_down&) = delete;
    ~count_down() {
      if (due) group->done();
    }
  };

  template <class F2, class... A2>
  explicit counted_call(wait_group* group, F2&& f,
                        A2&&... a) noexcept(std::is_nothrow_constructible_v<bound_call<F, A...>, F2, A2...>)
      : end(group), call(std::forward<F2>(f), std::forward<A2>(a)...) {}

  void operator()() {
    try {
      call();
      end.due = true;
    } catch (...) {
      end.due = wait_group_ends_by_goexit();
      throw;
    }
  }

  count_down end;
  [[no_unique_address]] bound_call<F, A...> call;
};

}  // namespace detail
}  // namespace gos
