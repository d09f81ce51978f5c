// condition_variable: waiters queue in the sleep table under its address, in the order of their arrival.
//
// INV1 A waiter is in the queue before it releases the mutex: a notification that comes after the release finds it
//      (CO-01).
// INV2 Between its entry into the queue and its park a waiter does not leave kernel mode: it may be made ready at any
//      moment, and a goroutine that is made ready must be parked or about to be. So the mutex is released in kernel
//      mode.
// INV3 waiters_ is the length of the queue, changed under the bucket's lock.
// INV4 After its wake-up a waiter does not touch the condition variable.
#include <gossamer/condition_variable.hpp>

#include "park/park.hpp"
#include "sync/sleep_table.hpp"

#include <gossamer/detail/raise.hpp>

namespace gos {

using namespace gos::rt;

void condition_variable::wait(std::unique_lock<mutex>& lock) {
  if (!lock.owns_lock()) detail::raise_runtime_error("wait on a condition variable without the mutex");
  {
    kernel_section kernel;
    sleeper me;
    me.gp = self();
    {
      sleep_bucket& bucket = sleep_bucket_of(this);
      spin_guard guard(bucket.lock);
      bucket.push_back(me, this);
      waiters_.fetch_add(1, std::memory_order_relaxed);  // relaxed: released with the mutex
    }
    lock.mutex()->unlock_in_kernel();
    park(wait_reason::condition_variable_wait, this);
  }
  race_acquire(this);
  lock.mutex()->lock();
  race_acquire(&lock.mutex()->locked_);  // ThreadSanitizer does not see a lock that is inlined here
}

void condition_variable::notify_one_slow() noexcept {
  race_release(this);
  kernel_section kernel;
  goroutine* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    const sleeper* const s = bucket.pop(this);
    if (s == nullptr) return;
    waiters_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: INV3
    woken = s->gp;
  }
  ready(woken);
}

void condition_variable::notify_all_slow() noexcept {
  race_release(this);
  kernel_section kernel;
  sleeper* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    woken = bucket.take_all(this);
    waiters_.store(0, std::memory_order_relaxed);  // relaxed: INV3
  }
  while (woken != nullptr) {
    goroutine* const gp = woken->gp;
    woken = woken->next;
    ready(gp);
  }
}

}  // namespace gos
