// buffered: reading and writing in pieces of one's own size: lines, records, characters, over anything that has read_some
// or write_some: files, connections, or what a program makes itself.
//
//   gos::buffered_reader input(gos::standard_input());
//   for (std::string_view line : input.lines()) work(line);
//   if (input.failure()) return std::puts(input.failure()->message().c_str()), 1;
//
//   gos::buffered_writer output(gos::standard_output());
//   if (!output.write("hello\n") || !output.flush()) return 1;
//
// Neither owns its stream: it must outlive them. One goroutine at a time may use each of them.
// Source: Go packages bufio, io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <concepts>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <gossamer/error.hpp>

namespace gos {

// What can be read from: s.read_some(buffer) returns how much it has read, 0 at the end.
template <class S>
concept readable_stream = requires(S& s, std::span<std::byte> buffer) {
  { s.read_some(buffer) } -> std::same_as<result<std::size_t>>;
};

// What can be written to: s.write_some(data) returns how much of a piece it has taken, at least a byte.
template <class S>
concept writable_stream = requires(S& s, std::span<const std::byte> data) {
  { s.write_some(data) } -> std::same_as<result<std::size_t>>;
};

namespace detail {

// A stream of any type.
struct source {
  void* stream = nullptr;
  result<std::size_t> (*read)(void* stream, std::span<std::byte> buffer) = nullptr;

  template <readable_stream S> static source of(S& s) noexcept {
    return {std::addressof(s),
            [](void* stream, std::span<std::byte> b) { return static_cast<S*>(stream)->read_some(b); }};
  }
};
struct sink {
  void* stream = nullptr;
  result<std::size_t> (*write)(void* stream, std::span<const std::byte> data) = nullptr;

  template <writable_stream S> static sink of(S& s) noexcept {
    return {std::addressof(s), [](void* stream, std::span<const std::byte> d) {
              return static_cast<S*>(stream)->write_some(d);
            }};
  }
};

result<std::string> read_all(source from, std::size_t expected);
result<void> write_all(sink to, std::span<const std::byte> data);
result<std::uint64_t> copy_all(sink to, source from);

}  // namespace detail

// All that comes, up to the end. Source: Go io.ReadAll.
template <readable_stream S> result<std::string> read_all(S& from) {
  return detail::read_all(detail::source::of(from), 0);
}

// Writes to one what is read from the other, up to the end, and returns how much that was. The error is that of the one that
// failed. Source: Go io.Copy.
template <writable_stream To, readable_stream From> result<std::uint64_t> copy_all(To& to, From& from) {
  return detail::copy_all(detail::sink::of(to), detail::source::of(from));
}

// A failure of the stream ends the call that met it; what was read before stays in the buffer, so that after a time-out, say,
// the next call goes on where this one stood.
class buffered_reader {
 public:
  static constexpr std::size_t default_size = 4096;
  static constexpr std::size_t default_line_limit = 64 * 1024;

  // size: how much is read at once, at least 16.
  template <readable_stream S>
  requires(!std::same_as<S, buffered_reader>) explicit buffered_reader(S& stream,
                                                                       std::size_t size = default_size)
      : buffered_reader(detail::source::of(stream), size) {}

  buffered_reader(buffered_reader&&) noexcept = default;
  buffered_reader& operator=(buffered_reader&&) noexcept = default;

  // The next line, without its `\n` or `\r\n`; the last one may lack them. Valid until the next call of this reader. At the end it
  // fails with io_errc::end_of_file. A line longer than the limit: io_errc::line_too_long, and it stays where it is.
  result<std::string_view> read_line();
  // The same up to and with the delimiter, which only the last one may lack.
  result<std::string_view> read_until(char delimiter);

  // All lines that are left, as a range to go through once. It also ends where read_line fails: see failure().
  class line_range;
  line_range lines();

  // The next n bytes, without taking them; fewer at the end of the file. n beyond the line limit: io_errc::line_too_long.
  result<std::string_view> peek(std::size_t n);
  // Takes n bytes from what is buffered; n is at most buffered().
  void skip(std::size_t n) noexcept;

  // As those of a stream.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer) { return read_some(std::as_writable_bytes(buffer)); }
  result<std::size_t> read_full(std::span<std::byte> buffer);
  result<std::size_t> read_full(std::span<char> buffer) { return read_full(std::as_writable_bytes(buffer)); }

  // How long a line may be, its delimiter included. The buffer grows up to that.
  void set_line_limit(std::size_t limit) noexcept { line_limit_ = limit; }
  // What is in the buffer.
  std::size_t buffered() const noexcept { return end_ - begin_; }
  // The last failure of a call, if there was one: not the end of the file.
  const std::optional<error>& failure() const noexcept { return failure_; }

 private:
  buffered_reader(detail::source from, std::size_t size);
  result<std::size_t> fill(std::size_t wanted);
  std::unexpected<error> failed(error why);

  detail::source from_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;  // what is buffered: from here
  std::size_t end_ = 0;    // to here
  std::size_t line_limit_ = default_line_limit;
  std::optional<error> failure_;
};

class buffered_reader::line_range {
 public:
  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() noexcept = default;
    explicit iterator(buffered_reader* reader) : reader_(reader) { ++*this; }
    std::string_view operator*() const noexcept { return line_; }
    iterator& operator++() {
      const auto line = reader_->read_line();
      line_ = line ? *line : std::string_view();
      if (!line) reader_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return i.reader_ == nullptr;
    }

   private:
    buffered_reader* reader_ = nullptr;  // null at the end
    std::string_view line_;
  };

  iterator begin() { return iterator(reader_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  explicit line_range(buffered_reader* reader) noexcept : reader_(reader) {}
  friend class buffered_reader;
  buffered_reader* reader_;
};

inline buffered_reader::line_range buffered_reader::lines() { return line_range(this); }

// Collects what is written, and passes it on when there is enough of it, or at flush(). After a failure of the stream every call fails
// with that: what came in between would be missing. The destructor flushes, too, but can tell nobody of a failure.
class buffered_writer {
 public:
  static constexpr std::size_t default_size = 4096;

  // size: how much is collected, at least 16.
  template <writable_stream S>
  requires(!std::same_as<S, buffered_writer>) explicit buffered_writer(S& stream,
                                                                       std::size_t size = default_size)
      : buffered_writer(detail::sink::of(stream), size) {}

  buffered_writer(buffered_writer&& other) noexcept;
  buffered_writer& operator=(buffered_writer&& other) noexcept;
  ~buffered_writer();

  result<void> write(std::span<const std::byte> data);
  result<void> write(std::string_view data) { return write(std::as_bytes(std::span(data))); }

  // As those of a stream: all of it is taken.
  result<std::size_t> write_some(std::span<const std::byte> data) { return write_all(data); }
  result<std::size_t> write_some(std::string_view data) { return write_all(std::as_bytes(std::span(data))); }
  result<std::size_t> write_all(std::span<const std::byte> data) {
    if (auto wrote = write(data); !wrote) return std::unexpected(std::move(wrote.error()));
    return data.size();
  }
  result<std::size_t> write_all(std::string_view data) { return write_all(std::as_bytes(std::span(data))); }

  // Returns when the stream has taken all that was written.
  result<void> flush();

  // What is in the buffer.
  std::size_t buffered() const noexcept { return used_; }
  const std::optional<error>& failure() const noexcept { return failure_; }

 private:
  buffered_writer(detail::sink to, std::size_t size);
  result<void> pass_on(std::span<const std::byte> data);

  detail::sink to_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  std::optional<error> failure_;
};

}  // namespace gos
