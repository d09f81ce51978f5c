// semaphore: a number of units that are taken and given back, several at once if need be.
//
//   gos::weighted_semaphore memory(512);           // units: MiB
//   memory.acquire(job.megabytes);
//   process(job);
//   memory.release(job.megabytes);
//   if (memory.acquire(ctx, 16)) return;           // the context came first: nothing was taken
//
// Source: Go golang.org/x/sync/semaphore; contract SM-01..SM-03.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include <gossamer/detail/limit.hpp>

namespace gos {

namespace detail {

class semaphore_object;
void make_semaphore_object(void* to, void* from);

// The state, out of the public header: it has a queue.
class semaphore_core;
struct semaphore_core_end {
  void operator()(semaphore_core* core) const noexcept;
};

}  // namespace detail

// All members may be called from any goroutine or plain thread at the same time.
// Order: requests are served strictly in the order of their arrival. A large request at the head holds up smaller ones
// behind it, so that it gets its turn.
// Lifetime: may be destroyed when nobody waits and every call has returned.
// Ordering: a release() happens before the return of an acquire that its units allowed.
// A weight below 0 panics with `semaphore: negative weight N`. A weight larger than the whole size can never be had: the
// request does not queue, and waits for its limit alone, or for ever.
class weighted_semaphore {
 public:
  // All `size` units are free. Panics with `semaphore: negative size N`.
  explicit weighted_semaphore(std::int64_t size);
  weighted_semaphore(const weighted_semaphore&) = delete;
  weighted_semaphore& operator=(const weighted_semaphore&) = delete;

  // Waits until n units are free and nobody is before the caller, and takes them.
  void acquire(std::int64_t n = 1);

  // Takes n units if that needs no waiting. Fails while anybody waits.
  [[nodiscard]] bool try_acquire(std::int64_t n = 1);

  // As acquire, waiting for at most d, or until `when`. False: the time was up first, and nothing was taken.
  template <any_duration D> [[nodiscard]] bool try_acquire_for(const D& d, std::int64_t n = 1) {
    return try_acquire(n) || detail::wait_within(arm(n), detail::limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, D>& when, std::int64_t n = 1) {
    return try_acquire(n) || detail::wait_within(arm(n), detail::limit_until(when));
  }

  // As acquire, unless `stop` comes first, and then nothing is taken. A std::stop_token: true if the units were taken. A
  // context: empty if they were, else the context's err(). If the condition holds already, nothing is taken.
  template <detail::stop_condition S>
  [[nodiscard]] detail::stop_result<S> acquire(const S& stop, std::int64_t n = 1) {
    return detail::wait_unless(
        stop, [&] { return try_acquire(n); }, arm(n));
  }

  // Gives n units back and serves who waits for them. Panics with `semaphore: released more than held`.
  void release(std::int64_t n = 1);

 private:
  friend struct detail::select_access;
  detail::select_arm arm(std::int64_t n) const noexcept {
    detail::select_arm made = detail::object_arm(core_.get(), detail::make_semaphore_object);
    made.set_amount(n);
    return made;
  }

  std::unique_ptr<detail::semaphore_core, detail::semaphore_core_end> core_;
};

}  // namespace gos
