// semaphore: one counter and one queue under a lock.
//
// INV1 0 <= held_ <= size_. The units of a request are counted in held_ before its waiter is made ready.
// INV2 When the lock is free, the first waiter's request does not fit, unless its claim is lost (it leaves, and the queue
//      is served again).
// INV3 A request that is larger than size_ is never in the queue.
//
// Rejected: the sleep table (requests have weights, and the object is not a word anyway); fast paths without the lock (the
// queue must be looked at, too, so that nobody overtakes).
#include <gossamer/semaphore.hpp>

#include <cstring>
#include <new>
#include <string>

#include "park/park.hpp"
#include "sync/describe.hpp"

#include <gossamer/detail/panic_record.hpp>

namespace gos {

using namespace gos::rt;

class detail::semaphore_core {
 public:
  struct request : waiter {
    std::int64_t weight = 0;
  };

  explicit semaphore_core(std::int64_t size) noexcept : size_(size) {}

  // All in kernel mode.
  bool try_take(std::int64_t weight) noexcept {
    spin_guard guard(lock_);
    return try_take_locked(weight);
  }

  // False: in the queue, or (INV3) nowhere.
  bool take_or_queue(request& r) noexcept {
    spin_guard guard(lock_);
    if (try_take_locked(r.weight)) return true;
    if (r.weight <= size_) queue_.push_back(r);
    return false;
  }

  void leave(request& r) noexcept {
    waiter* served = nullptr;
    {
      spin_guard guard(lock_);
      if (!r.queued) return;
      queue_.remove(r);
      served = serve();
    }
    ready_all(served);
  }

  // Any mode, while gp is held still.
  void describe(wait_note& note, const goroutine* gp) noexcept {
    note.add("semaphore %p (", static_cast<void*>(this));
    if (lock_for_note(lock_)) {
      note.add("%lld of %lld free", static_cast<long long>(size_ - held_), static_cast<long long>(size_));
      int looks = 100;  // of a long queue the end is not searched
      const waiter* mine = queue_.first();
      while (mine != nullptr && mine->gp != gp && --looks > 0) mine = mine->next;
      if (mine != nullptr && mine->gp == gp) {
        note.add(", %lld wanted", static_cast<long long>(static_cast<const request*>(mine)->weight));
      }
      lock_.unlock();
    } else {
      note.add("of %lld", static_cast<long long>(size_));
    }
    note.mark_parties(this, party::any);
    note.add(")");
  }

  // False: more than is held.
  bool give_back(std::int64_t weight) noexcept {
    waiter* served = nullptr;
    {
      spin_guard guard(lock_);
      if (weight > held_) return false;
      held_ -= weight;
      race_release(this);
      served = serve();
    }
    ready_all(served);
    return true;
  }

 private:
  bool try_take_locked(std::int64_t weight) noexcept {
    if (size_ - held_ < weight || !queue_.empty()) return false;
    held_ += weight;
    race_acquire(this);
    return true;
  }

  // The lock is held. Gives units to waiters from the front, and returns them, linked by next.
  waiter* serve() noexcept {
    waiter* served = nullptr;
    waiter** end = &served;
    while (waiter* const first = queue_.first()) {
      const std::int64_t weight = static_cast<request*>(first)->weight;
      if (size_ - held_ < weight) break;
      queue_.remove(*first);
      if (first->shared != nullptr && !first->shared->take(first->arm)) continue;
      held_ += weight;
      first->next = nullptr;
      *end = first;
      end = &first->next;
    }
    return served;
  }

  static void ready_all(waiter* served) noexcept {
    while (served != nullptr) {
      goroutine* const gp = served->gp;
      served = served->next;
      ready(gp);
    }
  }

  const std::int64_t size_;
  spin_lock lock_;  // guards all below
  std::int64_t held_ = 0;
  wait_queue queue_;
};

// An arm of a select, with what it asks for.
class detail::semaphore_object final : public detail::select_object {
 public:
  semaphore_object(semaphore_core& core, std::int64_t weight) noexcept : core_(core), weight_(weight) {}

  bool try_take() noexcept override { return core_.try_take(weight_); }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = semaphore_core::request();
    me_.gp = gp;
    me_.shared = &shared;
    me_.arm = arm;
    me_.weight = weight_;
    if (!core_.take_or_queue(me_)) return false;
    if (shared.take(arm)) return true;
    core_.give_back(weight_);
    return false;
  }

  void leave(bool won) noexcept override {
    core_.leave(me_);
    if (won) race_acquire(&core_);
  }

  std::uint8_t reason() const noexcept override {
    return static_cast<std::uint8_t>(wait_reason::semaphore_acquire);
  }
  const void* address() const noexcept override { return &core_; }

 private:
  semaphore_core& core_;
  const std::int64_t weight_;
  semaphore_core::request me_;
};

namespace {

[[noreturn]] void misused(const std::string& text) {
  detail::throw_panic(new detail::panic_record_of<std::string>(text));
}

void check_weight(std::int64_t n) {
  if (n < 0) misused("semaphore: negative weight " + std::to_string(n));
}

}  // namespace

void rt::describe_semaphore(wait_note& note, const void* core, const goroutine* gp) noexcept {
  // Its lock is taken: the core is not const for us.
  static_cast<detail::semaphore_core*>(const_cast<void*>(core))->describe(note, gp);
}

void detail::make_semaphore_object(void* to, void* from) {
  static_assert(sizeof(semaphore_object) <= select_object_room);
  const auto& arm = *static_cast<const select_arm*>(from);
  check_weight(arm.amount());
  ::new (to) semaphore_object(*static_cast<semaphore_core*>(arm.element), arm.amount());
}

void detail::semaphore_core_end::operator()(semaphore_core* core) const noexcept { delete core; }

weighted_semaphore::weighted_semaphore(std::int64_t size) {
  if (size < 0) misused("semaphore: negative size " + std::to_string(size));
  core_.reset(new detail::semaphore_core(size));
}

void weighted_semaphore::acquire(std::int64_t n) {
  check_weight(n);
  kernel_section kernel;
  detail::semaphore_core::request me;
  me.gp = self();
  me.weight = n;
  if (core_->take_or_queue(me)) return;
  park(wait_reason::semaphore_acquire, core_.get());
  race_acquire(core_.get());
}

bool weighted_semaphore::try_acquire(std::int64_t n) {
  check_weight(n);
  kernel_section kernel;
  return core_->try_take(n);
}

void weighted_semaphore::release(std::int64_t n) {
  check_weight(n);
  bool held = false;
  {
    kernel_section kernel;
    held = core_->give_back(n);
  }
  if (!held) misused("semaphore: released more than held");
}

}  // namespace gos
