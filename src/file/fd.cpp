// See fd.hpp.
#include "file/fd.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "file/calls.hpp"
#include "file/info.hpp"
#include "file/ring.hpp"
#include "io/blocking_section.hpp"
#include "io/kernel_calls.hpp"

namespace gos::rt {

namespace {

constinit lasting_pool<file_fd> pool;

// What a look by poll() promises room for.
constexpr std::size_t promised_room = PIPE_BUF;

// A descriptor that does not wait and that we cannot watch, since another object does: two files of one number.
std::ptrdiff_t not_again(std::ptrdiff_t got) noexcept { return got == -EAGAIN ? -EBUSY : got; }

}  // namespace

file_fd* file_fd::open(int fd, std::string_view name, owner whose) {
  file_fd* made = nullptr;
  try {
    made = pool.take();
    made->name_ = name;
  } catch (...) {
    if (made != nullptr) pool.put(made);
    kernel_calls::close(fd);
    throw;
  }
  made->learn(fd, whose);
  return made;
}

// A number that is no open descriptor counts as always ready: operations then say EBADF.
void file_fd::learn(int fd, owner whose) noexcept {
  desc_.open(fd);
  struct ::stat status {};
  const int known = file_calls::status(fd, &status);
  const int flags = std::max(file_calls::flags(fd), 0);
  socket_ = S_ISSOCK(status.st_mode);
  pipe_ = S_ISFIFO(status.st_mode);
  direct_ = (flags & O_DIRECT) != 0;
  appends_ = (flags & O_APPEND) != 0;
  non_blocking_ = (flags & O_NONBLOCK) != 0;
  no_nowait_.store(false, std::memory_order_relaxed);  // relaxed: nobody else knows the file yet
  const bool always_ready =
      known != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode);
  stream_ = !always_ready && desc_.watch_now() == 0;
  if (stream_ && !non_blocking_ && whose == owner::ours)
    non_blocking_ = file_calls::set_non_blocking(fd, flags) == 0;
}

void file_fd::retire() noexcept {
  if (desc_.close() || number() < 0) {
    pool.put(this);
    return;
  }
  // Somebody is still inside close(): the handle ends before its calls. Your bug; the memory is kept.
}

error file_fd::failure(std::string_view operation, std::error_code code, std::size_t transferred) const {
  if (code == io_errc::closed) code = io_errc::file_closed;
  std::string text(operation);
  (text += ' ') += name_;
  return {code, text, {}, transferred};
}

bool file_fd::begin(direction d, std::int64_t offset) noexcept {
  return offset == file_calls::at_position ? desc_.begin(d) : desc_.begin();  // INV2
}

void file_fd::end(direction d, std::int64_t offset) noexcept {
  if (offset == file_calls::at_position) {
    desc_.end(d);
  } else {
    desc_.end();
  }
}

// --- streams --------------------------------------------------------------------------------------------------------

std::ptrdiff_t file_fd::read_stream(int fd, std::byte* buffer, std::size_t size) noexcept {
  if (non_blocking_) return file_calls::read(fd, buffer, size, file_calls::at_position);
  if (socket_) return file_calls::receive_now(fd, buffer, size);
  // relaxed, both: a note to ourselves.
  if (!no_nowait_.load(std::memory_order_relaxed)) {
    const std::ptrdiff_t got = file_calls::read_now(fd, buffer, size, file_calls::at_position);
    if (got != -EOPNOTSUPP) return got;
    no_nowait_.store(true, std::memory_order_relaxed);
  }
  const int ready = kernel_calls::is_ready(fd, false);
  if (ready <= 0) return ready < 0 ? ready : -EAGAIN;
  blocking_section blocking;
  return file_calls::read(fd, buffer, size, file_calls::at_position);
}

