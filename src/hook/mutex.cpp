// mutex: pthread_mutex_t, and so std::mutex, std::recursive_mutex and the like.
//
// The mutex stays the C library's: threads lock and unlock it by its functions and sleep in its futex. A goroutine takes it
// by its trylock. What is added is who holds it, when that is a goroutine: in the two words that the C library keeps for
// robust mutexes only, and that are zero in all others.
//
// Which goroutine waits how. If a goroutine holds the mutex that is not running - it waits for something, or for a
// processor - who wants it parks: that may last, and it may be this very thread that the holder needs. In all other cases
// the holder runs, and will be done soon: the thread waits, and looks again every now and then whether the holder has parked
// meanwhile. So nobody parks inside a library that holds its locks for short sections only, in the middle of code that
// believes to stay on its thread: an allocator, an unwinder. It keeps its processor, too, until the watchdog takes it: the many
// that want the lock of one that has lost its CPU would otherwise each hold a thread.
//
// Who owns it. Recursive and error-checking mutexes compare the owner's thread, and goroutines change threads. When a
// goroutine has such a one its owner is a thread that does not exist, so that nobody is taken for it; the goroutine knows
// itself by the holder, counts its recursions in the mutex, and becomes the owner for the last unlock.
//
// INV1 holder is set by the goroutine that has the mutex, after it took it, and cleared before it gives it up. Between taking
//      and setting the goroutine does not leave its thread; so nobody on that thread finds the mutex its own.
// INV2 Who parks has seen, after it queued, that a goroutine holds the mutex (recheck). A goroutine unlocks here, always, and
//      looks for who is parked; so the wake-up comes. (A thread may unlock inside pthread_cond_wait, unseen.) Who was woken
//      and finds somebody else quicker waits on; when it gets the mutex and unlocks it wakes the next, and if it gives up
//      it does so then.
// INV3 A holder that is gone or somebody else by now is a goroutine all the same: records are never given back. To park for
//      the wrong reason is safe by the recheck, to let the thread wait always.
//
// Rejected: a mutex of our own in the same bytes, on which threads would have to wait through the runtime, too; the holder in
// a table by address, which is a lookup for each lock; to pin who holds a mutex to its thread, which costs a thread for each
// holder that waits (SQLite sleeps in its busy handler with its mutex locked).
#include "hook/mutex.hpp"

#include <algorithm>

#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "hook/waiting.hpp"

namespace gos::rt {

namespace {

constexpr int no_thread = 0x7fffffff;

int type_of(const pthread_mutex_t* m) noexcept { return m->__data.__kind & 3; }
bool knows_owner(const pthread_mutex_t* m) noexcept {
  return type_of(m) == PTHREAD_MUTEX_RECURSIVE || type_of(m) == PTHREAD_MUTEX_ERRORCHECK;
}

// relaxed, both: what the mutex protects is ordered by it; who looks at another's mutex looks again by INV2.
goroutine* holder_of(const pthread_mutex_t* m) noexcept {
  return reinterpret_cast<goroutine*>(__atomic_load_n(&m->__data.__list.__prev, __ATOMIC_RELAXED));
}
void set_holder(pthread_mutex_t* m, goroutine* gp) noexcept {
  __atomic_store_n(&m->__data.__list.__prev, reinterpret_cast<decltype(m->__data.__list.__prev)>(gp), __ATOMIC_RELAXED);
}

// INV1. The mutex is the caller's.
void taken(pthread_mutex_t* m, goroutine* gp) noexcept {
  set_holder(m, gp);
  if (knows_owner(m)) __atomic_store_n(&m->__data.__owner, no_thread, __ATOMIC_RELAXED);  // relaxed: as above
}

int try_lock(pthread_mutex_t* m, goroutine* gp) noexcept {
  if (knows_owner(m) && holder_of(m) != nullptr) return EBUSY;
  const int result = libc::pthread_mutex_trylock(m);
  if (result == 0) taken(m, gp);
  return result;
}

bool must_park(const pthread_mutex_t* m, const goroutine* gp) noexcept {
  const goroutine* const holder = holder_of(m);
  if (holder == nullptr) return false;
  // relaxed: a hint (INV3).
  return holder == gp || holder->state.load(std::memory_order_relaxed) != goroutine_state::running;
}

int lock_again(pthread_mutex_t* m) noexcept {
  if (type_of(m) == PTHREAD_MUTEX_ERRORCHECK) return EDEADLK;
  if (m->__data.__count + 1 == 0) return EAGAIN;
  ++m->__data.__count;
  return 0;
}

// The thread waits, for a while at most. 0 or an errno value; ETIMEDOUT at the end of the while. Not in a blocking section, whose
// end may be on another thread.
int wait_by_thread(pthread_mutex_t* m, goroutine* gp, std::int64_t deadline_ns) noexcept {
  constexpr std::int64_t while_ns = 1'000'000;
  const std::int64_t until_ns = std::min(deadline_ns, monotonic_ns() + while_ns);
  const timespec until{.tv_sec = until_ns / 1'000'000'000, .tv_nsec = until_ns % 1'000'000'000};
  const int result = libc::pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &until);
  if (result == 0) taken(m, gp);
  return result;
}

int lock_slow(pthread_mutex_t* m, goroutine* gp, std::int64_t deadline_ns) noexcept {
  // relaxed: a look before the leap.
  const auto try_again = [=] { return __atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED) == 0 && try_lock(m, gp) == 0; };
  if (!must_park(m, gp) && spin_for(try_again)) return 0;
  for (bool was_woken = false;;) {
    int result = EBUSY;
    if (must_park(m, gp)) {
      const auto recheck = [&] {
        result = try_lock(m, gp);
        return result != 0 && must_park(m, gp);
      };
      const waited how = wait_at(m, wait_reason::pthread_mutex_lock, deadline_ns, was_woken, recheck);
      if (how == waited::woken) was_woken = true;
      if (result != 0 && how != waited::timed_out) result = try_lock(m, gp);
    } else {
      result = wait_by_thread(m, gp, deadline_ns);
    }
    if (result == 0) return 0;
    if (result == ETIMEDOUT || result == EBUSY) {
      if (monotonic_ns() < deadline_ns) continue;
      result = ETIMEDOUT;
    }
    if (was_woken) wake_one(m);  // INV2
    return result;
  }
}

