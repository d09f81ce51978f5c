// rwlock: pthread_rwlock_t, and so std::shared_mutex.
//
// As with mutexes the lock stays the C library's, and a goroutine takes it by its try functions. Every unlock comes here, so
// a goroutine that finds it taken soon parks: readers under the lock's address, writers under the one behind it. Who
// unlocks wakes one writer and all readers; those who are too late park again.
//
// Of the holder the C library keeps the writer's thread alone, which tells unlock what it unlocks. A goroutine that unlocks
// what is locked for writing has itself locked it: its thread takes the writer's place.
#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "hook/waiting.hpp"

namespace gos::rt {

namespace {

using lock_call = decltype(libc::pthread_rwlock_trywrlock);

// Of those that wait to read and to write.
const void* address_of(const pthread_rwlock_t* l, bool writing) noexcept {
  return reinterpret_cast<const std::byte*>(l) + (writing ? 1 : 0);
}

bool hooked(const pthread_rwlock_t* l) noexcept { return may_park() && l->__data.__shared == 0; }

int lock(pthread_rwlock_t* l, bool writing, std::int64_t deadline_ns) noexcept {
  lock_call& try_lock = writing ? libc::pthread_rwlock_trywrlock : libc::pthread_rwlock_tryrdlock;
  int result = try_lock(l);
  if (result == EBUSY) spin_for([&] { return (result = try_lock(l)) != EBUSY; });
  const void* const address = address_of(l, writing);
  for (bool was_woken = false; result == EBUSY;) {
    const auto recheck = [&] {
      result = try_lock(l);
      return result == EBUSY;
    };
    const waited how = wait_at(address, wait_reason::pthread_rwlock_lock, deadline_ns, was_woken, recheck);
    if (how == waited::timed_out) return ETIMEDOUT;
    if (how == waited::woken) was_woken = true;
    if (result == EBUSY) result = try_lock(l);
  }
  return result;
}

int lock_until(pthread_rwlock_t* l, bool writing, clockid_t clock, const timespec* until) noexcept {
  return is_valid(*until) ? lock(l, writing, deadline_at(clock, *until)) : EINVAL;
}

bool is_known(clockid_t clock) noexcept { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return hooked(l) ? lock(l, false, never_ns) : libc::pthread_rwlock_rdlock(l);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return hooked(l) ? lock(l, true, never_ns) : libc::pthread_rwlock_wrlock(l);
}
int pthread_rwlock_timedrdlock(pthread_rwlock_t* __restrict l, const timespec* __restrict until) noexcept {
  return hooked(l) ? lock_until(l, false, CLOCK_REALTIME, until) : libc::pthread_rwlock_timedrdlock(l, until);
}
int pthread_rwlock_timedwrlock(pthread_rwlock_t* __restrict l, const timespec* __restrict until) noexcept {
  return hooked(l) ? lock_until(l, true, CLOCK_REALTIME, until) : libc::pthread_rwlock_timedwrlock(l, until);
}
int pthread_rwlock_clockrdlock(pthread_rwlock_t* __restrict l, clockid_t clock, const timespec* __restrict until) noexcept {
  return is_known(clock) && hooked(l) ? lock_until(l, false, clock, until)
                                      : libc::pthread_rwlock_clockrdlock(l, clock, until);
}
int pthread_rwlock_clockwrlock(pthread_rwlock_t* __restrict l, clockid_t clock, const timespec* __restrict until) noexcept {
  return is_known(clock) && hooked(l) ? lock_until(l, true, clock, until)
                                      : libc::pthread_rwlock_clockwrlock(l, clock, until);
}

int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  const bool plain = l->__data.__shared == 0;
  // relaxed, all: the caller has the lock; a thread's number.
  if (may_park() && plain && __atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED) != 0) {
    __atomic_store_n(&l->__data.__cur_writer, this_machine()->thread.load(std::memory_order_relaxed), __ATOMIC_RELAXED);
  }
  const int result = libc::pthread_rwlock_unlock(l);
  if (plain) {
    wake_one(address_of(l, true));
    wake_all(address_of(l, false));
  }
  return result;
}

}  // extern "C"
