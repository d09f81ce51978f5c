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
// INV5 An arm of a select may leave its queue before its turn, under the bucket's lock, and puts the word right. Not
//      between the exchange of a last reader that found a writer queued and its turn under the lock (no bit 31, no readers,
//      bit 30): the leaving one lets it pass first, because it may be all that keeps the mutex alive (INV4).
//
// All of it lives here and not in the header, so that ThreadSanitizer sees the edges of the contract and no more: with
// one atomic word every reader's unlock would be ordered before later readers' locks.
// Rejected: Go's five fields (a mutex for the writers, two semaphores, two counters): its Unlock touches the object
// after readers have been let in.
#include <gossamer/shared_mutex.hpp>

#include "base/fatal.hpp"
#include "park/park.hpp"
#include "sync/describe.hpp"
#include "sync/holders.hpp"
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
    enter_slow(writing);
  else
    writer_.store(detail::this_holder(), std::memory_order_relaxed);  // relaxed: for reports
  race_acquire(readers());
  race_acquire(writers());
}

bool shared_mutex::try_lock() {
  std::uint32_t expected = 0;
  // acquire, relaxed: as in lock().
  if (!word_.compare_exchange_strong(expected, writing, std::memory_order_acquire, std::memory_order_relaxed))
    return false;
  writer_.store(detail::this_holder(), std::memory_order_relaxed);  // relaxed: for reports
  race_acquire(readers());
  race_acquire(writers());
  return true;
}

// Under the bucket's lock. Adds `mine` to the word: true; or, while one of `forbidding` is set, marks the queue of `me` as
// not empty and joins it.
bool shared_mutex::enter_or_queue(sleeper& me, std::uint32_t mine) noexcept {
  const bool writer = mine == writing;
  const std::uint32_t forbidding = writer ? forbids_writers : forbids_readers;
  // relaxed: the exchanges decide.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const bool open = (word & forbidding) == 0;
    const std::uint32_t wanted = open ? word + mine : word | (writer ? writers_wait : readers_wait);
    // acquire: pairs with unlock() and unlock_shared(). relaxed on failure: another look.
    if (word_.compare_exchange_weak(word, wanted, std::memory_order_acquire, std::memory_order_relaxed)) {
      if (!open) sleep_bucket_of(&word_).push_back(me, writer ? writers() : readers());
      if (open && writer) writer_.store(holder_of(me), std::memory_order_relaxed);  // relaxed: for reports
      return open;
    }
  }
}

void shared_mutex::enter_slow(std::uint32_t mine) noexcept {
  kernel_section kernel;
  sleeper me;
  me.gp = self();
  {
    spin_guard guard(sleep_bucket_of(&word_).lock);
    if (enter_or_queue(me, mine)) return;
  }
  park(mine == writing ? wait_reason::shared_mutex_lock : wait_reason::shared_mutex_lock_shared, this);
}

void shared_mutex::unlock() {
  race_release(readers());
  race_release(writers());
  writer_.store(0, std::memory_order_relaxed);  // relaxed: for reports; before the release, so that it is never another's
  std::uint32_t expected = writing;
  // release: pairs with lock() and lock_shared(). relaxed on failure: unlock_slow() looks again.
  if (word_.compare_exchange_strong(expected, 0, std::memory_order_release, std::memory_order_relaxed))
    return;
  if ((expected & writing) == 0) fatal("sync: Unlock of unlocked RWMutex");
  kernel_section kernel;
  unlock_slow();
}

namespace {

std::uint32_t length(const sleeper* list) noexcept {
  std::uint32_t count = 0;
  for (; list != nullptr; list = list->next) ++count;
  return count;
}

void ready_all(sleeper* list) noexcept {
  while (list != nullptr) {
    goroutine* const gp = list->gp;
    list = list->next;
    ready(gp);
  }
}

}  // namespace

