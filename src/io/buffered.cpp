// buffered: the cores of buffered_reader and buffered_writer, which know their stream by a pointer and a function.
//
// INV1 What is buffered is contiguous: a line is found and handed out where it lies. It is moved to the front only when there is no
//      room behind it.
// Rejected: a ring, whose lines would have to be copied together.
#include <gossamer/buffered.hpp>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace gos {

namespace {

constexpr std::size_t size_min = 16;
constexpr std::size_t copy_size = 32 * 1024;
constexpr std::size_t read_all_size = 512;

// A stream that takes nothing and does not say why would be asked for ever. Source: Go io.ErrShortWrite.
error took_nothing() { return {io_errc::unexpected_end_of_file}; }

}  // namespace

// --- reading --------------------------------------------------------------------------------------------------------

buffered_reader::buffered_reader(detail::source from, std::size_t size)
    : from_(from), buffer_(new char[std::max(size, size_min)]), size_(std::max(size, size_min)) {}

std::unexpected<error> buffered_reader::failed(error why) {
  if (why != io_errc::end_of_file) failure_ = why;
  return std::unexpected(std::move(why));
}

// Reads once, with room for `wanted` bytes in all. Returns how much has come; 0 at the end of the file.
result<std::size_t> buffered_reader::fill(std::size_t wanted) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (wanted > size_) {
    const std::size_t larger = std::max(wanted, std::min(2 * size_, line_limit_));
    std::unique_ptr<char[]> moved(new char[larger]);
    std::memcpy(moved.get(), buffer_.get() + begin_, buffered());
    buffer_ = std::move(moved);
    size_ = larger;
    end_ -= std::exchange(begin_, 0);
  } else if (begin_ + wanted > size_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= std::exchange(begin_, 0);
  }
  auto got = from_.read(from_.stream, std::as_writable_bytes(std::span(buffer_.get() + end_, size_ - end_)));
  if (got) end_ += *got;
  return got;
}

result<std::string_view> buffered_reader::read_until(char delimiter) {
  std::size_t seen = 0;  // of what is buffered, without a delimiter
  for (;;) {
    const char* const from = buffer_.get() + begin_;
    const void* const found = std::memchr(from + seen, delimiter, buffered() - seen);
    if (found != nullptr) {
      const auto size = static_cast<std::size_t>(static_cast<const char*>(found) - from) + 1;
      if (size > line_limit_) return failed(io_errc::line_too_long);
      skip(size);
      return std::string_view(from, size);
    }
    seen = buffered();
    if (seen >= line_limit_) return failed(io_errc::line_too_long);
    auto got = fill(seen + 1);
    if (!got) return failed(std::move(got.error()));
    if (*got != 0) continue;
    if (seen == 0) return failed(io_errc::end_of_file);
    const std::string_view rest(buffer_.get() + begin_, seen);
    skip(seen);
    return rest;
  }
}

result<std::string_view> buffered_reader::read_line() {
  auto line = read_until('\n');
  if (line && line->ends_with('\n')) {
    line->remove_suffix(1);
    if (line->ends_with('\r')) line->remove_suffix(1);
  }
  return line;
}

result<std::string_view> buffered_reader::peek(std::size_t n) {
  if (n > std::max(line_limit_, size_)) return failed(io_errc::line_too_long);
  while (buffered() < n) {
    auto got = fill(n);
    if (!got) return failed(std::move(got.error()));
    if (*got == 0) break;
  }
  return std::string_view(buffer_.get() + begin_, std::min(n, buffered()));
}

void buffered_reader::skip(std::size_t n) noexcept {
  GOS_ASSERT(n <= buffered());
  begin_ += n;
}

result<std::size_t> buffered_reader::read_some(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  if (buffered() == 0) {
    // Past the buffer, where it would only be a copy.
    auto got = buffer.size() >= size_ ? from_.read(from_.stream, buffer) : fill(1);
    if (!got) return failed(std::move(got.error()));
    if (*got == 0 || buffer.size() >= size_) return got;
  }
  const std::size_t size = std::min(buffer.size(), buffered());
  std::memcpy(buffer.data(), buffer_.get() + begin_, size);
  skip(size);
  return size;
}

