// io: read, write, recv, send and their kin, that wait as a goroutine waits.
//
// Each tries its call in a form that does not wait, and waits by descriptor_wait. What cannot be tried so (terminals, files
// of /proc, pipes before Linux 6.5) is called when it is ready. What is ready and yet has nothing to give at once - a regular
// file, a descriptor that others read too - is called in a blocking section: its thread waits.
//
// A blocking write() or send() of a stream ends when all is written: it is tried again with the rest. If that fails the
// caller gets the number of bytes that went before, as from the kernel.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>

#include "hook/descriptor.hpp"
#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "platform/environment.hpp"

namespace gos::rt {

namespace {

// GOS_DEBUG=nonowait: as if the kernel could try no file.
bool tries_allowed() noexcept {
  static const bool allowed = !debug_flag("nonowait");
  return allowed;
}

// One hooked call: its tries, where its waits stand, and its end.
class call {
 public:
  call(int fd, fd_direction d) noexcept : fd_(fd), direction_(d), wait_(fd, d) {}

  // try_now() must not wait, blocking() may. The result, or the negative errno value.
  template <class Try, class Blocking> long run(Try&& try_now, Blocking&& blocking) {
    blocked_ = false;
    for (bool was_ready = false;;) {
      const long result = checked(try_now);
      if (result != -EAGAIN && result != -EOPNOTSUPP && result != -ENOSYS) return result;
      const bool ready = is_ready(fd_, direction_);
      if (ready && (was_ready || result != -EAGAIN)) {
        blocked_ = true;
        return in_section([&] { return checked(blocking); });
      }
      was_ready = ready;
      if (ready) continue;
      const int failure = wait_.wait();
      if (failure == 0) continue;
      if (failure != descriptor_wait::refused) return -failure;
      blocked_ = true;
      return in_section([&] { return checked(blocking); });
    }
  }

  // The last result came from blocking().
  bool blocked() const noexcept { return blocked_; }

  long finish(long result) const noexcept { return end_.of(result); }

