// mutex: the slow paths of gos::mutex.
//
// A mutex is a word and a byte that matter. locked_ is taken by a compare-and-swap and is all there is to holding the mutex;
// it says who does (detail/holder.hpp), for reports.
// mode_ tells unlock how to release. Who finds the mutex locked spins a little if the holder may be on another
// processor, then parks in the sleep table under the mutex's address. Unlock wakes the first sleeper but leaves the
// mutex free: the woken one competes with newcomers and is at a disadvantage, which is good for throughput (the running
// goroutine takes the mutex again without any switch). A sleeper that loses after 1 ms makes the mutex `starving`: from
// then on unlock leaves locked_ set and gives the mutex to the first sleeper, until the last one, or one that waited
// less than 1 ms, has it.
//
// Releasing costs a plain store as long as nobody waits, half of what an atomic exchange pair costs. That leaves a race
// of store and load: unlock stores locked_ and then looks at the count of sleepers; a sleeper counts itself and then
// looks at locked_. In mode `fenced` unlock releases by an exchange, which orders the two. In mode `quick` it does not;
// so the sleeper that changes the mode from quick to fenced makes up for it with a barrier on all processors
// (platform/membarrier.hpp) before it looks. That barrier costs microseconds; so the mode goes back to quick only every
// calm_limit fenced unlocks, and only if nobody is counted then.
//
// INV1 A mutex is counted in mutex_waiters_of(address) while it has sleepers and none of them is woken (see INV5).
//      Queue, woken_, count and mode_ change under the bucket's lock. A sleeper looks at locked_ after it has been
//      queued and counted.
// INV2 Mode fenced: after the exchange, unlock sees the count of every sleeper that has seen locked_ set.
// INV3 Mode quick: an unlock that missed a sleeper's count has become visible when the barrier of that sleeper (or of
//      the one before it, which changed the mode) is done; so the look after the barrier finds locked_ clear, or a
//      newer holder, whose unlock sees the count.
// INV4 After it has cleared locked_, unlock uses the address as a number only. Whoever finds a sleeper under it, under
//      the bucket's lock, may look at the mutex: the sleeper keeps it alive.
// INV5 woken_ is set from the wake-up of a sleeper until that one has tried again. Meanwhile all others depend on it:
//      it gets the mutex, counts them, and its own unlock looks; or it fails, goes to sleep again by INV1, and the
//      holder's unlock looks. So nobody need be counted meanwhile, and unlock is quick while the woken one waits for a
//      processor.
//
// Rejected: one word with flags and two exchanges, as in Go (twice the price for an uncontended pair); the waiters'
// flag in the mutex, looked at after the release (the mutex may be gone); a barrier for each sleeper (interrupts every
// processor at each collision).
#include <gossamer/mutex.hpp>

#include "base/fatal.hpp"
#include "base/spin.hpp"
#include "park/park.hpp"
#include "platform/clock.hpp"
#include "platform/membarrier.hpp"
#include "sync/describe.hpp"
#include "sync/holders.hpp"
#include "sync/sleep_table.hpp"