// Under the bucket's lock, by who has just left the mutex free, with INV2: settles who is next, and returns them.
sleeper* shared_mutex::pass_on(bool to_readers_first) noexcept {
  sleep_bucket& bucket = sleep_bucket_of(&word_);
  std::uint32_t word = 0;
  sleeper* next = to_readers_first ? bucket.take_all(readers()) : nullptr;
  if (next == nullptr && (next = bucket.pop(writers())) != nullptr) {
    next->next = nullptr;
    word = writing;
  }
  // Writers may all have lost their claims: then it is the readers' turn after all.
  if (next == nullptr && !to_readers_first) next = bucket.take_all(readers());
  if (word == 0) word = length(next);
  word |= queue_bits();
  // relaxed: for reports; the next one's before it can leave again.
  writer_.store((word & writing) != 0 ? holder_of(*next) : 0, std::memory_order_relaxed);
  // release: pairs with the acquires of whoever enters by this word (INV2).
  word_.store(word, std::memory_order_release);
  return next;
}

// Kernel mode; the word says that somebody is queued, or nothing.
void shared_mutex::unlock_slow() noexcept {
  sleeper* next = nullptr;
  {
    spin_guard guard(sleep_bucket_of(&word_).lock);
    next = pass_on(true);
  }
  ready_all(next);
}

void shared_mutex::lock_shared() {
  // relaxed: the exchange decides.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & forbids_readers) != 0) {
      enter_slow(1);
      break;
    }
    // acquire: pairs with unlock(). relaxed on failure: another look.
    if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed))
      break;
  }
  race_acquire(readers());
}

bool shared_mutex::try_lock_shared() {
  // relaxed: the exchange decides.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & forbids_readers) == 0) {
    // acquire: pairs with unlock(). relaxed on failure: another look.
    if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      race_acquire(readers());
      return true;
    }
  }
  return false;
}

void shared_mutex::unlock_shared() {
  // relaxed: a reader that unlocks rightly is counted.
  if ((word_.load(std::memory_order_relaxed) & reader_mask) == 0) fatal("sync: RUnlock of unlocked RWMutex");
  race_release(writers());
  // acq_rel: release pairs with the writer's lock; acquire, because the last reader hands over to it.
  const std::uint32_t word = word_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((word & reader_mask) == 0 && (word & writers_wait) != 0) {
    kernel_section kernel;
    unlock_shared_slow();
  }
}

// Kernel mode, by the last reader: the first writer holds it now. A waiting writer keeps the mutex alive until then (INV5).
void shared_mutex::unlock_shared_slow() noexcept {
  sleeper* next = nullptr;
  {
    spin_guard guard(sleep_bucket_of(&word_).lock);
    next = pass_on(false);
  }
  ready_all(next);
}

// The bits that tell of the queues, as they are. Under the bucket's lock.
std::uint32_t shared_mutex::queue_bits() const noexcept {
  const sleep_bucket& bucket = sleep_bucket_of(&word_);
  return (bucket.first(writers()) != nullptr ? writers_wait : 0) |
         (bucket.first(readers()) != nullptr ? readers_wait : 0);
}

// Takes an arm's sleeper out of its queue, if it is still there, and lets in who only waited for it.
void shared_mutex::leave_queue(sleeper& me) noexcept {
  for (;;) {
    sleeper* released = nullptr;
    bool left = false;
    {
      spin_guard guard(sleep_bucket_of(&word_).lock);
      left = !me.queued || try_leave(me, released);
    }
    ready_all(released);
    if (left) return;
    let_others_run();  // the last reader is in user mode (INV5)
  }
}

// Under the bucket's lock; me is queued. False in the moment of INV5.
bool shared_mutex::try_leave(sleeper& me, sleeper*& released) noexcept {
  sleep_bucket& bucket = sleep_bucket_of(&word_);
  // relaxed, all: the exchanges decide, and the lock orders who looks at the queues.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  if ((word & writing) != 0) {  // INV2
    bucket.remove(me);
    word_.store(writing | queue_bits(), std::memory_order_relaxed);
    return true;
  }
  // Readers hold it. We are one of them for a moment, so that none of them is the last.
  do {
    if ((word & reader_mask) == 0) return false;
  } while (
      !word_.compare_exchange_weak(word, word + 1, std::memory_order_relaxed, std::memory_order_relaxed));
  bucket.remove(me);
  if (bucket.first(writers()) == nullptr) released = bucket.take_all(readers());
  const std::uint32_t entering = length(released);
  word = word_.load(std::memory_order_relaxed);
  // acquire: those let in follow the writers before them.
  while (!word_.compare_exchange_weak(word, ((word & reader_mask) + entering) | queue_bits(),
                                      std::memory_order_acquire, std::memory_order_relaxed)) {}
  // acq_rel: as in unlock_shared().
  word = word_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((word & reader_mask) == 0 && (word & writers_wait) != 0) released = pass_on(false);
  return true;
}

