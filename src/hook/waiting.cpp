// See waiting.hpp.
#include "hook/waiting.hpp"

#include "hook/here.hpp"

namespace gos::rt {

constinit waiting_count waiting_counts[std::size_t{1} << waiting_bits];

address_wait::address_wait(const void* address, bool at_front) noexcept : address_(address) {
  me_.gp = self();
  me_.shared = &shared_;
  me_.arm = by_waker;
  {
    sleep_bucket& bucket = sleep_bucket_of(address);
    spin_guard guard(bucket.lock);
    if (at_front) {
      bucket.push_front(me_, address);
    } else {
      bucket.push_back(me_, address);
    }
  }
  // relaxed: ordered by the fence. seq_cst: INV1, pairs with wake().
  waiting_count_of(address).waiting.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

waited address_wait::finish(bool needed, wait_reason reason, std::int64_t deadline_ns) noexcept {
  timeout_arm limit;
  // Taken here: the wake-up will not come. Taken by a waker before: it comes, and must be waited for.
  if (needed || !shared_.take(by_itself)) {
    const bool limited = deadline_ns != never_ns;
    if (limited) {
      me_.gp->deadline_ns.store(deadline_ns, std::memory_order_relaxed);  // relaxed: for dumps
      timeout_start(limit, shared_, me_.gp, by_clock, deadline_ns);
    }
    park(reason, address_);
    if (limited) {
      timer_stop(limit);
      me_.gp->deadline_ns.store(goroutine::no_deadline_ns, std::memory_order_relaxed);  // relaxed: for dumps
    }
  }
  {
    sleep_bucket& bucket = sleep_bucket_of(address_);
    spin_guard guard(bucket.lock);
    if (me_.queued) bucket.remove(me_);
  }
  // relaxed: a count that is too high costs a look.
  waiting_count_of(address_).waiting.fetch_sub(1, std::memory_order_relaxed);
  switch (shared_.winner()) {
    case by_waker: race_acquire(&me_); return waited::woken;
    case by_clock: return waited::timed_out;
    default: return waited::not_needed;
  }
}

namespace {

void wake_now(const void* address, bool all) noexcept {
  sleep_bucket& bucket = sleep_bucket_of(address);
  sleeper* woken = nullptr;
  {
    spin_guard guard(bucket.lock);
    woken = all ? bucket.take_all(address) : bucket.pop(address);
    if (!all && woken != nullptr) woken->next = nullptr;
  }
  while (woken != nullptr) {
    goroutine* const gp = woken->gp;
    race_release(woken);
    woken = woken->next;
    ready(gp);
  }
}

}  // namespace

void wake_at(const void* address, bool all) noexcept {
  if (in_home_process()) in_kernel([&] { wake_now(address, all); });
}

}  // namespace gos::rt
