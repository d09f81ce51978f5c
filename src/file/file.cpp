// file: the public handle over file_fd. Only forwarding, how files come to be, and what a handle without a descriptor answers.
#include <gossamer/file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include "file/calls.hpp"
#include "file/fd.hpp"
#include "file/names.hpp"
#include "io/kernel_calls.hpp"

namespace gos {

namespace {

using rt::file_calls::at_position;

std::unexpected<error> no_handle() { return std::unexpected(error(std::errc::invalid_argument)); }

std::byte* bytes(std::span<char> text) { return std::as_writable_bytes(text).data(); }
const std::byte* bytes(std::string_view text) { return std::as_bytes(std::span(text)).data(); }

// The system counts with a sign; what it cannot say it refuses as too large.
std::int64_t signed_of(std::uint64_t offset) {
  constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(offset, max));
}

// What was read when the file ended is what there is.
result<std::size_t> up_to_the_end(result<std::size_t> read) {
  if (read || (read.error() != io_errc::end_of_file && read.error() != io_errc::unexpected_end_of_file))
    return read;
  return read.error().transferred();
}

}  // namespace

// --- coming and going -----------------------------------------------------------------------------------------------

result<file> file::open(std::string_view path, int flags, int mode) {
  const auto opened = rt::with_name("open", path, [=](const char* name) {
    int fd = rt::file_calls::open(name, flags, static_cast<mode_t>(mode));
    // The soft limit is no one's wish.
    if (fd == -EMFILE && rt::kernel_calls::raise_descriptor_limit()) {
      fd = rt::file_calls::open(name, flags, static_cast<mode_t>(mode));
    }
    return fd;
  });
  if (!opened) return std::unexpected(opened.error());
  return file(rt::file_fd::open(static_cast<int>(*opened), path, rt::file_fd::owner::ours));
}

result<file> file::create(std::string_view path, int mode) {
  return open(path, O_RDWR | O_CREAT | O_TRUNC, mode);
}

file file::from_descriptor(int fd) {
  return file(rt::file_fd::open(fd, "descriptor " + std::to_string(fd), rt::file_fd::owner::shared));
}

file& file::operator=(file&& other) noexcept {
  if (this != &other) {
    if (fd_ != nullptr) fd_->retire();
    fd_ = std::exchange(other.fd_, nullptr);
  }
  return *this;
}

file::~file() {
  if (fd_ != nullptr) fd_->retire();
}

result<std::pair<file, file>> pipe() {
  int ends[2];
  int failed = rt::file_calls::pipe(ends);
  if (failed == -EMFILE && rt::kernel_calls::raise_descriptor_limit()) failed = rt::file_calls::pipe(ends);
  if (failed != 0) return std::unexpected(error(rt::system_error_of(failed), "pipe"));
  const auto made = [](int fd) {
    return file(rt::file_fd::open(fd, "|" + std::to_string(fd), rt::file_fd::owner::ours));
  };
  file reader;
  try {
    reader = made(ends[0]);
  } catch (...) {
    rt::kernel_calls::close(ends[1]);
    throw;
  }
  return std::pair<file, file>(std::move(reader), made(ends[1]));
}

// For good: goroutines may be inside when statics are destroyed.
file& file::standard(int fd, const char* name) {
  return *new file(rt::file_fd::open(fd, name, rt::file_fd::owner::shared));
}

file& standard_input() {
  static file& input = file::standard(STDIN_FILENO, "/dev/stdin");
  return input;
}
file& standard_output() {
  static file& output = file::standard(STDOUT_FILENO, "/dev/stdout");
  return output;
}
file& standard_error() {
  static file& errors = file::standard(STDERR_FILENO, "/dev/stderr");
  return errors;
}

// --- reading and writing --------------------------------------------------------------------------------------------

result<std::size_t> file::read_some(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(buffer.data(), buffer.size(), at_position);
}
result<std::size_t> file::read_some(std::span<char> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(bytes(buffer), buffer.size(), at_position);
}
result<std::size_t> file::read_full(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_full(buffer.data(), buffer.size(), at_position);
}
result<std::size_t> file::read_full(std::span<char> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_full(bytes(buffer), buffer.size(), at_position);
}
result<std::size_t> file::read_at(std::uint64_t offset, std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return up_to_the_end(fd_->read_full(buffer.data(), buffer.size(), signed_of(offset)));
}
result<std::size_t> file::read_at(std::uint64_t offset, std::span<char> buffer) {
  if (fd_ == nullptr) return no_handle();
  return up_to_the_end(fd_->read_full(bytes(buffer), buffer.size(), signed_of(offset)));
}
result<std::size_t> file::write_some(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_some(data.data(), data.size());
}
result<std::size_t> file::write_some(std::string_view data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_some(bytes(data), data.size());
}
result<std::size_t> file::write_all(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(data.data(), data.size(), at_position);
}
result<std::size_t> file::write_all(std::string_view data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(bytes(data), data.size(), at_position);
}
result<std::size_t> file::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(data.data(), data.size(), signed_of(offset));
}
result<std::size_t> file::write_at(std::uint64_t offset, std::string_view data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(bytes(data), data.size(), signed_of(offset));
}

// --- the rest -------------------------------------------------------------------------------------------------------

result<std::uint64_t> file::seek(std::int64_t offset, seek_from from) {
  if (fd_ == nullptr) return no_handle();
  const int whence = from == seek_from::start ? SEEK_SET : from == seek_from::position ? SEEK_CUR : SEEK_END;
  auto at = fd_->seek(offset, whence);
  if (!at) return std::unexpected(std::move(at.error()));
  return static_cast<std::uint64_t>(*at);
}
result<void> file::sync() {
  if (fd_ == nullptr) return no_handle();
  return fd_->sync(false);
}
result<void> file::sync_data() {
  if (fd_ == nullptr) return no_handle();
  return fd_->sync(true);
}
result<void> file::truncate(std::uint64_t size) {
  if (fd_ == nullptr) return no_handle();
  return fd_->truncate(signed_of(size));
}
result<void> file::chmod(unsigned permissions) {
  if (fd_ == nullptr) return no_handle();
  return fd_->change_mode(permissions);
}
result<file_info> file::stat() {
  if (fd_ == nullptr) return no_handle();
  return fd_->status();
}
result<std::uint64_t> file::size() {
  const auto info = stat();
  if (!info) return std::unexpected(info.error());
  return info->size;
}

result<void> file::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, true, when);
}
result<void> file::set_read_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, false, when);
}
result<void> file::set_write_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(false, true, when);
}

result<void> file::close() {
  if (fd_ == nullptr) return no_handle();
  return fd_->close();
}
int file::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }
std::string file::name() const { return fd_ == nullptr ? std::string() : fd_->name(); }

}  // namespace gos
