// futex: the system call, with private words and relative time-outs.
#include "platform/futex.hpp"

#include <cerrno>

#include "platform/syscall.hpp"

namespace gos::rt {

bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t timeout_ns) noexcept {
  timespec timeout;
  const timespec* timeout_or_null = nullptr;
  if (timeout_ns >= 0) {
    timeout.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
    timeout.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
    timeout_or_null = &timeout;
  }
  return sys_futex(&word, futex_op_wait_private, expected, timeout_or_null) == 0 || errno != ETIMEDOUT;
}

void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  // A signal handler or a user between a failed call and his look at errno may be below us: keep errno.
  const int saved_errno = errno;
  sys_futex(&word, futex_op_wake_private, static_cast<std::uint32_t>(count), nullptr);
  errno = saved_errno;
}

}  // namespace gos::rt
