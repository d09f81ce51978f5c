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
// INV3 A waiter with a limit that has had enough leaves the table and takes its count back while the counter is not 0. If
//      it is 0, a done() that has seen the waiter is on its way to the table, and must be let through first (INV2).
#include <gossamer/wait_group.hpp>

#include "panic/body.hpp"
#include "park/park.hpp"
#include "sync/describe.hpp"
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

// Kernel mode. Counts and queues me; false if the counter is 0.
bool wait_group::queue(sleeper& me) noexcept {
  sleep_bucket& bucket = sleep_bucket_of(this);
  spin_guard guard(bucket.lock);
  // acquire: pairs with add(), also where the exchange fails.
  std::uint64_t word = word_.load(std::memory_order_acquire);
  do {
    if ((word >> counter_shift) == 0) return false;
    // acquire: pairs with add(), should the counter have become 0 meanwhile.
  } while (!word_.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
  bucket.push_back(me, this);
  return true;
}

void wait_group::wait_slow() {
  {
    kernel_section kernel;
    sleeper me;
    me.gp = self();
    if (!queue(me)) {
      race_acquire(&word_);
      return;
    }
    park(wait_reason::wait_group_wait, this);
  }
  race_acquire(&word_);
  // relaxed: only misuse can have changed it since the release.
  if (word_.load(std::memory_order_relaxed) != 0) {
    panic_with("sync: WaitGroup is reused before previous Wait has returned");
  }
}

// The arm of a select that waits for the counter to become 0.
class detail::wait_group_object final : public detail::select_object {
 public:
  explicit wait_group_object(wait_group& group) noexcept : group_(group) {}

  bool try_take() noexcept override {
    if (!group_.is_zero()) return false;
    race_acquire(&group_.word_);
    return true;
  }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = {.gp = gp, .shared = &shared, .arm = arm};
    return !group_.queue(me_) && shared.take(arm);
  }

  void leave(bool won) noexcept override {
    if (won) {
      race_acquire(&group_.word_);
      return;
    }
    while (!try_leave()) let_others_run();  // that done() is in user mode (INV3)
  }

  std::uint8_t reason() const noexcept override {
    return static_cast<std::uint8_t>(wait_reason::wait_group_wait);
  }
  const void* address() const noexcept override { return &group_; }

  static void describe(wait_note& note, const wait_group& group) noexcept {
    // relaxed: a snapshot.
    const auto count = static_cast<std::int32_t>(group.word_.load(std::memory_order_relaxed) >> wait_group::counter_shift);
    note.add_object("sync.WaitGroup", &group);
    note.add(" (counter %d", count);
    note.mark_parties(&group, party::any);
    note.add(")");
  }

 private:
  bool try_leave() noexcept {
    sleep_bucket& bucket = sleep_bucket_of(&group_);
    spin_guard guard(bucket.lock);
    if (!me_.queued) return true;
    // relaxed, both: the lock orders the waiters' counts; of the counter only that it is not 0 matters (INV3).
    std::uint64_t word = group_.word_.load(std::memory_order_relaxed);
    do {
      if ((word >> wait_group::counter_shift) == 0) return false;
    } while (!group_.word_.compare_exchange_weak(word, word - 1, std::memory_order_relaxed));
    bucket.remove(me_);
    return true;
  }

  wait_group& group_;
  sleeper me_;
};

void rt::describe_wait_group(wait_note& note, const void* group) noexcept {
  detail::wait_group_object::describe(note, *static_cast<const wait_group*>(group));
}

void detail::make_wait_group_object(void* to, void* from) {
  static_assert(sizeof(wait_group_object) <= select_object_room);
  ::new (to) wait_group_object(*static_cast<wait_group*>(static_cast<const select_arm*>(from)->element));
}

}  // namespace gos
