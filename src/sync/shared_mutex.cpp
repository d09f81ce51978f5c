// shared_mutex: one word, and two queues in the sleep table.
//
//   word_:  31 writing  a writer holds it
//           30 writers  the queue of writers is not empty: new readers wait
//           29 readers  the queue of readers is not empty
//           28..0       how many readers hold it
//
//   free --lock--> writing --unlock--> free | n readers (those that queued) | writing (the next writer)
//   free, n readers --lock_shared--> n+1 readers, unless bit 30
//   n readers --unlock_shared--> n-1 readers; 0 with bit 30: --> writing (the first writer)
//
// INV1 Bits 30 and 29 tell of the queues and are changed, with the queues, under the bucket's lock (that of word_'s
//      address, which serves both queues). Who queues does so only if the word, in that very exchange, forbids entry.
// INV2 While bit 31 is set, or bit 30 with no reader, nobody enters on the fast path; the word then changes only under
//      the bucket's lock. So the unlocking side may settle who is next and store the whole word.
// INV3 Who is taken out of a queue has been entered in the word already: there is nothing to compete for.
// INV4 After the word lets others in, the unlocking side touches sleepers only, each until its wake-up: the mutex may
//      be gone.
//
// All of it lives here and not in the header, so that ThreadSanitizer sees the edges of the contract and no more: with
// one atomic word every reader's unlock would be ordered before later readers' locks.
// Rejected: Go's five fields (a mutex for the writers, two semaphores, two counters): its Unlock touches the object
// after readers have been let in.
#include <gossamer/shared_mutex.hpp>

#include "base/fatal.hpp"
#include "park/park.hpp"
#include "sync/sleep_table.hpp"

namespace gos {

using namespace gos::rt;

namespace {

constexpr std::uint32_t writing = 1U << 31;
constexpr std::uint32_t writers_wait = 1U << 30;
constexpr std::uint32_t readers_wait = 1U << 29;
constexpr std::uint32_t reader_mask = readers_wait - 1;
constexpr std::uint32_t forbids_readers = writing | writers_wait;
constexpr std::uint32_t forbids_writers = writing | writers_wait | reader_mask;

}  // namespace

void shared_mutex::lock() {
  std::uint32_t expected = 0;
  // acquire: pairs with unlock() and unlock_shared(). relaxed on failure: enter_slow() looks again.
  if (!word_.compare_exchange_strong(expected, writing, std::memory_order_acquire, std::memory_order_relaxed))
    enter_slow(writing, forbids_writers);
  race_acquire(&readers_);
  race_acquire(&writers_);
}

bool shared_mutex::try_lock() {
  std::uint32_t expected = 0;
  // acquire, relaxed: as in lock().
  if (!word_.compare_exchange_strong(expected, writing, std::memory_order_acquire, std::memory_order_relaxed))
    return false;
  race_acquire(&readers_);
  race_acquire(&writers_);
  return true;
}

// Enters by adding `mine` to the word, or, while one of `forbidding` is set, marks the queue as not empty and waits there.
void shared_mutex::enter_slow(std::uint32_t mine, std::uint32_t forbidding) noexcept {
  const bool writer = mine == writing;
  const void* const queue = writer ? static_cast<const void*>(&writers_) : &readers_;
  const std::uint32_t queued = writer ? writers_wait : readers_wait;
  kernel_section kernel;
  sleeper me;
  me.gp = self();
  {
    sleep_bucket& bucket = sleep_bucket_of(&word_);
    spin_guard guard(bucket.lock);
    // relaxed: the exchanges decide.
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const bool open = (word & forbidding) == 0;
      const std::uint32_t wanted = open ? word + mine : word | queued;
      // acquire: pairs with unlock() and unlock_shared(). relaxed on failure: another look.
      if (word_.compare_exchange_weak(word, wanted, std::memory_order_acquire, std::memory_order_relaxed)) {
        if (open) return;
        break;
      }
    }
    bucket.push_back(me, queue);
  }
  park(writer ? wait_reason::shared_mutex_lock : wait_reason::shared_mutex_lock_shared, this);
}

void shared_mutex::unlock() {
  race_release(&readers_);
  race_release(&writers_);
  std::uint32_t expected = writing;
  // release: pairs with lock() and lock_shared(). relaxed on failure: unlock_slow() looks again.
  if (word_.compare_exchange_strong(expected, 0, std::memory_order_release, std::memory_order_relaxed))
    return;
  if ((expected & writing) == 0) fatal("sync: Unlock of unlocked RWMutex");
  unlock_slow();
}

void shared_mutex::unlock_slow() noexcept {
  kernel_section kernel;
  sleeper* next = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(&word_);
    spin_guard guard(bucket.lock);
    std::uint32_t word = 0;
    next = bucket.take_all(&readers_);
    if (next != nullptr) {
      for (const sleeper* s = next; s != nullptr; s = s->next) ++word;
    } else {
      next = bucket.pop(&writers_);
      if (next != nullptr) {
        next->next = nullptr;
        word = writing;
      }
    }
    if (bucket.first(&writers_) != nullptr) word |= writers_wait;
    // release: pairs with the acquires of whoever enters by this word (INV2).
    word_.store(word, std::memory_order_release);
  }
  while (next != nullptr) {
    goroutine* const gp = next->gp;
    next = next->next;
    ready(gp);
  }
}

void shared_mutex::lock_shared() {
  // relaxed: the exchange decides.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & forbids_readers) != 0) {
      enter_slow(1, forbids_readers);
      break;
    }
    // acquire: pairs with unlock(). relaxed on failure: another look.
    if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed))
      break;
  }
  race_acquire(&readers_);
}

bool shared_mutex::try_lock_shared() {
  // relaxed: the exchange decides.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & forbids_readers) == 0) {
    // acquire: pairs with unlock(). relaxed on failure: another look.
    if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      race_acquire(&readers_);
      return true;
    }
  }
  return false;
}

void shared_mutex::unlock_shared() {
  // relaxed: a reader that unlocks rightly is counted.
  if ((word_.load(std::memory_order_relaxed) & reader_mask) == 0) fatal("sync: RUnlock of unlocked RWMutex");
  race_release(&writers_);
  // acq_rel: release pairs with the writer's lock; acquire, because the last reader hands over to it.
  const std::uint32_t word = word_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((word & reader_mask) == 0 && (word & writers_wait) != 0) unlock_shared_slow();
}

// By the last reader: the first writer holds it now. A waiting writer keeps the mutex alive until then.
void shared_mutex::unlock_shared_slow() noexcept {
  kernel_section kernel;
  goroutine* heir = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(&word_);
    spin_guard guard(bucket.lock);
    const sleeper* const s = bucket.pop(&writers_);
    heir = s->gp;
    std::uint32_t word = writing;
    if (bucket.first(&writers_) != nullptr) word |= writers_wait;
    if (bucket.first(&readers_) != nullptr) word |= readers_wait;
    // release: pairs with the acquires of whoever enters by this word (INV2).
    word_.store(word, std::memory_order_release);
  }
  ready(heir);
}

}  // namespace gos
