// syscall: system calls for which glibc 2.36 has no function, with the constants its headers may lack.
//
// Each returns what the C library's functions return: -1 with errno set, or the result.
#pragma once

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace gos::rt {

// madvise advice of Linux 6.13: the pages become a guard that faults on access, without splitting the mapping.
inline constexpr int madv_guard_install = 102;

inline long sys_pidfd_open(pid_t process) noexcept {
  constexpr long number = 434;  // the same on all architectures
  return ::syscall(number, process, 0);
}

// Of one thread, which poll() then shows to be readable when it has ended. Since Linux 6.9; EINVAL before.
inline long sys_pidfd_open_thread(pid_t thread) noexcept {
  constexpr long number = 434;           // the same on all architectures
  constexpr unsigned pidfd_thread = 0200;  // O_EXCL
  return ::syscall(number, thread, pidfd_thread);
}

// madvise for many ranges at once. On one's own process any advice since Linux 6.13.
inline long sys_process_madvise(int pidfd, const iovec* ranges, std::size_t count, int advice) noexcept {
  constexpr long number = 440;  // the same on all architectures
  return ::syscall(number, pidfd, ranges, count, advice, 0);
}

inline constexpr int futex_op_wait_private = 0 | 128;
inline constexpr int futex_op_wake_private = 1 | 128;

inline long sys_futex(void* word, int operation, std::uint32_t value, const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

inline constexpr int membarrier_query = 0;
inline constexpr int membarrier_private_expedited = 1 << 3;
inline constexpr int membarrier_register_private_expedited = 1 << 4;

inline long sys_membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

inline long sys_epoll_pwait2(int epoll_fd, epoll_event* events, int capacity, const timespec* timeout) noexcept {
  constexpr long number = 441;  // the same on all architectures
  return ::syscall(number, epoll_fd, events, capacity, timeout, nullptr, 0);
}

}  // namespace gos::rt
