// lockcheck_interpose: libgossamer_lockcheck.so, which stands before pthread's locks and tells the runtime who holds which.
//
// Not part of the runtime: a library of its own, that a program preloads or links. It knows no goroutines; it calls
// the locks it stands before and, once the runtime has attached itself, says what happened. std::mutex, std::shared_mutex,
// std::recursive_mutex, boost::mutex and the like come here, since glibc's pthread functions are what they are made of.
// Locks inside the C library (stdio, malloc) do not: it calls its own by other names.
//
// pthread_cond_wait unlocks and locks within the C library. It is told of as an unlock and a lock: meanwhile the mutex is
// others', whose unlocks must not be taken for the waiter's.
// The next definitions are looked up as next_function.hpp says.
#include <cerrno>
#include <pthread.h>
#include <time.h>

#include <atomic>

#include "platform/lockcheck.hpp"
#include "platform/next_function.hpp"

namespace {

std::atomic<const gos_lockcheck_callbacks*> attached{nullptr};

using gos::rt::next_condition_version;
using gos::rt::next_function;

constinit auto next_mutex_lock = next_function(&::pthread_mutex_lock, "pthread_mutex_lock");
constinit auto next_mutex_trylock = next_function(&::pthread_mutex_trylock, "pthread_mutex_trylock");
constinit auto next_mutex_unlock = next_function(&::pthread_mutex_unlock, "pthread_mutex_unlock");
constinit auto next_mutex_timedlock = next_function(&::pthread_mutex_timedlock, "pthread_mutex_timedlock");
constinit auto next_mutex_clocklock = next_function(&::pthread_mutex_clocklock, "pthread_mutex_clocklock");
constinit auto next_rwlock_rdlock = next_function(&::pthread_rwlock_rdlock, "pthread_rwlock_rdlock");
constinit auto next_rwlock_tryrdlock = next_function(&::pthread_rwlock_tryrdlock, "pthread_rwlock_tryrdlock");
constinit auto next_rwlock_timedrdlock = next_function(&::pthread_rwlock_timedrdlock, "pthread_rwlock_timedrdlock");
constinit auto next_rwlock_clockrdlock = next_function(&::pthread_rwlock_clockrdlock, "pthread_rwlock_clockrdlock");
constinit auto next_rwlock_wrlock = next_function(&::pthread_rwlock_wrlock, "pthread_rwlock_wrlock");
constinit auto next_rwlock_trywrlock = next_function(&::pthread_rwlock_trywrlock, "pthread_rwlock_trywrlock");
constinit auto next_rwlock_timedwrlock = next_function(&::pthread_rwlock_timedwrlock, "pthread_rwlock_timedwrlock");
constinit auto next_rwlock_clockwrlock = next_function(&::pthread_rwlock_clockwrlock, "pthread_rwlock_clockwrlock");
constinit auto next_rwlock_unlock = next_function(&::pthread_rwlock_unlock, "pthread_rwlock_unlock");
constinit auto next_cond_wait = next_function(&::pthread_cond_wait, "pthread_cond_wait", next_condition_version);
constinit auto next_cond_timedwait = next_function(&::pthread_cond_timedwait, "pthread_cond_timedwait", next_condition_version);
constinit auto next_cond_clockwait = next_function(&::pthread_cond_clockwait, "pthread_cond_clockwait");
constinit auto next_spin_lock = next_function(&::pthread_spin_lock, "pthread_spin_lock");
constinit auto next_spin_trylock = next_function(&::pthread_spin_trylock, "pthread_spin_trylock");
constinit auto next_spin_unlock = next_function(&::pthread_spin_unlock, "pthread_spin_unlock");

template <class... F>
void look_up_all(F&... next) noexcept {
  (next.look_up(), ...);
}

[[gnu::constructor]] void loaded() noexcept {
  look_up_all(next_mutex_lock, next_mutex_trylock, next_mutex_unlock, next_mutex_timedlock, next_mutex_clocklock,
              next_rwlock_rdlock, next_rwlock_tryrdlock, next_rwlock_timedrdlock, next_rwlock_clockrdlock,
              next_rwlock_wrlock, next_rwlock_trywrlock, next_rwlock_timedwrlock, next_rwlock_clockwrlock,
              next_rwlock_unlock, next_cond_wait, next_cond_timedwait, next_cond_clockwait, next_spin_lock,
              next_spin_trylock, next_spin_unlock);
}

// acquire: pairs with gos_lockcheck_attach(): the callbacks are complete.
void tell_locked(volatile const void* lock, int kind) noexcept {
  const auto* told = attached.load(std::memory_order_acquire);
  if (__builtin_expect(told != nullptr, 0)) told->locked(const_cast<const void*>(lock), kind);
}

void tell_unlocking(volatile const void* lock) noexcept {
  const auto* told = attached.load(std::memory_order_acquire);  // acquire: as above
  if (__builtin_expect(told != nullptr, 0)) told->unlocking(const_cast<const void*>(lock));
}

// A lock whose last owner died is held, too.
template <class L>
int told(int result, L* lock, int kind) noexcept {
  if (result == 0 || result == EOWNERDEAD) tell_locked(lock, kind);
  return result;
}

}  // namespace

