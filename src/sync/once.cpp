// once: the first caller runs, the others sleep under the once's address until it has ended.
//
// INV1 state_ goes from untouched to running to done. Who queues does so under the bucket's lock while it is running;
//      finish() changes it to done and empties the queue under the same lock.
#include <gossamer/once.hpp>

#include "panic/body.hpp"
#include "park/park.hpp"
#include "sync/sleep_table.hpp"

#include <gossamer/detail/raise.hpp>

namespace gos {

using namespace gos::rt;

bool detail::once_caught_goexit() noexcept { return current_exception_is_goexit(); }
void detail::once_ended_by_goexit() { raise_runtime_error("the function of a once_func ended by goexit"); }

bool once::begin() noexcept {
  std::uint8_t expected = untouched;
  // acquire: on failure it pairs with finish(); on success there is nothing to see.
  if (state_.compare_exchange_strong(expected, running, std::memory_order_acquire)) return true;
  if (expected != done) {
    kernel_section kernel;
    sleeper me;
    me.gp = self();
    sleep_bucket& bucket = sleep_bucket_of(this);
    bucket.lock.lock();
    // acquire: pairs with finish().
    if (state_.load(std::memory_order_acquire) == done) {
      bucket.lock.unlock();
    } else {
      bucket.push_back(me, this);
      bucket.lock.unlock();
      park(wait_reason::once_call, this);
    }
  }
  race_acquire(&state_);
  return false;
}

void once::finish() noexcept {
  race_release(&state_);
  kernel_section kernel;
  sleeper* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    // release: pairs with call() and begin().
    state_.store(done, std::memory_order_release);
    woken = bucket.take_all(this);
  }
  while (woken != nullptr) {
    goroutine* const gp = woken->gp;
    woken = woken->next;
    ready(gp);
  }
}

}  // namespace gos
