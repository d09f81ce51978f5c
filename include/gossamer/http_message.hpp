// http_message: what HTTP messages consist of: header fields, status codes, URLs, dates.
//
//   gos::http::fields fields;
//   fields.set("Content-Type", "text/plain");
//   fields.add("Set-Cookie", "a=1");
//   std::string_view type = fields.get("content-type");          // text/plain
//
//   auto url = gos::http::url::parse("https://example.org/a%20b?q=1");
//   if (url) fields.set("Host", url->authority());
//
// All are values: one goroutine at a time may change one. Views into them are good until they are changed.
// Source: RFC 9110, RFC 9112, RFC 3986; Go net/http Header, net/url.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gossamer/error.hpp>

namespace gos::http {

// Why HTTP failed, beside failures of the connection below. The texts say more.
enum class errc {
  malformed = 1,       // http: malformed request: ...
  header_too_large,    // http: header too large
  body_too_large,      // http: request body too large
  body_length,         // http: wrote more than the declared Content-Length
  body_not_allowed,    // http: request method or response status code does not allow body
  already_sent,        // http: the head of the response has been sent
  hijacked,            // http: connection has been hijacked
  server_closed,       // http: Server closed
  bad_url,             // parse "...": ...
  bad_pattern,         // http: pattern "...": ...
  configuration,       // http: header_bytes: ...
  unsupported,         // http: ...
  too_many_redirects,  // http: stopped after 10 redirects
  websocket,           // websocket: ...
};
const std::error_category& http_category() noexcept;
inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), http_category()}; }

}  // namespace gos::http

template <> struct std::is_error_code_enum<gos::http::errc> : std::true_type {};

namespace gos::http {

// The codes that a program writes down most; any number from 100 to 999 may be used as one.
enum class status : std::uint16_t {
  continue_ = 100,
  switching_protocols = 101,
  ok = 200,
  created = 201,
  accepted = 202,
  no_content = 204,
  partial_content = 206,
  moved_permanently = 301,
  found = 302,
  see_other = 303,
  not_modified = 304,
  temporary_redirect = 307,
  permanent_redirect = 308,
  bad_request = 400,
  unauthorized = 401,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  request_timeout = 408,
  conflict = 409,
  gone = 410,
  length_required = 411,
  precondition_failed = 412,
  payload_too_large = 413,
  uri_too_long = 414,
  unsupported_media_type = 415,
  range_not_satisfiable = 416,
  expectation_failed = 417,
  upgrade_required = 426,
  too_many_requests = 429,
  header_fields_too_large = 431,
  internal_server_error = 500,
  not_implemented = 501,
  bad_gateway = 502,
  service_unavailable = 503,
  gateway_timeout = 504,
  version_not_supported = 505,
};
constexpr int number(status s) noexcept { return static_cast<int>(s); }
// "Not Found"; empty for numbers that have no name.
std::string_view reason(status s) noexcept;

// A letter or digit, or one of !#$%&'*+-.^_`|~, at least one: a method or the name of a field.
bool is_token(std::string_view text) noexcept;
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

// Header fields (or trailers): names and values in the order in which they came. Names are found whatever their case, and kept
// as they were given. Adding a name that is no token, or a value with a line break or a NUL, panics: `http: header field
// "Location": value has a line break`. So nothing that comes from elsewhere can end a field and begin another.
class fields {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  // The first value; empty if there is none.
  std::string_view get(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  std::vector<std::string_view> all(std::string_view name) const;
  // Whether one of the values, which are lists with commas, has this word: has_token("Connection", "close").
  bool has_token(std::string_view name, std::string_view token) const noexcept;

  void add(std::string_view name, std::string_view value);
  // Instead of all that have the name, in the place of the first.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name) noexcept;
  void clear() noexcept {
    entries_.clear();
    text_.clear();
  }
  // What comes from a parser, which has looked at it already.
  void add_parsed(std::string_view name, std::string_view value) { append(name, value); }

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

  class iterator {
   public:
    using value_type = field;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    field operator*() const noexcept { return of_->at(index_); }
    iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept = default;

   private:
    friend class fields;
    iterator(const fields* of, std::size_t index) noexcept : of_(of), index_(index) {}
    const fields* of_ = nullptr;
    std::size_t index_ = 0;
  };
  iterator begin() const noexcept { return {this, 0}; }
  iterator end() const noexcept { return {this, entries_.size()}; }

 private:
  struct entry {
    std::uint32_t at, name_size, value_size;  // in text_: the name, then the value
  };
  field at(std::size_t index) const noexcept {
    const entry& e = entries_[index];
    const std::string_view text = text_;
    return {text.substr(e.at, e.name_size), text.substr(e.at + e.name_size, e.value_size)};
  }
  const entry* find(std::string_view name) const noexcept;
  entry append(std::string_view name, std::string_view value);

  std::string text_;
  std::vector<entry> entries_;
};

// "Sun, 06 Nov 1994 08:49:37 GMT", and back; also the two old forms that RFC 9110 wants understood.
std::string format_date(std::chrono::system_clock::time_point when);
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text) noexcept;

// %41 for what may not stand there. encode_path leaves '/' as it is.
std::string encode_path(std::string_view text);
std::string encode_query(std::string_view text);
// Nothing if a % is not followed by two hexadecimal digits. In a query '+' is a space.
std::optional<std::string> decode_path(std::string_view text);
std::optional<std::string> decode_query(std::string_view text);

// "a=1&b=2", decoded, in order. Pairs that cannot be decoded are left out.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

// An absolute URL, or a reference to be resolved against one. Parts are as they were written: encoded.
struct url {
  std::string scheme;  // in lower case; empty in a reference
  std::string user;    // "name" or "name:password"
  std::string host;    // a name or an address; an IPv6 address without its brackets
  std::string port;    // empty: the scheme's
  std::string path;
  std::string query;       // without '?'
  std::string fragment;    // without '#'
  bool has_query = false;  // there was a '?'

  // Errors: `parse "http://[::1": missing ']' in host`.
  static result<url> parse(std::string_view text);
  // As a browser does with a link on the page of this URL. Source: RFC 3986 section 5.2.
  result<url> resolve(std::string_view reference) const;

  std::string to_string() const;
  std::string authority() const;        // "example.org:8080", "[::1]"
  std::string target() const;           // of a request: path and query, "/" at least
  std::string port_or_default() const;  // "80" of http, "443" of https
};

// The path without `.`, `..` and repeated slashes; begins with '/' and keeps a slash at its end. Source: Go path.Clean.
std::string clean_path(std::string_view path);

}  // namespace gos::http