std::ptrdiff_t file_fd::write_stream(int fd, const std::byte* data, std::size_t size) noexcept {
  const bool quiet = (pipe_ || socket_) && fd != 1 && fd != 2;  // NF-22
  if (socket_) return file_calls::send_now(fd, data, size, quiet);
  if (non_blocking_) return file_calls::write_stream(fd, data, size, quiet);
  // relaxed, both: a note to ourselves.
  if (!no_nowait_.load(std::memory_order_relaxed)) {
    const std::ptrdiff_t got = file_calls::write_now(fd, data, size, quiet);
    if (got != -EOPNOTSUPP) return got;
    no_nowait_.store(true, std::memory_order_relaxed);
  }
  const int ready = kernel_calls::is_ready(fd, true);
  if (ready <= 0) return ready < 0 ? ready : -EAGAIN;
  blocking_section blocking;
  return file_calls::write_stream(fd, data, std::min(size, promised_room), quiet);
}

// --- what is always ready -------------------------------------------------------------------------------------------

// What the page cache has is taken at once. What it lacks the ring brings; but where the file does not know RWF_NOWAIT the kernel would
// only let a thread of its own wait, and there ours may as well.
std::ptrdiff_t file_fd::read_regular(int fd, std::byte* buffer, std::size_t size,
                                     std::int64_t offset) noexcept {
  // relaxed, both: a note to ourselves.
  if (ring::usable() && !no_nowait_.load(std::memory_order_relaxed)) {
    std::ptrdiff_t got = direct_ ? -EAGAIN : file_calls::read_now(fd, buffer, size, offset);
    if (got == -EAGAIN) got = ring::read(fd, buffer, size, offset);
    if (got != ring::refused && got != -EAGAIN && got != -EOPNOTSUPP) return got;
    if (got == -EOPNOTSUPP) no_nowait_.store(true, std::memory_order_relaxed);
  }
  blocking_section blocking;
  return not_again(file_calls::read(fd, buffer, size, offset));
}

// The page cache takes what is written, as a rule without a wait; past it goes the ring.
std::ptrdiff_t file_fd::write_regular(int fd, const std::byte* data, std::size_t size,
                                      std::int64_t offset) noexcept {
  if (direct_ && ring::usable()) {
    const std::ptrdiff_t got = ring::write(fd, data, size, offset);
    if (got != ring::refused && got != -EAGAIN) return got;
  }
  blocking_section blocking;
  return not_again(file_calls::write(fd, data, size, offset));
}

// --- operations -----------------------------------------------------------------------------------------------------

attempt file_fd::read_piece(std::byte* buffer, std::size_t size, std::int64_t offset) noexcept {
  const bool at_position = offset == file_calls::at_position;
  attempt a;
  if (!begin(direction::read, offset)) {
    a.cause = io_errc::closed;
    return a;
  }
  if (size != 0) {
    a = try_until_done(desc_, direction::read, [=, this](int fd) {
      return stream_ && at_position ? read_stream(fd, buffer, size) : read_regular(fd, buffer, size, offset);
    });
  }
  end(direction::read, offset);
  return a;
}

// The caller is inside.
attempt file_fd::write_piece(const std::byte* data, std::size_t size, std::int64_t offset) noexcept {
  const bool at_position = offset == file_calls::at_position;
  return try_until_done(desc_, direction::write, [=, this](int fd) {
    return stream_ && at_position ? write_stream(fd, data, size) : write_regular(fd, data, size, offset);
  });
}

