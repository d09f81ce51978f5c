// See pipe.hpp. The public handle is here, too: only forwarding.
#include "process/pipe.hpp"

#include <algorithm>

#include "process/system.hpp"

namespace gos::rt {

namespace {

constinit lasting_pool<pipe_fd> pool;

}  // namespace

pipe_fd* pipe_fd::open(int fd, direction d) {
  descriptor owned(fd);
  pipe_fd* made = pool.take();
  kernel_calls::make_non_blocking(fd);
  made->direction_ = d;
  made->desc_.open(owned.release());
  return made;
}

void pipe_fd::retire() noexcept {
  if (desc_.close() || number() < 0) pool.put(this);
  // Else somebody is still inside close(): the handle ends before its calls. Your bug; the memory is kept.
}

// Go's names for the two ends.
error pipe_fd::failure(const char* operation, std::error_code cause, std::size_t transferred) const {
  if (cause == io_errc::closed) cause = io_errc::file_closed;
  std::string text(operation);
  text += direction_ == direction::read ? " |0" : " |1";
  return {cause, text, {}, transferred};
}

attempt pipe_fd::read_piece(std::byte* buffer, std::size_t size) noexcept {
  attempt a;
  if (!desc_.begin(direction::read)) {
    a.cause = io_errc::closed;
    return a;
  }
  if (size != 0) {
    a = try_until_done(desc_, direction::read, [=](int fd) { return kernel_calls::read(fd, buffer, size); });
  }
  desc_.end(direction::read);
  return a;
}

result<std::size_t> pipe_fd::read_some(std::byte* buffer, std::size_t size) {
  const attempt a = read_piece(buffer, size);
  if (a.cause) return std::unexpected(failure("read", a.cause));
  return static_cast<std::size_t>(a.count);
}

result<std::string> pipe_fd::read_all() {
  constexpr std::size_t first = 4096;
  std::string all;
  for (std::size_t done = 0;;) {
    if (done == all.size()) all.resize(std::max(first, 2 * done));
    const attempt a = read_piece(reinterpret_cast<std::byte*>(all.data()) + done, all.size() - done);
    if (a.cause) return std::unexpected(failure("read", a.cause, done));
    done += static_cast<std::size_t>(a.count);
    if (a.count != 0) continue;
    all.resize(done);
    return all;
  }
}

result<std::size_t> pipe_fd::write_some(const std::byte* data, std::size_t size) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  attempt a;
  if (size != 0) {
    a = try_until_done(desc_, direction::write, [=](int fd) { return kernel_calls::write(fd, data, size); });
  }
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause));
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> pipe_fd::write_all(const std::byte* data, std::size_t size) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  std::size_t done = 0;
  const attempt a = move_all(size, done, [=, this](std::size_t at) {
    return try_until_done(desc_, direction::write,
                          [=](int fd) { return kernel_calls::write(fd, data + at, size - at); });
  });
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause, done));
  return size;
}

result<void> pipe_fd::close() {
  if (!desc_.close()) return std::unexpected(failure("close", io_errc::closed));
  return {};
}

result<void> pipe_fd::set_deadline(std::optional<time_point> when) {
  if (!desc_.begin()) return std::unexpected(failure("set", io_errc::closed));
  desc_.set_deadline(direction_, deadline_of(when));
  desc_.end();
  return {};
}

}  // namespace gos::rt

namespace gos::process {

namespace {

std::unexpected<error> no_handle() { return std::unexpected(error(std::errc::invalid_argument)); }

}  // namespace

pipe_end& pipe_end::operator=(pipe_end&& other) noexcept {
  if (this != &other) {
    if (fd_ != nullptr) fd_->retire();
    fd_ = std::exchange(other.fd_, nullptr);
  }
  return *this;
}

pipe_end::~pipe_end() {
  if (fd_ != nullptr) fd_->retire();
}

result<std::size_t> pipe_end::read_some(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(buffer.data(), buffer.size());
}
result<std::size_t> pipe_end::read_some(std::span<char> buffer) {
  return read_some(std::as_writable_bytes(buffer));
}
result<std::string> pipe_end::read_all() {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_all();
}
result<std::size_t> pipe_end::write_some(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_some(data.data(), data.size());
}
result<std::size_t> pipe_end::write_some(std::string_view data) {
  return write_some(std::as_bytes(std::span(data)));
}
result<std::size_t> pipe_end::write_all(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(data.data(), data.size());
}
result<std::size_t> pipe_end::write_all(std::string_view data) {
  return write_all(std::as_bytes(std::span(data)));
}
result<void> pipe_end::close() {
  if (fd_ == nullptr) return no_handle();
  return fd_->close();
}
result<void> pipe_end::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadline(when);
}
int pipe_end::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }

}  // namespace gos::process
