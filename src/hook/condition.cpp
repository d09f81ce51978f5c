// condition: pthread_cond_t, and so std::condition_variable.
//
// Threads wait in the C library, goroutines here; a signal goes to one of each kind that waits, since POSIX lets a wait end
// without one. A goroutine stands in the queue before it unlocks the mutex, and does not leave kernel mode from there to its
// park: it may be made ready at any moment.
#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "hook/mutex.hpp"
#include "hook/waiting.hpp"

namespace gos::rt {

namespace {

bool is_shared(const pthread_cond_t* c) noexcept { return (c->__data.__wrefs & 1) != 0; }
clockid_t clock_of(const pthread_cond_t* c) noexcept { return (c->__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME; }

bool hooked(const pthread_cond_t* c, const pthread_mutex_t* m) noexcept {
  return may_park() && !is_shared(c) && is_plain(m) && in_home_process();
}

int wait(pthread_cond_t* c, pthread_mutex_t* m, std::int64_t deadline_ns) noexcept {
  int failure = 0;
  const auto unlock = [&] {
    failure = unlock_mutex(m);
    return failure == 0;
  };
  const waited how = wait_at(c, wait_reason::pthread_cond_wait, deadline_ns, false, unlock);
  if (failure != 0) {
    if (how == waited::woken) wake_one(c);  // a signal that was for somebody who waits
    return failure;
  }
  lock_mutex(m, never_ns);
  return how == waited::timed_out ? ETIMEDOUT : 0;
}

int wait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
  return is_valid(*until) ? wait(c, m, deadline_at(clock, *until)) : EINVAL;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int pthread_cond_wait(pthread_cond_t* __restrict c, pthread_mutex_t* __restrict m) {
  return hooked(c, m) ? wait(c, m, never_ns) : libc::pthread_cond_wait(c, m);
}

int pthread_cond_timedwait(pthread_cond_t* __restrict c, pthread_mutex_t* __restrict m, const timespec* __restrict until) {
  return hooked(c, m) ? wait(c, m, clock_of(c), until) : libc::pthread_cond_timedwait(c, m, until);
}

int pthread_cond_clockwait(pthread_cond_t* __restrict c, pthread_mutex_t* __restrict m, clockid_t clock,
                           const timespec* __restrict until) {
  const bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
  return known && hooked(c, m) ? wait(c, m, clock, until) : libc::pthread_cond_clockwait(c, m, clock, until);
}

int pthread_cond_signal(pthread_cond_t* c) noexcept {
  const int result = libc::pthread_cond_signal(c);
  wake_one(c);
  return result;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
  const int result = libc::pthread_cond_broadcast(c);
  wake_all(c);
  return result;
}

}  // extern "C"