extern "C" {

// Callbacks of another version are refused.
__attribute__((visibility("default"))) bool gos_lockcheck_attach(const gos_lockcheck_callbacks* callbacks) {
  if (callbacks->version != gos::rt::lockcheck_version) return false;
  attached.store(callbacks, std::memory_order_release);  // release: pairs with tell_locked() and tell_unlocking()
  return true;
}

#define GOS_INTERPOSED __attribute__((visibility("default")))

GOS_INTERPOSED int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  return told(next_mutex_lock(m), m, gos_lockcheck_mutex);
}
GOS_INTERPOSED int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  return told(next_mutex_trylock(m), m, gos_lockcheck_mutex);
}
GOS_INTERPOSED int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* until) noexcept {
  return told(next_mutex_timedlock(m, until), m, gos_lockcheck_mutex);
}
GOS_INTERPOSED int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
  return told(next_mutex_clocklock(m, clock, until), m, gos_lockcheck_mutex);
}
GOS_INTERPOSED int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  tell_unlocking(m);
  return next_mutex_unlock(m);
}

GOS_INTERPOSED int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return told(next_rwlock_rdlock(l), l, gos_lockcheck_rwlock_shared);
}
GOS_INTERPOSED int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
  return told(next_rwlock_tryrdlock(l), l, gos_lockcheck_rwlock_shared);
}
GOS_INTERPOSED int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* until) noexcept {
  return told(next_rwlock_timedrdlock(l, until), l, gos_lockcheck_rwlock_shared);
}
GOS_INTERPOSED int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
  return told(next_rwlock_clockrdlock(l, clock, until), l, gos_lockcheck_rwlock_shared);
}
GOS_INTERPOSED int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return told(next_rwlock_wrlock(l), l, gos_lockcheck_rwlock);
}
GOS_INTERPOSED int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
  return told(next_rwlock_trywrlock(l), l, gos_lockcheck_rwlock);
}
GOS_INTERPOSED int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* until) noexcept {
  return told(next_rwlock_timedwrlock(l, until), l, gos_lockcheck_rwlock);
}
GOS_INTERPOSED int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
  return told(next_rwlock_clockwrlock(l, clock, until), l, gos_lockcheck_rwlock);
}
GOS_INTERPOSED int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  tell_unlocking(l);
  return next_rwlock_unlock(l);
}

// Not noexcept: a thread may be cancelled there. However it returns, the mutex is locked again.
GOS_INTERPOSED int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  tell_unlocking(m);
  const int result = next_cond_wait(c, m);
  tell_locked(m, gos_lockcheck_mutex);
  return result;
}
GOS_INTERPOSED int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* until) {
  tell_unlocking(m);
  const int result = next_cond_timedwait(c, m, until);
  tell_locked(m, gos_lockcheck_mutex);
  return result;
}
GOS_INTERPOSED int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* until) {
  tell_unlocking(m);
  const int result = next_cond_clockwait(c, m, clock, until);
  tell_locked(m, gos_lockcheck_mutex);
  return result;
}

GOS_INTERPOSED int pthread_spin_lock(pthread_spinlock_t* l) noexcept {
  return told(next_spin_lock(l), l, gos_lockcheck_spin);
}
GOS_INTERPOSED int pthread_spin_trylock(pthread_spinlock_t* l) noexcept {
  return told(next_spin_trylock(l), l, gos_lockcheck_spin);
}
GOS_INTERPOSED int pthread_spin_unlock(pthread_spinlock_t* l) noexcept {
  tell_unlocking(l);
  return next_spin_unlock(l);
}

}  // extern "C"
