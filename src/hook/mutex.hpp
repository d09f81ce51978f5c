// mutex: what the hooked condition variables need of the hooked mutexes.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace gos::rt {

// Both on a goroutine. lock_mutex, in user mode: 0, EDEADLK, EAGAIN, or ETIMEDOUT after deadline_ns. unlock_mutex, in either
// mode: 0 or EPERM.
int lock_mutex(pthread_mutex_t* m, std::int64_t deadline_ns) noexcept;
int unlock_mutex(pthread_mutex_t* m) noexcept;

// Not shared with other processes, not robust, and without a priority protocol: others are the C library's alone.
inline bool is_plain(const pthread_mutex_t* m) noexcept {
  constexpr int robust = 16, inherits = 32, protects = 64, shared = 128;
  return (m->__data.__kind & (robust | inherits | protects | shared)) == 0;
}

}  // namespace gos::rt
