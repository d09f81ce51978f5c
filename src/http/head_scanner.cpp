// head_scanner: where a head ends, and the shapes that are refused before anybody looks at what they say. See parser.hpp.
#include <cstring>

#include "http/parser.hpp"

namespace gos::http {

namespace {

// The end of the first line: " HTTP/1.1".
constexpr std::size_t version_size = 9;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

head_scanner::outcome head_scanner::scan(std::string_view all) noexcept {
  while (scanned_ < all.size()) {
    const void* const found = std::memchr(all.data() + scanned_, '\n', all.size() - scanned_);
    const std::size_t end = found == nullptr
                                ? all.size()
                                : static_cast<std::size_t>(static_cast<const char*>(found) - all.data());
    if (end >= limits_.header_bytes) {
      if (first_ && kind_ == head_kind::request) return refuse(status::uri_too_long, "request line too long");
      return refuse(status::header_fields_too_large, "header too large");
    }
    if (first_ && kind_ == head_kind::request && end - line_ > limits_.target_bytes + 64) {
      return refuse(status::uri_too_long, "request target too long");
    }
    scanned_ = end;
    if (found == nullptr) return outcome::more;
    if (end == line_ || all[end - 1] != '\r') return refuse(status::bad_request, "line ends with a bare LF");
    const std::string_view text = all.substr(line_, end - 1 - line_);
    line_ = scanned_ = end + 1;
    const outcome seen = line(text);
    if (seen != outcome::more) return seen;
  }
  return outcome::more;
}

head_scanner::outcome head_scanner::line(std::string_view text) noexcept {
  if (text.empty() && !first_) return outcome::complete;
  if (std::memchr(text.data(), '\r', text.size()) != nullptr) return refuse(status::bad_request, "bare CR");
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return refuse(status::bad_request, "NUL");
  if (first_) {
    first_ = false;
    return first_line(text);
  }
  if (text.front() == ' ' || text.front() == '\t') return refuse(status::bad_request, "folded header line");
  if (++count_ > limits_.header_count)
    return refuse(status::header_fields_too_large, "too many header fields");
  return outcome::more;
}

// Says at once what a client that speaks another version wants to know: it may send nothing more.
head_scanner::outcome head_scanner::first_line(std::string_view text) noexcept {
  if (kind_ == head_kind::trailers) return text.empty() ? outcome::complete : (first_ = false, line(text));
  if (kind_ == head_kind::response) return outcome::more;
  if (text.size() <= version_size) return refuse(status::bad_request, "malformed request line");
  const std::string_view version = text.substr(text.size() - version_size);
  if (!version.starts_with(" HTTP/") || !is_digit(version[6]) || version[7] != '.' || !is_digit(version[8])) {
    return refuse(status::bad_request, "malformed HTTP version");
  }
  if (version[6] != '1' || version[8] > '1')
    return refuse(status::version_not_supported, "unsupported HTTP version");
  const std::size_t space = text.find(' ');
  if (text.size() - version_size - space > limits_.target_bytes)
    return refuse(status::uri_too_long, "request target too long");
  return outcome::more;
}

}  // namespace gos::http