lock_holder detail::lock_access::holder(const shared_mutex& m) noexcept {
  // relaxed, both: snapshots; who needs them exactly knows that they cannot change.
  const std::uint32_t word = m.word_.load(std::memory_order_relaxed);
  return {(word & writing) != 0, m.writer_.load(std::memory_order_relaxed), word & reader_mask};
}

bool detail::lock_access::queues(const shared_mutex& m, const goroutine* gp) noexcept {
  return queues_at(&m.word_, m.writers(), gp) || queues_at(&m.word_, m.readers(), gp);
}

// An arm of a select: to hold it as a writer or as a reader.
class detail::shared_mutex_object final : public detail::select_object {
 public:
  shared_mutex_object(shared_mutex& m, bool writer) noexcept : mutex_(m), as_writer_(writer) {}

  bool try_take() noexcept override { return as_writer_ ? mutex_.try_lock() : mutex_.try_lock_shared(); }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = {.gp = gp, .shared = &shared, .arm = arm};
    {
      spin_guard guard(sleep_bucket_of(&mutex_.word_).lock);
      if (!mutex_.enter_or_queue(me_, as_writer_ ? writing : 1)) return false;
    }
    if (shared.take(arm)) return true;
    give_back();
    return false;
  }

  void leave(bool won) noexcept override {
    mutex_.leave_queue(me_);
    if (!won) return;
    race_acquire(mutex_.readers());
    if (as_writer_) race_acquire(mutex_.writers());
  }

  std::uint8_t reason() const noexcept override {
    return static_cast<std::uint8_t>(as_writer_ ? wait_reason::shared_mutex_lock
                                             : wait_reason::shared_mutex_lock_shared);
  }
  const void* address() const noexcept override { return &mutex_; }

  static void describe(wait_note& note, const shared_mutex& m) noexcept {
    const std::uint32_t word = m.word_.load(std::memory_order_relaxed);  // relaxed: a snapshot
    note.add_object("sync.RWMutex", &m);
    note.add(" (");
    if ((word & writing) != 0) {
      note.add("held");
      const detail::holder_word holder = m.writer_.load(std::memory_order_relaxed);  // relaxed: a snapshot
      if (holder != 0) note.mark_holder(holder);
      note.add(", writing");
    } else {
      note.add("held by %u readers", word & reader_mask);
    }
    note.mark_parties(&m, party::any);
    note.add(")");
  }

 private:
  // What the lost claim had entered, in kernel mode.
  void give_back() noexcept {
    if (as_writer_) {
      mutex_.unlock_slow();
      return;
    }
    // acq_rel: as in unlock_shared().
    const std::uint32_t word = mutex_.word_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if ((word & reader_mask) == 0 && (word & writers_wait) != 0) mutex_.unlock_shared_slow();
  }

  shared_mutex& mutex_;
  const bool as_writer_;
  sleeper me_;
};

void rt::describe_shared_mutex(wait_note& note, const void* mutex) noexcept {
  detail::shared_mutex_object::describe(note, *static_cast<const shared_mutex*>(mutex));
}

void detail::make_shared_mutex_writer(void* to, void* from) {
  static_assert(sizeof(shared_mutex_object) <= select_object_room);
  ::new (to)
      shared_mutex_object(*static_cast<shared_mutex*>(static_cast<const select_arm*>(from)->element), true);
}
void detail::make_shared_mutex_reader(void* to, void* from) {
  ::new (to)
      shared_mutex_object(*static_cast<shared_mutex*>(static_cast<const select_arm*>(from)->element), false);
}

}  // namespace gos
