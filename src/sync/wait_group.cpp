// wait_group: the slow paths of gos::wait_group.
//
// The counter and the number of parked waiters share one word, so that one addition tells the last done() whether
// anybody waits. Waiters are parked in the sleep table under the wait group's address.
//
// INV1 A waiter counts itself in the word and enters the table under the bucket's lock, and only while the counter is
//      not 0. So the done() that brings the counter to 0 sees in its own result whether there are waiters, and finds
//      them all.
// INV2 The done() that releases touches the wait group only while waiters are in the table: they keep it alive. It sets
//      the word to 0 before it takes them out; afterwards it works on the sleepers alone, and reads what it needs of
//      each before the wake-up.
#include <gossamer/wait_group.hpp>

#include "panic/body.hpp"
#include "park/park.hpp"
#include "sync/misuse.hpp"
#include "sync/sleep_table.hpp"

namespace gos {

using namespace gos::rt;

bool detail::wait_group_ends_by_goexit() noexcept { return current_exception_is_goexit(); }

// After an addition that cannot simply return: the counter became 0 with waiters, or the wait group is misused.
void wait_group::settle(int n, std::int32_t counter) {
  if (counter < 0) panic_with("sync: negative WaitGroup counter");
  bool misused = n > 0;  // the counter was 0 with waiters: they are about to be released
  if (!misused) {
    kernel_section kernel;
    sleeper* released = nullptr;
    {
      sleep_bucket& bucket = sleep_bucket_of(this);
      spin_guard guard(bucket.lock);
      // acquire: pairs with every add() before; the waiters learn of it from us.
      const std::uint64_t word = word_.load(std::memory_order_acquire);
      misused = (word >> counter_shift) != 0;
      if (!misused) {
        // relaxed: waiters look again only after our ready(), others begin a new round.
        word_.store(0, std::memory_order_relaxed);
        released = bucket.take_all(this);
      }
    }
    while (released != nullptr) {
      goroutine* const gp = released->gp;
      released = released->next;
      ready(gp);
    }
  }
  if (misused) panic_with("sync: WaitGroup misuse: Add called concurrently with Wait");
}

void wait_group::wait_slow() {
  {
    kernel_section kernel;
    sleep_bucket& bucket = sleep_bucket_of(this);
    sleeper me;
    me.gp = self();
    bucket.lock.lock();
    // acquire: pairs with add(), also where the exchange fails.
    std::uint64_t word = word_.load(std::memory_order_acquire);
    bool counted = false;
    while (!counted && (word >> counter_shift) != 0) {
      // acquire: pairs with add(), should the counter have become 0 meanwhile.
      counted = word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire);
    }
    if (!counted) {
      bucket.lock.unlock();
      race_acquire(&word_);
      return;
    }
    bucket.push_back(me, this);
    bucket.lock.unlock();
    park(wait_reason::wait_group_wait, this);
  }
  race_acquire(&word_);
  // relaxed: only misuse can have changed it since the release.
  if (word_.load(std::memory_order_relaxed) != 0) {
    panic_with("sync: WaitGroup is reused before previous Wait has returned");
  }
}

}  // namespace gos
