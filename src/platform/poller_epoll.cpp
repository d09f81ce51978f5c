// poller_epoll: the poller over epoll, with an eventfd for wake().
//
// Descriptors are edge-triggered. The eventfd is level-triggered, so that a wait() that only looks (time-out 0) cannot eat the
// wake-up meant for a thread that blocks; only a wait() that may block consumes it.
//
// Wake-ups. (1) wake_pending_ set means: the eventfd is readable or is about to be, so another write is not needed. (2) A
// blocking wait() that sees the eventfd drains it first and clears the flag after; a wake() in between writes nothing, and
// needs not, since that wait() returns and has, through the flag, seen everything that happened before that wake(). The
// reverse order could leave the flag set over a drained eventfd: a lost wake-up.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>

#include "platform/environment.hpp"
#include "base/race.hpp"
#include "platform/poller.hpp"
#include "platform/syscall.hpp"

namespace gos::rt {

namespace {

// Set when the kernel does not know epoll_pwait2 (before Linux 5.11, emulators, seccomp filters).
std::atomic<bool> pwait2_missing{false};

int wait_milliseconds(int queue_fd, epoll_event* events, int capacity, std::int64_t timeout_ns) noexcept {
  std::int64_t timeout_ms = -1;
  // Rounded up: waking too early would make the caller spin through the rest.
  if (timeout_ns >= 0) timeout_ms = std::min<std::int64_t>(timeout_ns / 1'000'000 + (timeout_ns % 1'000'000 != 0), INT_MAX);
  return ::epoll_wait(queue_fd, events, capacity, static_cast<int>(timeout_ms));
}

int wait_nanoseconds(int queue_fd, epoll_event* events, int capacity, std::int64_t timeout_ns) noexcept {
  // The plain call serves all that needs no precision, and is the cheaper one.
  // relaxed: the flag is a hint, whoever misses it finds out for itself.
  if (timeout_ns <= 0 || pwait2_missing.load(std::memory_order_relaxed)) {
    return wait_milliseconds(queue_fd, events, capacity, timeout_ns);
  }
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
  const long got = sys_epoll_pwait2(queue_fd, events, capacity, &timeout);
  if (got >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(got);
  // relaxed: a hint, as above.
  pwait2_missing.store(true, std::memory_order_relaxed);
  return wait_milliseconds(queue_fd, events, capacity, timeout_ns);
}

std::uint32_t readiness_of(std::uint32_t events) noexcept {
  std::uint32_t readiness = 0;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readiness |= poll_readable;
  if ((events & EPOLLOUT) != 0) readiness |= poll_writable;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) readiness |= poll_readable | poll_writable | poll_error;
  return readiness;
}

}  // namespace

poller::~poller() {
  if (wake_fd_ >= 0) ::close(wake_fd_);
  if (queue_fd_ >= 0) ::close(queue_fd_);
}

bool poller::open() noexcept {
  queue_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (queue_fd_ < 0) return false;
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;  // no user has this address
  if (wake_fd_ < 0 || ::epoll_ctl(queue_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const int error = errno;
    if (wake_fd_ >= 0) ::close(wake_fd_);
    ::close(queue_fd_);
    wake_fd_ = queue_fd_ = -1;
    errno = error;
    return false;
  }
  // relaxed: no other thread knows this poller yet.
  if (debug_flag("nopwait2")) pwait2_missing.store(true, std::memory_order_relaxed);
  race_release(this);  // TSan follows descriptors: whoever uses these two later comes after this
  return true;
}

int poller::add(int fd, void* user) noexcept {
  race_acquire(this);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<std::uint32_t>(EPOLLET);
  event.data.ptr = user;
  return ::epoll_ctl(queue_fd_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int poller::remove(int fd) noexcept {
  race_acquire(this);
  epoll_event unused{};
  return ::epoll_ctl(queue_fd_, EPOLL_CTL_DEL, fd, &unused) == 0 ? 0 : errno;
}

int poller::wait(poll_event* out, int capacity, std::int64_t timeout_ns) noexcept {
  race_acquire(this);
  epoll_event events[128];
  capacity = std::min(capacity, static_cast<int>(std::size(events)));
  const int got = wait_nanoseconds(queue_fd_, events, capacity, timeout_ns);
  int count = 0;
  for (int i = 0; i < got; ++i) {
    if (events[i].data.ptr == this) {
      if (timeout_ns != 0) consume_wake();
    } else {
      out[count++] = {events[i].data.ptr, readiness_of(events[i].events)};
    }
  }
  return count;
}

void poller::consume_wake() noexcept {
  std::uint64_t ignored = 0;
  while (::read(wake_fd_, &ignored, sizeof ignored) < 0 && errno == EINTR) {
  }
  // acq_rel: pairs with: the exchange in wake(). The order after the read is (2) above.
  wake_pending_.exchange(false, std::memory_order_acq_rel);
}

void poller::wake() noexcept {
  race_acquire(this);
  // acq_rel: pairs with: the exchange in consume_wake(); what the caller did before is visible to who clears the flag.
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  const int saved_errno = errno;
  const std::uint64_t one = 1;
  while (::write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  errno = saved_errno;
}

}  // namespace gos::rt
