// See kernel_calls.hpp.
#include "io/kernel_calls.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace gos::rt::kernel_calls {

namespace {
[[gnu::always_inline]] inline int checked(int result) noexcept { return result < 0 ? -errno : result; }
}  // namespace

[[gnu::noinline]] int socket(int family, int type, int protocol) noexcept {
  return checked(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

[[gnu::noinline]] int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  return checked(::bind(fd, address, size));
}

[[gnu::noinline]] int listen(int fd, int backlog) noexcept { return checked(::listen(fd, backlog)); }

[[gnu::noinline]] int connect(int fd, const sockaddr* address, socklen_t size) noexcept {
  return checked(::connect(fd, address, size));
}

[[gnu::noinline]] int accept(int fd, sockaddr* address, socklen_t* size) noexcept {
  return checked(::accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

[[gnu::noinline]] int shutdown(int fd, int how) noexcept { return checked(::shutdown(fd, how)); }

[[gnu::noinline]] int close(int fd) noexcept { return checked(::close(fd)); }

[[gnu::noinline]] int duplicate(int fd) noexcept { return checked(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

[[gnu::noinline]] std::ptrdiff_t receive(int fd, void* buffer, std::size_t size) noexcept {
  const ssize_t got = ::recv(fd, buffer, size, 0);
  return got < 0 ? -errno : got;
}

[[gnu::noinline]] std::ptrdiff_t send(int fd, const void* data, std::size_t size) noexcept {
  const ssize_t sent = ::send(fd, data, size, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

[[gnu::noinline]] int local_address(int fd, sockaddr* address, socklen_t* size) noexcept {
  return checked(::getsockname(fd, address, size));
}

[[gnu::noinline]] int peer_address(int fd, sockaddr* address, socklen_t* size) noexcept {
  return checked(::getpeername(fd, address, size));
}

[[gnu::noinline]] int set_option(int fd, int level, int name, int value) noexcept {
  return checked(::setsockopt(fd, level, name, &value, sizeof value));
}

[[gnu::noinline]] int set_linger(int fd, int seconds) noexcept {
  const linger value{.l_onoff = seconds >= 0, .l_linger = seconds >= 0 ? seconds : 0};
  return checked(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value));
}

[[gnu::noinline]] int take_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  const int result = checked(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
  return result < 0 ? -result : error;
}

[[gnu::noinline]] int is_ready(int fd, bool for_writing) noexcept {
  if (fd < 0) return -EBADF;  // poll ignores such a one
  pollfd asked{.fd = fd, .events = static_cast<short>(for_writing ? POLLOUT : POLLIN), .revents = 0};
  int got = 0;
  do got = checked(::poll(&asked, 1, 0));
  while (got == -EINTR);
  if (got <= 0) return got;
  return (asked.revents & POLLNVAL) != 0 ? -EBADF : 1;
}

[[gnu::noinline]] bool raise_descriptor_limit() noexcept {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= limit.rlim_max) return true;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

[[gnu::noinline]] int listen_backlog_max() noexcept {
  constexpr int usual = 128;
  const int fd = ::open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return usual;
  char text[16] = {};
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  const int value = size > 0 ? std::atoi(text) : 0;
  return value > 0 ? value : usual;
}

}  // namespace gos::rt::kernel_calls
