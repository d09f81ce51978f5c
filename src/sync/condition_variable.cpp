// condition_variable: waiters queue in the sleep table under its address, in the order of their arrival.
//
// INV1 A waiter is in the queue before it releases the mutex: a notification that comes after the release finds it
//      (CO-01).
// INV2 Between its entry into the queue and its park a waiter does not leave kernel mode: it may be made ready at any
//      moment, and a goroutine that is made ready must be parked or about to be. So the mutex is released in kernel
//      mode.
// INV3 has_waiters_ says whether the queue is not empty, and is changed with it under the bucket's lock.
// INV4 After its wake-up a waiter does not touch the condition variable.
// INV5 A wait with a limit is a select; its mutex is released when its arm joins the queue, so by INV2 in kernel mode, too.
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
      has_waiters_.store(true, std::memory_order_relaxed);  // relaxed: released with the mutex
    }
    lock.mutex()->unlock_in_kernel();
    park(wait_reason::condition_variable_wait, this);
    race_acquire(&me);  // of the notification that ended this wait, and of no other (MM-08)
  }
  lock.mutex()->lock();
  race_acquire(&lock.mutex()->locked_);  // ThreadSanitizer does not see a lock that is inlined here
}

// The arm of a select that waits for a notification. It releases the mutex when it joins, once.
class detail::condition_object final : public detail::select_object {
 public:
  struct request {
    condition_variable* changed;
    mutex* held;
    bool released = false;
  };

  explicit condition_object(request& r) noexcept : request_(r) {}

  bool try_take() noexcept override { return false; }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = {.gp = gp, .shared = &shared, .arm = arm};
    condition_variable& changed = *request_.changed;
    {
      sleep_bucket& bucket = sleep_bucket_of(&changed);
      spin_guard guard(bucket.lock);
      bucket.push_back(me_, &changed);
      changed.has_waiters_.store(true, std::memory_order_relaxed);  // relaxed: released with the mutex
    }
    request_.held->unlock_in_kernel();
    request_.released = true;
    return false;
  }

  void leave(bool won) noexcept override {
    if (won) {  // INV4
      race_acquire(&me_);  // as in wait()
      return;
    }
    condition_variable& changed = *request_.changed;
    sleep_bucket& bucket = sleep_bucket_of(&changed);
    spin_guard guard(bucket.lock);
    if (!me_.queued) return;
    bucket.remove(me_);
    changed.note_waiters();
  }

  std::uint8_t reason() const noexcept override {
    return static_cast<std::uint8_t>(wait_reason::condition_variable_wait);
  }
  const void* address() const noexcept override { return request_.changed; }

 private:
  request& request_;
  sleeper me_;
};

bool condition_variable::wait_within(std::unique_lock<mutex>& lock, const detail::select_arm& limit) {
  if (!lock.owns_lock()) detail::raise_runtime_error("wait on a condition variable without the mutex");
  detail::condition_object::request request{this, lock.mutex()};
  const detail::select_arm arm = detail::object_arm(&request, [](void* to, void* from) {
    static_assert(sizeof(detail::condition_object) <= detail::select_object_room);
    auto* r = static_cast<detail::condition_object::request*>(
        static_cast<const detail::select_arm*>(from)->element);
    ::new (to) detail::condition_object(*r);
  });
  const bool notified = detail::wait_within(arm, limit);
  if (!request.released) {  // the limit was over at once: others have a turn all the same
    race_release(&lock.mutex()->locked_);  // as below
    lock.mutex()->unlock();
    yield_goroutine();
  }
  lock.mutex()->lock();
  race_acquire(&lock.mutex()->locked_);  // ThreadSanitizer does not see a lock that is inlined here
  return notified;
}

// The bucket is locked.
void condition_variable::note_waiters() noexcept {
  // relaxed: INV3
  has_waiters_.store(sleep_bucket_of(this).first(this) != nullptr, std::memory_order_relaxed);
}

void condition_variable::notify_one_slow() noexcept {
  kernel_section kernel;
  goroutine* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    const sleeper* const s = bucket.pop(this);
    note_waiters();
    if (s == nullptr) return;
    race_release(s);
    woken = s->gp;
  }
  ready(woken);
}

void condition_variable::notify_all_slow() noexcept {
  kernel_section kernel;
  sleeper* woken = nullptr;
  {
    sleep_bucket& bucket = sleep_bucket_of(this);
    spin_guard guard(bucket.lock);
    woken = bucket.take_all(this);
    note_waiters();
  }
  while (woken != nullptr) {
    goroutine* const gp = woken->gp;
    race_release(woken);
    woken = woken->next;
    ready(gp);
  }
}

}  // namespace gos
