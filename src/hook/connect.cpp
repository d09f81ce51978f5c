// connect: connect and accept.
//
// Neither has a form that does not wait on a blocking socket.
//
// accept: the listener is looked at, and the call made when a connection is there. Goroutines that accept from one listener
// take turns between the look and the call. A connection that another process takes between the two makes the thread wait
// for the next.
//
// connect: the socket is made non-blocking for the one system call that starts the connection, and put back before the wait.
// Nobody else can have a use for a socket that is not connected yet; a datagram socket, which can be used before, does not
// wait in connect and is left alone. The end of the wait is the socket's error, as in the kernel.
// Rejected: SO_SNDTIMEO of a microsecond, which is as visible and sleeps for a tick; io_uring, which may be forbidden.
#include <gossamer/mutex.hpp>

#include <fcntl.h>

#include <mutex>

#include "hook/descriptor.hpp"
#include "hook/here.hpp"
#include "hook/libc.hpp"

namespace gos::rt {

namespace {

gos::mutex& turn_at(int fd) noexcept {
  constexpr std::size_t turns = 64;
  static constinit gos::mutex table[turns];
  return table[static_cast<unsigned>(fd) % turns];
}

template <class Accept> int accept_call(int fd, Accept&& accept_now) {
  const outcome end;
  int why = 0;
  descriptor_wait wait(fd, fd_direction::read);
  while (!must_not_wait(fd, why)) {
    if (std::unique_lock turn(turn_at(fd)); is_ready(fd, fd_direction::read)) {
      const long accepted = in_section([&] { return checked(accept_now); });
      turn.unlock();
      return static_cast<int>(end.of(accepted));
    }
    const int failure = wait.wait();
    if (failure > 0) return end.failure(failure);
    if (failure == descriptor_wait::refused) break;
  }
  return static_cast<int>(end.of(in_section([&] { return checked(accept_now); })));
}

int option_of(int fd, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Starts the connection. 0, or the negative errno value; -EINPROGRESS: it goes on.
long start(int fd, const sockaddr* address, socklen_t size) noexcept {
  return checked([&] {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return -1;
    const int result = libc::connect(fd, address, size);
    const int error = errno;
    ::fcntl(fd, F_SETFL, flags);
    errno = error;
    return result;
  });
}

int finish(int fd) noexcept {
  descriptor_wait wait(fd, fd_direction::write);
  const int failure = wait.wait();
  if (failure == EAGAIN) return EINPROGRESS;  // SO_SNDTIMEO
  if (failure > 0) return failure;
  if (failure == descriptor_wait::refused) {
    pollfd asked{.fd = fd, .events = POLLOUT, .revents = 0};
    in_section([&] { return libc::poll(&asked, 1, -1); });
  }
  const int error = option_of(fd, SO_ERROR);
  return error < 0 ? EBADF : error;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int accept(int fd, sockaddr* __restrict address, socklen_t* __restrict size) {
  if (!may_park() || !in_home_process()) return libc::accept(fd, address, size);
  return accept_call(fd, [&] { return libc::accept(fd, address, size); });
}

int accept4(int fd, sockaddr* __restrict address, socklen_t* __restrict size, int flags) {
  if (!may_park() || !in_home_process()) return libc::accept4(fd, address, size, flags);
  return accept_call(fd, [&] { return libc::accept4(fd, address, size, flags); });
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  int why = 0;
  if (!may_park() || option_of(fd, SO_TYPE) != SOCK_STREAM || must_not_wait(fd, why)) return libc::connect(fd, address, size);
  const outcome end;
  const long started = start(fd, address, size);
  // A local socket whose listener has no room cannot be waited for.
  if (started == -EAGAIN) return in_section([&] { return libc::connect(fd, address, size); });
  const int error = started == -EINPROGRESS || started == -EALREADY ? finish(fd) : static_cast<int>(-started);
  return error != 0 ? end.failure(error) : end.success(0);
}

}  // extern "C"