// Gives it up, without looking who waits. On a goroutine.
int release(pthread_mutex_t* m) noexcept {
  const machine* mp = this_machine();
  if (knows_owner(m)) {
    if (holder_of(m) != mp->current) return EPERM;
    if (type_of(m) == PTHREAD_MUTEX_RECURSIVE && m->__data.__count > 1) {
      --m->__data.__count;
      return -1;
    }
    // relaxed, both: the caller's mutex, and its own thread's number.
    __atomic_store_n(&m->__data.__owner, mp->thread.load(std::memory_order_relaxed), __ATOMIC_RELAXED);
  }
  set_holder(m, nullptr);
  return libc::pthread_mutex_unlock(m);
}

int lock_until(pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
  goroutine* const gp = this_machine()->current;
  if (knows_owner(m) && holder_of(m) == gp) return lock_again(m);
  if (try_lock(m, gp) == 0) return 0;
  if (!is_valid(*until)) return EINVAL;
  return lock_slow(m, gp, deadline_at(clock, *until));
}

// By a plain thread: a goroutine that handed the mutex over to it is no longer the holder.
[[gnu::always_inline]] inline int unlock_by_thread(pthread_mutex_t* m) noexcept {
  const bool plain = is_plain(m);
  if (plain && holder_of(m) != nullptr && !knows_owner(m)) [[unlikely]]
    set_holder(m, nullptr);
  const int result = libc::pthread_mutex_unlock(m);
  if (plain) wake_one(m);
  return result;
}

[[gnu::always_inline]] inline bool hooked(const pthread_mutex_t* m) noexcept { return may_park() && is_plain(m); }

}  // namespace

int lock_mutex(pthread_mutex_t* m, std::int64_t deadline_ns) noexcept {
  goroutine* const gp = this_machine()->current;
  if (knows_owner(m) && holder_of(m) == gp) return lock_again(m);
  const int result = try_lock(m, gp);
  if (result != EBUSY) return result;
  return in_home_process() ? lock_slow(m, gp, deadline_ns) : libc::pthread_mutex_lock(m);
}

int unlock_mutex(pthread_mutex_t* m) noexcept {
  const int result = release(m);
  if (result == 0) wake_one(m);
  return result < 0 ? 0 : result;
}

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  return hooked(m) ? lock_mutex(m, never_ns) : libc::pthread_mutex_lock(m);
}

int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  if (!hooked(m)) return libc::pthread_mutex_trylock(m);
  goroutine* const gp = this_machine()->current;
  if (type_of(m) == PTHREAD_MUTEX_RECURSIVE && holder_of(m) == gp) return lock_again(m);
  return try_lock(m, gp);
}

int pthread_mutex_timedlock(pthread_mutex_t* __restrict m, const timespec* __restrict until) noexcept {
  return hooked(m) ? lock_until(m, CLOCK_REALTIME, until) : libc::pthread_mutex_timedlock(m, until);
}

int pthread_mutex_clocklock(pthread_mutex_t* __restrict m, clockid_t clock, const timespec* __restrict until) noexcept {
  const bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
  return known && hooked(m) ? lock_until(m, clock, until) : libc::pthread_mutex_clocklock(m, clock, until);
}

int pthread_mutex_unlock(pthread_mutex_t* m) noexcept { return hooked(m) ? unlock_mutex(m) : unlock_by_thread(m); }

}  // extern "C"
