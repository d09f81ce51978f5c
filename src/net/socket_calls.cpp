// See socket_calls.hpp.
#include "net/socket_calls.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace gos::rt::kernel_calls {

namespace {

[[gnu::always_inline]] inline std::ptrdiff_t checked(std::ptrdiff_t result) noexcept { return result < 0 ? -errno : result; }
[[gnu::always_inline]] inline int checked(int result) noexcept { return result < 0 ? -errno : result; }

// splice and sendfile know no MSG_NOSIGNAL: holds SIGPIPE back from this thread during the call, and takes away the one that
// it raised. One that was pending before, because the program blocks the signal, stays.
template <class Call>
std::ptrdiff_t without_broken_pipe_signal(Call call) noexcept {
  sigset_t broken, before, waiting;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  bool was_pending = false;
  if (sigismember(&before, SIGPIPE) != 0) was_pending = sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) != 0;
  const std::ptrdiff_t got = checked(static_cast<std::ptrdiff_t>(call()));
  if (got == -EPIPE && !was_pending) {
    constexpr timespec at_once{};
    while (sigtimedwait(&broken, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return got;
}

}  // namespace

[[gnu::noinline]] std::ptrdiff_t send_message(int fd, const msghdr* message) noexcept {
  return checked(::sendmsg(fd, message, MSG_NOSIGNAL));
}

[[gnu::noinline]] std::ptrdiff_t receive_message(int fd, msghdr* message) noexcept {
  return checked(::recvmsg(fd, message, MSG_CMSG_CLOEXEC));
}

[[gnu::noinline]] std::ptrdiff_t send_to(int fd, const void* data, std::size_t size, const sockaddr* to,
                                         socklen_t to_size) noexcept {
  return checked(::sendto(fd, data, size, MSG_NOSIGNAL, to, to_size));
}

[[gnu::noinline]] std::ptrdiff_t receive_from(int fd, void* buffer, std::size_t size, sockaddr* from,
                                              socklen_t* from_size) noexcept {
  return checked(::recvfrom(fd, buffer, size, 0, from, from_size));
}

[[gnu::noinline]] int set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  return checked(::setsockopt(fd, level, name, value, size));
}

[[gnu::noinline]] int get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  return checked(::getsockopt(fd, level, name, value, size));
}

[[gnu::noinline]] int socket_pair(int ends[2]) noexcept {
  return checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
}

[[gnu::noinline]] int remove_path(const char* path) noexcept { return checked(::unlink(path)); }

[[gnu::noinline]] std::ptrdiff_t splice(int from, int to, std::size_t size) noexcept {
  return without_broken_pipe_signal(
      [=] { return ::splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE); });
}

[[gnu::noinline]] int make_pipe(int ends[2]) noexcept { return checked(::pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

[[gnu::noinline]] std::ptrdiff_t send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept {
  return without_broken_pipe_signal([=] {
    auto at = static_cast<off_t>(offset);
    return ::sendfile(socket, file, &at, size);
  });
}

[[gnu::noinline]] std::ptrdiff_t read_at(int file, void* buffer, std::size_t size, std::uint64_t offset) noexcept {
  return checked(::pread(file, buffer, size, static_cast<off_t>(offset)));
}

}  // namespace gos::rt::kernel_calls
