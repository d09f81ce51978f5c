// stream: stream_base, the public handle over whatever stream: forwarding, and what a handle without one answers; and what streams
// do that have no better way.
#include "net/stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "io/descriptor.hpp"
#include "net/socket_calls.hpp"

namespace gos::rt {

result<std::size_t> stream::read_full(std::byte* buffer, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const auto got = read_some(buffer + done, size - done);
    if (!got) return std::unexpected(error(got.error().code(), {}, got.error().message(), done));
    if (*got == 0) {
      const io_errc cause = done == 0 ? io_errc::end_of_file : io_errc::unexpected_end_of_file;
      return std::unexpected(failure("read", cause, nullptr, done));
    }
    done += *got;
  }
  return size;
}

result<std::uint64_t> stream::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  constexpr std::size_t room = 32 * 1024;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(std::min<std::uint64_t>(room, count));
  std::uint64_t done = 0;
  while (done < count) {
    const std::ptrdiff_t got =
        kernel_calls::read_at(file, buffer.get(), std::min<std::uint64_t>(room, count - done), offset + done);
    if (got == -EINTR) continue;
    if (got < 0) return std::unexpected(failure("write", system_error_of(got), "pread", done));
    if (got == 0) break;
    const auto written = write_all(buffer.get(), static_cast<std::size_t>(got));
    if (!written) {
      const error& e = written.error();
      return std::unexpected(error(e.code(), {}, e.message(), done + e.transferred()));
    }
    done += *written;
  }
  return done;
}

}  // namespace gos::rt

namespace gos::net {

using rt::bytes;
using rt::no_handle;

stream_base& stream_base::operator=(stream_base&& other) noexcept {
  if (this != &other) {
    if (stream_ != nullptr) stream_->retire();
    stream_ = std::exchange(other.stream_, nullptr);
  }
  return *this;
}

stream_base::~stream_base() {
  if (stream_ != nullptr) stream_->retire();
}

result<std::size_t> stream_base::read_some(std::span<std::byte> buffer) {
  if (stream_ == nullptr) return no_handle();
  return stream_->read_some(buffer.data(), buffer.size());
}
result<std::size_t> stream_base::read_some(std::span<char> buffer) {
  if (stream_ == nullptr) return no_handle();
  return stream_->read_some(bytes(buffer), buffer.size());
}
result<std::size_t> stream_base::read_full(std::span<std::byte> buffer) {
  if (stream_ == nullptr) return no_handle();
  return stream_->read_full(buffer.data(), buffer.size());
}
result<std::size_t> stream_base::read_full(std::span<char> buffer) {
  if (stream_ == nullptr) return no_handle();
  return stream_->read_full(bytes(buffer), buffer.size());
}
result<std::size_t> stream_base::write_some(std::span<const std::byte> data) {
  if (stream_ == nullptr) return no_handle();
  return stream_->write_some(data.data(), data.size());
}
result<std::size_t> stream_base::write_some(std::string_view data) {
  if (stream_ == nullptr) return no_handle();
  return stream_->write_some(bytes(data), data.size());
}
result<std::size_t> stream_base::write_all(std::span<const std::byte> data) {
  if (stream_ == nullptr) return no_handle();
  return stream_->write_all(data.data(), data.size());
}
result<std::size_t> stream_base::write_all(std::string_view data) {
  if (stream_ == nullptr) return no_handle();
  return stream_->write_all(bytes(data), data.size());
}

result<std::size_t> stream_base::write_all(std::span<const std::span<const std::byte>> pieces) {
  if (stream_ == nullptr) return no_handle();
  return stream_->write_pieces(pieces);
}
result<std::size_t> stream_base::write_all(std::span<const std::string_view> pieces) {
  if (stream_ == nullptr) return no_handle();
  constexpr std::size_t usual = 16;
  std::array<std::span<const std::byte>, usual> few;
  std::vector<std::span<const std::byte>> many(pieces.size() > usual ? pieces.size() : 0);
  const std::span all = pieces.size() > usual ? std::span(many) : std::span(few).first(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) all[i] = std::as_bytes(std::span(pieces[i]));
  return stream_->write_pieces(all);
}
result<std::uint64_t> stream_base::send_file(int file, std::uint64_t offset, std::uint64_t count) {
  if (stream_ == nullptr) return no_handle();
  return stream_->send_file(file, offset, count);
}

result<void> stream_base::close() {
  if (stream_ == nullptr) return no_handle();
  return stream_->close();
}
result<void> stream_base::close_write() {
  if (stream_ == nullptr) return no_handle();
  return stream_->shut_down(SHUT_WR);
}
result<void> stream_base::close_read() {
  if (stream_ == nullptr) return no_handle();
  return stream_->shut_down(SHUT_RD);
}

result<void> stream_base::set_deadline(std::optional<time_point> when) {
  if (stream_ == nullptr) return no_handle();
  return stream_->set_deadlines(true, true, when);
}
result<void> stream_base::set_read_deadline(std::optional<time_point> when) {
  if (stream_ == nullptr) return no_handle();
  return stream_->set_deadlines(true, false, when);
}
result<void> stream_base::set_write_deadline(std::optional<time_point> when) {
  if (stream_ == nullptr) return no_handle();
  return stream_->set_deadlines(false, true, when);
}

endpoint stream_base::local_address() const { return stream_ == nullptr ? endpoint() : stream_->local(); }
endpoint stream_base::remote_address() const { return stream_ == nullptr ? endpoint() : stream_->remote(); }

}  // namespace gos::net