 private:
  const int fd_;
  const fd_direction direction_;
  descriptor_wait wait_;
  const outcome end_;
  bool blocked_ = false;
};

template <class Try, class Blocking> long read_call(int fd, Try&& try_now, Blocking&& blocking) {
  call c(fd, fd_direction::read);
  return c.finish(c.run(try_now, blocking));
}

// A full pipe has no room for more than this without waiting; and what is smaller goes in one piece.
std::size_t blocking_piece(int fd, std::size_t size) noexcept {
  struct stat status;
  if (size <= PIPE_BUF || ::fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) return size;
  return PIPE_BUF;
}

// Until all is written. put(data, size, flags) writes what it can; with `now` it must not wait.
template <class Put> long write_all(call& c, const char* data, std::size_t size, Put&& put) {
  std::size_t done = 0;
  for (;;) {
    const long written = c.run([&] { return put(data + done, size - done, true); },
                               [&] { return put(data + done, size - done, false); });
    if (written < 0) return done > 0 ? static_cast<long>(done) : written;
    done += static_cast<std::size_t>(written);
    const bool all_there_is = written == 0 || (c.blocked() && written != static_cast<long>(PIPE_BUF));
    if (done >= size || all_there_is) return static_cast<long>(done);
  }
}

// After the first `done` bytes of many pieces: the rest of them one by one.
template <class Put> long write_rest(call& c, const iovec* pieces, std::size_t count, std::size_t done, Put&& put) {
  std::size_t total = done;
  for (std::size_t i = 0; i < count; ++i) {
    if (done >= pieces[i].iov_len) {
      done -= pieces[i].iov_len;
      continue;
    }
    const std::size_t size = pieces[i].iov_len - done;
    const long written = write_all(c, static_cast<const char*>(pieces[i].iov_base) + done, size, put);
    if (written < 0 && total == 0) return written;
    if (written < 0) break;
    total += static_cast<std::size_t>(written);
    if (static_cast<std::size_t>(written) < size) break;
    done = 0;
  }
  return static_cast<long>(total);
}

std::size_t total_of(const iovec* pieces, std::size_t count) noexcept {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += pieces[i].iov_len;
  return total;
}

// A try of many pieces. What the kernel cannot try as a file it may as a socket; else -1 with EOPNOTSUPP.
template <class AsFile, class AsSocket> long try_pieces(AsFile&& as_file, AsSocket&& as_socket) noexcept {
  long result = tries_allowed() ? as_file() : -1;
  if (result >= 0 || (tries_allowed() && errno != EOPNOTSUPP && errno != ENOSYS)) return result;
  result = as_socket();
  if (result < 0 && errno == ENOTSOCK) errno = EOPNOTSUPP;
  return result;
}

msghdr message_of(const iovec* pieces, int count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

long try_readv(int fd, const iovec* pieces, int count) noexcept {
  msghdr message = message_of(pieces, count);
  return try_pieces([&] { return ::preadv2(fd, pieces, count, -1, RWF_NOWAIT); },
                    [&] { return libc::recvmsg(fd, &message, MSG_DONTWAIT); });
}
long try_writev(int fd, const iovec* pieces, int count) noexcept {
  const msghdr message = message_of(pieces, count);
  return try_pieces([&] { return ::pwritev2(fd, pieces, count, -1, RWF_NOWAIT); },
                    [&] { return libc::sendmsg(fd, &message, MSG_DONTWAIT); });
}

// For write_all: file writes.
auto put_by_write(int fd) noexcept {
  return [fd](const char* data, std::size_t size, bool now) -> long {
    if (!now) return libc::write(fd, data, blocking_piece(fd, size));
    const iovec piece{const_cast<char*>(data), size};
    return try_writev(fd, &piece, 1);
  };
}

// For write_all: sends.
auto put_by_send(int fd, int flags) noexcept {
  return [fd, flags](const char* data, std::size_t size, bool now) -> long {
    return libc::send(fd, data, size, now ? flags | MSG_DONTWAIT : flags);
  };
}

// These do not wait, or in ways of their own.
constexpr int never_waiting = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB;

// recv(MSG_WAITALL) of a stream: until the buffer is full, the end, or an error.
long receive_all(int fd, char* buffer, std::size_t size, int flags) {
  call c(fd, fd_direction::read);
  std::size_t done = 0;
  while (done < size) {
    const auto receive = [&](int more) {
      return [&, more] { return libc::recv(fd, buffer + done, size - done, flags | more); };
    };
    const long got = c.run(receive(MSG_DONTWAIT), receive(0));
    if (got < 0 && done == 0) return c.finish(got);
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return c.finish(static_cast<long>(done));
}

bool is_stream(int fd) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

ssize_t read(int fd, void* buffer, size_t size) {
  if (!may_park() || size == 0) return libc::read(fd, buffer, size);
  const iovec piece{buffer, size};
  return read_call(
      fd, [&] { return try_readv(fd, &piece, 1); }, [&] { return libc::read(fd, buffer, size); });
}

ssize_t readv(int fd, const iovec* pieces, int count) {
  if (!may_park()) return libc::readv(fd, pieces, count);
  return read_call(
      fd, [&] { return try_readv(fd, pieces, count); }, [&] { return libc::readv(fd, pieces, count); });
}

ssize_t write(int fd, const void* data, size_t size) {
  if (!may_park() || size == 0) return libc::write(fd, data, size);
  call c(fd, fd_direction::write);
  return c.finish(write_all(c, static_cast<const char*>(data), size, put_by_write(fd)));
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  if (!may_park()) return libc::writev(fd, pieces, count);
  call c(fd, fd_direction::write);
  const auto many = static_cast<std::size_t>(count);
  const std::size_t total = count > 0 ? total_of(pieces, many) : 0;
  bool in_pieces = false;
  long done = c.run([&] { return try_writev(fd, pieces, count); },
                    [&]() -> long {
                      in_pieces = blocking_piece(fd, total) < total;
                      return in_pieces ? 0 : libc::writev(fd, pieces, count);
                    });
  if (done >= 0 && static_cast<std::size_t>(done) < total && (in_pieces || !c.blocked())) {
    done = write_rest(c, pieces, many, static_cast<std::size_t>(done), put_by_write(fd));
  }
  return c.finish(done);
}

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (!may_park() || (flags & never_waiting) != 0) return libc::recv(fd, buffer, size, flags);
  if ((flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL && is_stream(fd)) {
    return receive_all(fd, static_cast<char*>(buffer), size, flags);
  }
  return read_call(
      fd, [&] { return libc::recv(fd, buffer, size, flags | MSG_DONTWAIT); },
      [&] { return libc::recv(fd, buffer, size, flags); });
}

ssize_t recvfrom(int fd, void* __restrict buffer, size_t size, int flags, sockaddr* __restrict from,
                 socklen_t* __restrict from_size) {
  if (from == nullptr) return recv(fd, buffer, size, flags);
  if (!may_park() || (flags & never_waiting) != 0) return libc::recvfrom(fd, buffer, size, flags, from, from_size);
  return read_call(
      fd, [&] { return libc::recvfrom(fd, buffer, size, flags | MSG_DONTWAIT, from, from_size); },
      [&] { return libc::recvfrom(fd, buffer, size, flags, from, from_size); });
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!may_park() || (flags & never_waiting) != 0) return libc::recvmsg(fd, message, flags);
  if ((flags & MSG_WAITALL) != 0) {  // with what else a message may carry, only the kernel can
    return in_section([&] { return libc::recvmsg(fd, message, flags); });
  }
  return read_call(
      fd, [&] { return libc::recvmsg(fd, message, flags | MSG_DONTWAIT); },
      [&] { return libc::recvmsg(fd, message, flags); });
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (!may_park() || (flags & never_waiting) != 0) return libc::send(fd, data, size, flags);
  call c(fd, fd_direction::write);
  return c.finish(write_all(c, static_cast<const char*>(data), size, put_by_send(fd, flags)));
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  if (to == nullptr) return send(fd, data, size, flags);
  if (!may_park() || (flags & never_waiting) != 0) return libc::sendto(fd, data, size, flags, to, to_size);
  call c(fd, fd_direction::write);
  return c.finish(write_all(c, static_cast<const char*>(data), size, [&](const char* rest, std::size_t left, bool now) -> long {
    return libc::sendto(fd, rest, left, now ? flags | MSG_DONTWAIT : flags, to, to_size);
  }));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!may_park() || (flags & never_waiting) != 0) return libc::sendmsg(fd, message, flags);
  call c(fd, fd_direction::write);
  long done = c.run([&] { return libc::sendmsg(fd, message, flags | MSG_DONTWAIT); },
                    [&] { return libc::sendmsg(fd, message, flags); });
  if (done > 0 && !c.blocked() && static_cast<std::size_t>(done) < total_of(message->msg_iov, message->msg_iovlen)) {
    done = write_rest(c, message->msg_iov, message->msg_iovlen, static_cast<std::size_t>(done), put_by_send(fd, flags));
  }
  return c.finish(done);
}

// What a program that is compiled with _FORTIFY_SOURCE calls instead.
[[noreturn]] void __chk_fail() noexcept;

ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
  if (size > room) __chk_fail();
  return read(fd, buffer, size);
}
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  if (size > room) __chk_fail();
  return recv(fd, buffer, size, flags);
}
ssize_t __recvfrom_chk(int fd, void* __restrict buffer, size_t size, size_t room, int flags, sockaddr* __restrict from,
                       socklen_t* __restrict from_size) {
  if (size > room) __chk_fail();
  return recvfrom(fd, buffer, size, flags, from, from_size);
}

}  // extern "C"
