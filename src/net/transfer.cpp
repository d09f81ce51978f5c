// transfer: much at once: several pieces in one call, files and other connections without passing through user memory.
//
// A copy moves bytes from a socket into a pipe and from there into the other socket, all of them pages that the kernel holds
// already. The pipe is taken when the source has something and given back when it is empty again, so that a copy that waits for
// its source, as most of a proxy's do, holds none. One that cannot be emptied is closed with what it holds.
// Rejected: one pipe for each copy as long as it runs, as Go has: two descriptors more for each direction of a proxy's connection.
// Source: Go net/splice_linux.go, internal/poll/splice_linux.go, sendfile.go, writev.go.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>

#include <gossamer/mutex.hpp>

#include "io/kernel_calls.hpp"
#include "net/fd.hpp"
#include "net/socket_calls.hpp"

namespace gos::rt {

result<std::size_t> net_fd::write_pieces(pieces data) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  constexpr std::size_t at_once = 64;
  std::array<iovec, at_once> list;
  std::size_t index = 0, offset = 0, done = 0;  // the next byte is data[index][offset]
  attempt a;
  for (;;) {
    msghdr message{};
    message.msg_iov = list.data();
    for (std::size_t i = index, skip = offset; i < data.size() && message.msg_iovlen < at_once; ++i, skip = 0) {
      const auto rest = data[i].subspan(skip);
      if (rest.empty()) continue;
      list[message.msg_iovlen++] = {.iov_base = const_cast<std::byte*>(rest.data()), .iov_len = rest.size()};
    }
    if (message.msg_iovlen == 0) break;
    a = try_until_done(desc_, direction::write, [&](int fd) { return kernel_calls::send_message(fd, &message); });
    if (a.cause) break;
    done += static_cast<std::size_t>(a.count);
    for (offset += static_cast<std::size_t>(a.count); index < data.size() && offset >= data[index].size(); ++index) {
      offset -= data[index].size();
    }
  }
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause, a.from_call ? "sendmsg" : nullptr, done));
  return done;
}

result<std::uint64_t> net_fd::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  constexpr std::uint64_t at_once = 1U << 30;
  std::uint64_t done = 0;
  while (done < count) {
    const attempt a = operate(direction::write, [&](int fd) {
      return kernel_calls::send_file(fd, file, offset + done, std::min(at_once, count - done));
    });
    if (a.from_call && done == 0 && (a.cause == std::errc::invalid_argument || a.cause == std::errc::function_not_supported)) {
      return stream::send_file(file, offset, count);  // a file whose pages cannot be lent
    }
    if (a.cause) return std::unexpected(failure("write", a.cause, a.from_call ? "sendfile" : nullptr, done));
    if (a.count == 0) break;
    done += static_cast<std::uint64_t>(a.count);
  }
  return done;
}

namespace {

struct kernel_pipe {
  int read_end = -1, write_end = -1;
  bool open() const noexcept { return read_end >= 0; }
  void close() noexcept {
    if (!open()) return;
    kernel_calls::close(read_end);
    kernel_calls::close(write_end);
    *this = {};
  }
};

// Empty pipes that wait for their next use.
class pipe_pool {
 public:
  // One whose open() is false when there are too many descriptors; `failure` is then the negative errno value.
  kernel_pipe take(int& failure) {
    {
      const std::lock_guard held(lock_);
      if (count_ > 0) return pipes_[--count_];
    }
    int ends[2];
    failure = kernel_calls::make_pipe(ends);
    return failure < 0 ? kernel_pipe() : kernel_pipe{ends[0], ends[1]};
  }
  void put(kernel_pipe& pipe) {
    {
      const std::lock_guard held(lock_);
      if (count_ < pipes_.size()) pipes_[count_++] = std::exchange(pipe, {});
    }
    pipe.close();
  }

 private:
  mutex lock_;
  std::array<kernel_pipe, 32> pipes_;  // under lock_, as is count_
  std::size_t count_ = 0;
};
constinit pipe_pool pool;

// The pipe of one copy, while it is needed.
class borrowed_pipe {
 public:
  borrowed_pipe() noexcept = default;
  ~borrowed_pipe() { pipe_.close(); }
  borrowed_pipe(const borrowed_pipe&) = delete;
  borrowed_pipe& operator=(const borrowed_pipe&) = delete;

  std::ptrdiff_t fill_from(int socket) {
    constexpr std::size_t at_once = 1U << 20;
    int failure = 0;
    if (!pipe_.open()) pipe_ = pool.take(failure);
    if (failure < 0) return failure;
    const std::ptrdiff_t got = kernel_calls::splice(socket, pipe_.write_end, at_once);
    if (got <= 0) give_back();
    return got;
  }
  std::ptrdiff_t drain_to(int socket, std::size_t size) { return kernel_calls::splice(pipe_.read_end, socket, size); }
  // It is empty.
  void give_back() { pool.put(pipe_); }

 private:
  kernel_pipe pipe_;
};

// Empty: splice does not know such sockets, and nothing has been moved.
std::optional<result<std::uint64_t>> splice_all(net_fd& to, net_fd& from) {
  borrowed_pipe pipe;
  std::uint64_t done = 0;
  for (;;) {
    const attempt in = from.operate(direction::read, [&](int fd) { return pipe.fill_from(fd); });
    if (in.from_call && done == 0 && in.cause == std::errc::invalid_argument) return std::nullopt;
    if (in.cause) return std::unexpected(from.failure("read", in.cause, in.from_call ? "splice" : nullptr, done));
    if (in.count == 0) return done;
    for (auto left = static_cast<std::size_t>(in.count); left > 0;) {
      const attempt out = to.operate(direction::write, [&](int fd) { return pipe.drain_to(fd, left); });
      if (out.cause) return std::unexpected(to.failure("write", out.cause, out.from_call ? "splice" : nullptr, done));
      left -= static_cast<std::size_t>(out.count);
      done += static_cast<std::uint64_t>(out.count);
    }
    pipe.give_back();
  }
}

result<std::uint64_t> copy_through_memory(stream& to, stream& from) {
  constexpr std::size_t room = 32 * 1024;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(room);
  std::uint64_t done = 0;
  for (;;) {
    const auto got = from.read_some(buffer.get(), room);
    if (!got) return std::unexpected(error(got.error().code(), {}, got.error().message(), done));
    if (*got == 0) return done;
    const auto written = to.write_all(buffer.get(), *got);
    if (!written) {
      const error& e = written.error();
      return std::unexpected(error(e.code(), {}, e.message(), done + e.transferred()));
    }
    done += *written;
  }
}

}  // namespace

}  // namespace gos::rt

namespace gos::net {

result<std::uint64_t> copy(stream_base& to, stream_base& from) {
  rt::stream* const sink = rt_access::get(to);
  rt::stream* const source = rt_access::get(from);
  if (sink == nullptr || source == nullptr) return rt::no_handle();
  if (sink->socket() != nullptr && source->socket() != nullptr) {
    if (auto spliced = rt::splice_all(*sink->socket(), *source->socket())) return std::move(*spliced);
  }
  return rt::copy_through_memory(*sink, *source);
}

}  // namespace gos::net