result<std::size_t> file_fd::read_some(std::byte* buffer, std::size_t size, std::int64_t offset) {
  const attempt a = read_piece(buffer, size, offset);
  if (a.cause) return std::unexpected(failure("read", a.cause));
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> file_fd::read_full(std::byte* buffer, std::size_t size, std::int64_t offset) {
  const bool at_position = offset == file_calls::at_position;
  std::size_t moved = 0;
  const attempt a = move_all(size, moved, [=, this](std::size_t at) {
    return read_piece(buffer + at, size - at, at_position ? offset : offset + static_cast<std::int64_t>(at));
  });
  if (a.cause) return std::unexpected(failure("read", a.cause, moved));
  return size;
}

result<std::size_t> file_fd::write_some(const std::byte* data, std::size_t size) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  attempt a;
  if (size != 0) a = write_piece(data, size, file_calls::at_position);
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause));
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> file_fd::write_all(const std::byte* data, std::size_t size, std::int64_t offset) {
  const bool at_position = offset == file_calls::at_position;
  if (!begin(direction::write, offset)) return std::unexpected(failure("write", io_errc::closed));
  std::size_t moved = 0;
  attempt a;
  if (!at_position && appends_) {
    a.cause = system_error_of(-EINVAL);  // the system would append
  } else {
    a = move_all(size, moved, [=, this](std::size_t at) {
      return write_piece(data + at, size - at, at_position ? offset : offset + static_cast<std::int64_t>(at));
    });
  }
  end(direction::write, offset);
  if (a.cause) return std::unexpected(failure("write", a.cause, moved));
  return size;
}

template <class Call> attempt file_fd::with_reference(Call call) noexcept {
  attempt a;
  if (!desc_.begin()) {
    a.cause = io_errc::closed;
    return a;
  }
  a.count = call(desc_.fd());
  desc_.end();
  if (a.count < 0) a.cause = system_error_of(a.count);
  return a;
}

result<std::int64_t> file_fd::seek(std::int64_t offset, int whence) {
  const attempt a = with_reference([=](int fd) { return file_calls::seek(fd, offset, whence); });
  if (a.cause) return std::unexpected(failure("seek", a.cause));
  return a.count;
}

result<void> file_fd::sync(bool data_only) {
  const attempt a = with_reference([=](int fd) -> std::ptrdiff_t {
    const std::ptrdiff_t got = ring::usable() ? ring::sync(fd, data_only) : ring::refused;
    if (got != ring::refused && got != -EINTR) return got;
    blocking_section blocking;
    return file_calls::sync(fd, data_only);
  });
  if (a.cause) return std::unexpected(failure("sync", a.cause));
  return {};
}

result<void> file_fd::truncate(std::int64_t size) {
  const attempt a = with_reference([=](int fd) {
    blocking_section blocking;
    return file_calls::truncate(fd, size);
  });
  if (a.cause) return std::unexpected(failure("truncate", a.cause));
  return {};
}

result<void> file_fd::change_mode(unsigned permissions) {
  const attempt a = with_reference([=](int fd) {
    blocking_section blocking;
    return file_calls::change_mode(fd, permissions);
  });
  if (a.cause) return std::unexpected(failure("chmod", a.cause));
  return {};
}

result<file_info> file_fd::status() {
  struct ::stat status {};
  const attempt a = with_reference([&status](int fd) {
    blocking_section blocking;
    return file_calls::status(fd, &status);
  });
  if (a.cause) return std::unexpected(failure("stat", a.cause));
  return info_of(status);
}

result<void> file_fd::set_deadlines(bool read, bool write, std::optional<time_point> when) {
  const attempt a = with_reference([=, this](int) {
    if (!stream_) return 0;
    const std::int64_t deadline_ns = deadline_of(when);
    if (read) desc_.set_deadline(direction::read, deadline_ns);
    if (write) desc_.set_deadline(direction::write, deadline_ns);
    return 0;
  });
  if (a.cause) return std::unexpected(failure("set deadline", a.cause));
  if (!stream_) return std::unexpected(failure("set deadline", io_errc::no_deadline));
  return {};
}

result<void> file_fd::close() {
  int failed = 0;
  if (!desc_.close(&failed)) return std::unexpected(failure("close", io_errc::closed));
  if (failed == 0 || failed == EINTR) return {};
  return std::unexpected(failure("close", std::error_code(failed, std::system_category())));
}

}  // namespace gos::rt