namespace gos {

namespace {

using namespace gos::rt;

constexpr std::int64_t starving_after_ns = 1'000'000;
// As many exchanges instead of stores cost about as much as one barrier.
constexpr std::uint16_t calm_limit = 4096;

// Every unlock that has looked at the count before this call is visible when it returns.
void wait_for_quick_unlocks() noexcept {
  if (membarrier_available) {
    membarrier_all();
    return;
  }
  // A store leaves the store buffer within a microsecond, also when its thread is interrupted. Once in the life of a
  // mutex: without membarrier the mode never goes back to quick.
  constexpr std::int64_t store_buffer_ns = 20'000;
  const std::int64_t until = monotonic_ns() + store_buffer_ns;
  while (monotonic_ns() < until) cpu_relax();
}

}  // namespace

namespace detail {
constinit mutex_waiters mutex_waiters_table[std::size_t{1} << mutex_waiters_bits];
}  // namespace detail

void mutex::unlock_of_unlocked() noexcept { fatal("sync: unlock of unlocked mutex"); }

// Outside kernel mode, so that the processor can be taken away from who spins.
bool mutex::spin() noexcept {
  // With one processor the holder cannot go on while a goroutine spins.
  if (single_processor() && on_goroutine()) return false;
  // Pauses double up to about a microsecond: a processor that stays away lets the other one go on with the mutex in its
  // cache, and takes over for many turns when it finds the mutex free.
  constexpr std::uint32_t rounds = 10;
  constexpr std::uint32_t pauses_max = 32;
  std::uint32_t pauses = 1;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < pauses; ++i) cpu_relax();
    if (pauses < pauses_max) pauses *= 2;
    std::uint32_t expected = 0;
    // relaxed: hints. acquire: pairs with unlock().
    if (mode_.load(std::memory_order_relaxed) == starving) return false;
    if (locked_.load(std::memory_order_relaxed) == 0 &&
        locked_.compare_exchange_strong(expected, detail::this_holder(), std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void mutex::lock_slow() noexcept {
  if (spin()) {
    note_crossing(crossing_lock_ns);
    race_acquire(&locked_);
    return;
  }
  kernel_section kernel;
  note_crossing(crossing_lock_ns);
  sleep_bucket& bucket = sleep_bucket_of(this);
  sleeper me;
  me.gp = self();
  me.since_ns = monotonic_ns();
  bool was_woken = false;
  for (;;) {
    bucket.lock.lock();
    if (was_woken) {
      woken_ = false;
      // relaxed: mode_ is guarded by the bucket.
      if (monotonic_ns() - me.since_ns > starving_after_ns) mode_.store(starving, std::memory_order_relaxed);
      bucket.push_front(me, this);
    } else {
      bucket.push_back(me, this);
    }
    const bool was_quick = has_queued();
    bucket.lock.unlock();
    if (was_quick) wait_for_quick_unlocks();

    std::uint32_t expected = 0;
    // seq_cst: pairs with the exchange in unlock_slow(), against the count (INV2).
    const bool taken = locked_.compare_exchange_strong(expected, detail::this_holder(), std::memory_order_seq_cst,
                                                       std::memory_order_seq_cst);
    if (taken && leave_queue(me)) break;
    // Not taken, or taken out of the queue already: the wake-up comes, and must be waited for.
    park(wait_reason::mutex_lock, this);
    if (me.granted) break;
    was_woken = true;
    // acquire: pairs with unlock(). relaxed on failure: the next round looks again.
    if (taken || locked_.compare_exchange_strong(expected = 0, detail::this_holder(), std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
      spin_guard guard(bucket.lock);
      woken_ = false;
      update_count();
      break;
    }
  }
  race_acquire(&locked_);
}

// The bucket is locked, and a sleeper has just been queued. True: unlock was quick until now, so the sleeper must call
// wait_for_quick_unlocks() before it looks (INV3).
bool mutex::has_queued() noexcept {
  // relaxed, both: mode_ is guarded by the bucket. A woken one will see to it that we are found (INV5).
  const bool was_quick = !woken_ && mode_.load(std::memory_order_relaxed) == quick;
  if (was_quick) mode_.store(fenced, std::memory_order_relaxed);
  update_count();
  return was_quick;
}

// Takes the holder's own sleeper out of the table; false if a waker was quicker.
bool mutex::leave_queue(sleeper& me) noexcept {
  spin_guard guard(sleep_bucket_of(this).lock);
  if (!me.queued) return false;
  take_out(me);
  return true;
}

// The bucket is locked. With the last sleeper the hunger ends.
void mutex::take_out(sleeper& s) noexcept {
  sleep_bucket& bucket = sleep_bucket_of(this);
  bucket.remove(s);
  update_count();
  // relaxed: mode_ is guarded by the bucket; for unlock() every value is safe at any time.
  if (mode_.load(std::memory_order_relaxed) == starving && bucket.first(this) == nullptr) {
    mode_.store(fenced, std::memory_order_relaxed);  // relaxed: as above
  }
}

// The bucket is locked; its queue or woken_ has changed (INV1).
void mutex::update_count() noexcept {
  const bool count_it = !woken_ && sleep_bucket_of(this).first(this) != nullptr;
  if (count_it == counted_) return;
  counted_ = count_it;
  std::atomic<std::uint32_t>& count = detail::mutex_waiters_of(this).count;
  if (count_it) {
    // seq_cst: pairs with the look at the count in unlock() (INV2).
    count.fetch_add(1, std::memory_order_seq_cst);
  } else {
    // relaxed: who reads a count that is too high looks into the table and finds nothing to do.
    count.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool mutex::unlock_slow() noexcept {
  race_release(&locked_);
  // relaxed: a stale mode leads to a plain release, after which the sleepers are looked at.
  if (mode_.load(std::memory_order_relaxed) == starving) {
    kernel_section kernel;
    if (hand_over()) return false;
  }
  if (++calm_ >= calm_limit) settle();
  // seq_cst: pairs with the seq_cst operations of a sleeper in lock_slow() (INV2); also the release of the mutex.
  locked_.exchange(0, std::memory_order_seq_cst);
  return true;
}

// Kernel mode, by the holder, starving: the first sleeper becomes the holder. False if there is none.
bool mutex::hand_over() noexcept {
  goroutine* heir = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    sleeper* s = nullptr;
    do {  // those whose select has been won elsewhere are passed by
      s = bucket.first(this);
      if (s == nullptr) return false;
      take_out(*s);
    } while (s->shared != nullptr && !s->shared->take(s->arm));
    // relaxed: mode_ is guarded by the bucket.
    if (monotonic_ns() - s->since_ns < starving_after_ns) mode_.store(fenced, std::memory_order_relaxed);
    s->granted = true;
    heir = s->gp;
    // relaxed: it stays locked; the heir acquires what we did by its wake-up.
    locked_.store(holder_of(*s), std::memory_order_relaxed);
  }
  ready(heir);
  return true;
}

// By the holder: back to plain stores, if nobody has to be found by unlock().
void mutex::settle() noexcept {
  calm_ = 0;
  if (!membarrier_available) return;
  kernel_section kernel;
  sleep_bucket& bucket = sleep_bucket_of(this);
  spin_guard guard(bucket.lock);
  // relaxed: mode_ is guarded by the bucket.
  if (!counted_ && mode_.load(std::memory_order_relaxed) == fenced)
    mode_.store(quick, std::memory_order_relaxed);
}

// Kernel mode: see detail::mutex_wake.
void mutex::wake(const void* address) noexcept {
  goroutine* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(address);
    spin_guard guard(bucket.lock);
    while (sleeper* const s = bucket.first(address)) {
      mutex& m = *const_cast<mutex*>(static_cast<const mutex*>(address));  // INV4
      if (m.woken_) return;                                                // INV5
      if (s->shared != nullptr) {
        const grant result = m.grant_to(*s);
        if (result == grant::lost) continue;
        if (result == grant::taken) return;
      } else {
        // seq_cst: pairs with the exchange in unlock_slow(). If somebody holds it already, its unlock comes after this
        // look and sees the count (INV2, INV3).
        if (m.locked_.load(std::memory_order_seq_cst) != 0) return;
        m.woken_ = true;
        m.take_out(*s);
      }
      woken = s->gp;
      break;
    }
  }
  if (woken != nullptr) ready(woken);
}

// The bucket is locked, s is the first sleeper, and an arm of a select: it does not compete but is given the mutex, which
// is locked on its behalf. `taken`: somebody else has it, and will look at the queue at its unlock. `lost`: the select has
// been won elsewhere, s is out of the queue.
mutex::grant mutex::grant_to(rt::sleeper& s) noexcept {
  std::uint32_t expected = 0;
  // seq_cst, both: as the look of wake(), and as the exchange of unlock_slow() if the mutex is released again.
  if (!locked_.compare_exchange_strong(expected, holder_of(s), std::memory_order_seq_cst,
                                       std::memory_order_seq_cst)) {
    // relaxed: mode_ is guarded by the bucket. Newcomers have taken it before s for too long.
    if (monotonic_ns() - s.since_ns > starving_after_ns) mode_.store(starving, std::memory_order_relaxed);
    return grant::taken;
  }
  take_out(s);
  if (s.shared->take(s.arm)) return grant::given;
  locked_.exchange(0, std::memory_order_seq_cst);
  return grant::lost;
}

void mutex::unlock_in_kernel() noexcept {
  // relaxed: who unlocks rightly is ordered after the lock.
  if (locked_.load(std::memory_order_relaxed) == 0) unlock_of_unlocked();
  const detail::mutex_waiters& waiters = detail::mutex_waiters_of(this);
  race_release(&locked_);
  // relaxed: as in unlock_slow().
  if (mode_.load(std::memory_order_relaxed) == starving && hand_over()) return;
  // seq_cst: as in unlock_slow(); right in every mode.
  locked_.exchange(0, std::memory_order_seq_cst);
  // seq_cst: as in unlock().
  if (waiters.count.load(std::memory_order_seq_cst) != 0) wake(this);
}

lock_holder detail::lock_access::holder(const mutex& m) noexcept {
  // relaxed: a snapshot; who needs it exactly knows that it cannot change.
  const std::uint32_t word = m.locked_.load(std::memory_order_relaxed);
  return {word != 0, word, 0};
}

bool queues_at(const void* bucket_of, const void* address, const goroutine* gp) noexcept {
  constexpr int steps_max = 4096;
  sleep_bucket& bucket = sleep_bucket_of(bucket_of);
  if (!lock_for_note(bucket.lock)) return false;
  const sleeper* s = bucket.first(address);
  for (int steps = 0; s != nullptr && s->gp != gp; s = ++steps < steps_max ? s->next : nullptr) {}
  bucket.lock.unlock();
  return s != nullptr;
}

bool detail::lock_access::queues(const mutex& m, const goroutine* gp) noexcept { return queues_at(&m, &m, gp); }

void detail::mutex_wake(const void* address) noexcept {
  kernel_section kernel;
  mutex::wake(address);
}

// An arm of a select: its sleeper is never woken to compete (grant_to, hand_over).
class detail::mutex_object final : public detail::select_object {
 public:
  explicit mutex_object(mutex& m) noexcept : mutex_(m) {}

  bool try_take() noexcept override {
    const bool taken = mutex_.try_lock();
    if (taken) race_acquire(&mutex_.locked_);
    return taken;
  }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = {.gp = gp, .shared = &shared, .arm = arm, .since_ns = monotonic_ns()};
    sleep_bucket& bucket = sleep_bucket_of(&mutex_);
    bucket.lock.lock();
    bucket.push_back(me_, &mutex_);
    const bool was_quick = mutex_.has_queued();
    bucket.lock.unlock();
    if (was_quick) wait_for_quick_unlocks();
    std::uint32_t expected = 0;
    // seq_cst: as in lock_slow(), against the count (INV2).
    if (!mutex_.locked_.compare_exchange_strong(expected, holder_of(me_), std::memory_order_seq_cst,
                                                std::memory_order_seq_cst)) {
      return false;
    }
    mutex_.leave_queue(me_);
    if (shared.take(arm)) return true;
    mutex_.unlock_in_kernel();
    return false;
  }

  void leave(bool won) noexcept override {
    mutex_.leave_queue(me_);
    if (won) race_acquire(&mutex_.locked_);
  }

  std::uint8_t reason() const noexcept override { return static_cast<std::uint8_t>(wait_reason::mutex_lock); }
  const void* address() const noexcept override { return &mutex_; }

 private:
  mutex& mutex_;
  sleeper me_;
};

void detail::make_mutex_object(void* to, void* from) {
  static_assert(sizeof(mutex_object) <= select_object_room &&
                alignof(mutex_object) <= select_object_alignment);
  ::new (to) mutex_object(*static_cast<mutex*>(static_cast<const select_arm*>(from)->element));
}

}  // namespace gos
