// semaphore: sem_t.
//
// Threads wait in the C library, goroutines here, and a post goes to one of each. A semaphore that is shared with other
// processes, whose posts nobody here sees, makes the thread wait.
//
// sem_post is the one of these functions that a signal handler may call. It may so still, but not on a semaphore that a
// goroutine waits for.
#include <cstring>

#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "hook/waiting.hpp"

namespace gos::rt {

namespace {

// The C library's flag lies behind the value and the number of those that wait.
bool is_shared(const sem_t* s) noexcept {
  int shared = 0;
  std::memcpy(&shared, reinterpret_cast<const std::byte*>(s) + 8, sizeof shared);
  return shared != 0;
}

int wait(sem_t* s, std::int64_t deadline_ns) noexcept {
  const outcome end;
  const auto try_wait = [s] { return checked([s] { return libc::sem_trywait(s); }); };
  long result = try_wait();
  for (bool was_woken = false; result == -EAGAIN;) {
    const auto recheck = [&] {
      result = try_wait();
      return result == -EAGAIN;
    };
    const waited how = wait_at(s, wait_reason::sem_wait, deadline_ns, was_woken, recheck);
    if (how == waited::timed_out) return end.failure(ETIMEDOUT);
    if (how == waited::woken) was_woken = true;
    if (result == -EAGAIN) {
      result = try_wait();
    } else if (how == waited::woken) {
      wake_one(s);  // for a post that was not needed here
    }
  }
  return static_cast<int>(end.of(result));
}

int wait_until(sem_t* s, clockid_t clock, const timespec* until) noexcept {
  return is_valid(*until) ? wait(s, deadline_at(clock, *until)) : outcome().failure(EINVAL);
}

bool hooked(const sem_t* s) noexcept { return may_park() && !is_shared(s); }

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int sem_wait(sem_t* s) {
  if (!may_park()) return libc::sem_wait(s);
  return is_shared(s) ? in_section([s] { return libc::sem_wait(s); }) : wait(s, never_ns);
}

int sem_timedwait(sem_t* __restrict s, const timespec* __restrict until) {
  return hooked(s) ? wait_until(s, CLOCK_REALTIME, until) : libc::sem_timedwait(s, until);
}

int sem_clockwait(sem_t* __restrict s, clockid_t clock, const timespec* __restrict until) {
  const bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
  return known && hooked(s) ? wait_until(s, clock, until) : libc::sem_clockwait(s, clock, until);
}

int sem_post(sem_t* s) noexcept {
  const int result = libc::sem_post(s);
  wake_one(s);
  return result;
}

}  // extern "C"