result<std::size_t> buffered_reader::read_full(std::span<std::byte> buffer) {
  for (std::size_t done = 0; done < buffer.size();) {
    const auto got = read_some(buffer.subspan(done));
    if (got && *got != 0) {
      done += *got;
      continue;
    }
    const io_errc end = done == 0 ? io_errc::end_of_file : io_errc::unexpected_end_of_file;
    const error why = got ? error(end) : got.error();
    return failed(error(why.code(), "read", why.message(), done));
  }
  return buffer.size();
}

// --- writing --------------------------------------------------------------------------------------------------------

buffered_writer::buffered_writer(detail::sink to, std::size_t size)
    : to_(to), buffer_(new std::byte[std::max(size, size_min)]), size_(std::max(size, size_min)) {}

buffered_writer::buffered_writer(buffered_writer&& other) noexcept
    : to_(other.to_),
      buffer_(std::move(other.buffer_)),
      size_(std::exchange(other.size_, 0)),
      used_(std::exchange(other.used_, 0)),
      failure_(std::move(other.failure_)) {}

buffered_writer& buffered_writer::operator=(buffered_writer&& other) noexcept {
  if (this == &other) return *this;
  static_cast<void>(flush());
  to_ = other.to_;
  buffer_ = std::move(other.buffer_);
  size_ = std::exchange(other.size_, 0);
  used_ = std::exchange(other.used_, 0);
  failure_ = std::move(other.failure_);
  return *this;
}

buffered_writer::~buffered_writer() { static_cast<void>(flush()); }

result<void> buffered_writer::pass_on(std::span<const std::byte> data) {
  auto written = detail::write_all(to_, data);
  if (!written) failure_ = written.error();
  return written;
}

result<void> buffered_writer::flush() {
  if (failure_) return std::unexpected(*failure_);
  if (used_ == 0) return {};
  return pass_on(std::span(buffer_.get(), std::exchange(used_, 0)));
}

result<void> buffered_writer::write(std::span<const std::byte> data) {
  if (failure_) return std::unexpected(*failure_);
  while (data.size() > size_ - used_) {
    if (used_ == 0) return pass_on(data);  // a copy would gain nothing
    const std::size_t fits = size_ - used_;
    std::memcpy(buffer_.get() + used_, data.data(), fits);
    used_ = size_;
    data = data.subspan(fits);
    if (auto flushed = flush(); !flushed) return flushed;
  }
  if (data.empty()) return {};
  std::memcpy(buffer_.get() + used_, data.data(), data.size());
  used_ += data.size();
  return {};
}

// --- whole streams --------------------------------------------------------------------------------------------------

// expected: how much will come, if that is known.
result<std::string> detail::read_all(source from, std::size_t expected) {
  std::string all;
  for (;;) {
    // One byte more than expected: the end is found without growing.
    const std::size_t room =
        std::max({read_all_size, all.size(), expected - std::min(expected, all.size()) + 1});
    const std::size_t before = all.size();
    result<std::size_t> got = 0;
    all.resize_and_overwrite(before + room, [&](char* data, std::size_t) {
      got = from.read(from.stream, std::as_writable_bytes(std::span(data + before, room)));
      return before + got.value_or(0);
    });
    if (!got) return std::unexpected(std::move(got.error()));
    if (*got == 0) return all;
  }
}

result<void> detail::write_all(sink to, std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto wrote = to.write(to.stream, data);
    if (!wrote) return std::unexpected(wrote.error());
    if (*wrote == 0) return std::unexpected(took_nothing());
    data = data.subspan(*wrote);
  }
  return {};
}

result<std::uint64_t> detail::copy_all(sink to, source from) {
  const std::unique_ptr<std::byte[]> buffer(new std::byte[copy_size]);
  for (std::uint64_t done = 0;;) {
    const auto got = from.read(from.stream, std::span(buffer.get(), copy_size));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return done;
    if (auto wrote = write_all(to, std::span(buffer.get(), *got)); !wrote)
      return std::unexpected(wrote.error());
    done += *got;
  }
}

}  // namespace gos
