// parser: from bytes to the head of a message. Two steps: head_scanner finds where a head ends, and refuses on the way the shapes on
// which servers and proxies have disagreed (bare LF, bare CR, folded lines, NUL, no version, too much of anything); then Boost.Beast
// takes the grammar apart (parser_beast.cpp), and what the fields say of the message's length is judged here.
//
// INV1 What is accepted has one meaning. A message with two lengths, with a length and a transfer coding, or with a coding other than
//      `chunked` alone is refused, even where RFC 9112 would let us repair it.
// INV2 The scanner looks at each byte once, also when a head comes byte by byte.
//
// Rejected: Beast alone. It joins folded lines, takes repeated lengths that are equal, and a message whose last coding is not
// `chunked` has no body for it. docs/decisions/0018-http-parser.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <gossamer/http_message.hpp>

namespace gos::http {

struct head_limits {
  std::size_t header_bytes = 64 * 1024;  // of the whole head
  std::size_t target_bytes = 8 * 1024;   // of the first line's target
  std::size_t header_count = 100;
};

// Why a message is refused, and with which status. The words are literals.
struct refusal {
  http::status status = http::status::bad_request;
  const char* why = "";
};

enum class head_kind : std::uint8_t { request, response, trailers };

class head_scanner {
 public:
  head_scanner(head_kind kind, const head_limits& limits) noexcept : limits_(limits), kind_(kind) {}

  enum class outcome : std::uint8_t { more, complete, refused };
  // `all`: what has come so far, from the first byte of the head on.
  outcome scan(std::string_view all) noexcept;

  std::size_t size() const noexcept { return line_; }  // of a complete head
  const refusal& why() const noexcept { return why_; }

 private:
  outcome refuse(http::status status, const char* why) noexcept {
    why_ = {status, why};
    return outcome::refused;
  }
  outcome first_line(std::string_view line) noexcept;
  outcome line(std::string_view line) noexcept;

  const head_limits& limits_;
  refusal why_;
  std::size_t line_ = 0;     // where the current line begins
  std::size_t scanned_ = 0;  // up to here there is no line end behind line_
  std::size_t count_ = 0;    // of fields
  head_kind kind_;
  bool first_ = true;
};

// What the fields say of the body.
struct framing {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
};

struct message_head {
  std::string method, target;  // of a request
  int status = 0;              // of a response
  std::string reason;
  int minor = 1;  // HTTP/1.minor
  http::fields fields;
  http::framing framing;
  bool keep_alive = true;  // as far as the peer is concerned
  bool upgrade = false;

  void clear() noexcept;
};

// A complete head, as the scanner has found it.
std::optional<refusal> parse_request(std::string_view head, message_head& to);
std::optional<refusal> parse_response(std::string_view head, message_head& to);
// Fields and the empty line behind them.
std::optional<refusal> parse_trailers(std::string_view text, http::fields& to);

}  // namespace gos::http
