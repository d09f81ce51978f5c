// body: the body of a message as a stream: so many bytes, chunks, or all up to the end of the connection.
//
// INV1 No byte behind the body is taken from the input.
// INV2 The line of a chunk has at most chunk_line_max bytes, its extensions included, which nobody looks at; trailers have
//      the limits of heads, and fit into one block.
// INV3 After a failure every read fails with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <gossamer/http_message.hpp>

#include "http/input.hpp"
#include "http/parser.hpp"

namespace gos::http {

inline constexpr std::size_t chunk_line_max = 256;

class body {
 public:
  enum class kind : std::uint8_t { none, length, chunked, until_end };

  void begin(kind how, std::uint64_t length = 0) noexcept;
  // The kind that a request's head says. limit 0: none.
  void begin_request(const framing& says) noexcept;

  // Some of it; 0: all has been read.
  result<std::size_t> read(input& from, rt::stream& stream, std::byte* to, std::size_t size);

  bool complete() const noexcept { return phase_ == phase::done; }
  std::uint64_t left() const noexcept { return left_; }  // of a body with a length
  kind how() const noexcept { return how_; }
  const fields& trailers() const noexcept { return trailers_; }
  const std::optional<error>& failure() const noexcept { return failure_; }
  // Beyond it reads fail with errc::body_too_large. 0: no limit.
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }
  bool started() const noexcept { return started_; }

 private:
  enum class phase : std::uint8_t { data, chunk_line, chunk_end, trailers, done };

  std::unexpected<error> failed(error why);
  result<void> need(input& from, rt::stream& stream);
  result<std::size_t> read_data(input& from, rt::stream& stream, std::byte* to, std::size_t size);
  result<void> read_chunk_line(input& from, rt::stream& stream);
  result<void> read_chunk_end(input& from, rt::stream& stream);
  result<void> read_trailers(input& from, rt::stream& stream);

  kind how_ = kind::none;
  phase phase_ = phase::done;
  bool started_ = false;
  std::uint64_t left_ = 0;  // of the body or the chunk
  std::uint64_t limit_ = 0;
  std::uint64_t count_ = 0;  // announced so far
  fields trailers_;
  std::optional<error> failure_;
};

}  // namespace gos::http
