// fields: header fields of HTTP, errors and names of status codes. Names and values lie one behind the other in one text, so that a
// message whose memory is used again costs no allocation. What is removed leaves its text behind until clear().
#include <algorithm>
#include <array>
#include <string>

#include <gossamer/http_message.hpp>
#include <gossamer/panic.hpp>

namespace gos::http {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "http"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::malformed:
        return "http: malformed message";
      case errc::header_too_large:
        return "http: header too large";
      case errc::body_too_large:
        return "http: request body too large";
      case errc::body_length:
        return "http: wrote more than the declared Content-Length";
      case errc::body_not_allowed:
        return "http: request method or response status code does not allow body";
      case errc::already_sent:
        return "http: the head of the response has been sent";
      case errc::hijacked:
        return "http: connection has been hijacked";
      case errc::server_closed:
        return "http: Server closed";
      case errc::bad_url:
        return "invalid URL";
      case errc::bad_pattern:
        return "http: invalid pattern";
      case errc::configuration:
        return "http: invalid option";
      case errc::unsupported:
        return "http: not supported";
      case errc::too_many_redirects:
        return "http: too many redirects";
      case errc::websocket:
        return "websocket: protocol error";
    }
    return "http: unknown error";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::malformed:
        return std::errc::bad_message;
      case errc::header_too_large:
      case errc::body_too_large:
        return std::errc::message_size;
      case errc::unsupported:
        return std::errc::not_supported;
      default:
        return {value, *this};
    }
  }
};

constexpr std::array<bool, 256> make_tokens() {
  std::array<bool, 256> is{};
  for (int c = 'a'; c <= 'z'; ++c)
    is[static_cast<std::size_t>(c)] = is[static_cast<std::size_t>(c - 'a' + 'A')] = true;
  for (int c = '0'; c <= '9'; ++c) is[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<std::size_t>(c)] = true;
  return is;
}
constexpr std::array<bool, 256> tokens = make_tokens();

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

void check(std::string_view name, std::string_view value) {
  if (!is_token(name)) panic("http: invalid header field name \"" + std::string(name) + '"');
  for (const char c : value) {
    if (c == '\r' || c == '\n' || c == '\0') {
      panic("http: header field \"" + std::string(name) + "\": value has a " +
            (c == '\0' ? "NUL" : "line break"));
    }
  }
}

}  // namespace

const std::error_category& http_category() noexcept {
  static const category it;
  return it;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return tokens[c]; });
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

const fields::entry* fields::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (equal_ignoring_case(at(i).name, name)) return &entries_[i];
  }
  return nullptr;
}

std::string_view fields::get(std::string_view name) const noexcept {
  const entry* const e = find(name);
  return e == nullptr ? std::string_view() : at(static_cast<std::size_t>(e - entries_.data())).value;
}

std::vector<std::string_view> fields::all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const field f : *this) {
    if (equal_ignoring_case(f.name, name)) found.push_back(f.value);
  }
  return found;
}

bool fields::has_token(std::string_view name, std::string_view token) const noexcept {
  for (const field f : *this) {
    if (!equal_ignoring_case(f.name, name)) continue;
    std::string_view rest = f.value;
    for (;;) {
      const std::size_t comma = rest.find(',');
      std::string_view word = rest.substr(0, comma);
      while (!word.empty() && (word.front() == ' ' || word.front() == '\t')) word.remove_prefix(1);
      while (!word.empty() && (word.back() == ' ' || word.back() == '\t')) word.remove_suffix(1);
      if (equal_ignoring_case(word, token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

fields::entry fields::append(std::string_view name, std::string_view value) {
  const entry e{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                static_cast<std::uint32_t>(value.size())};
  text_.append(name).append(value);
  entries_.push_back(e);
  return e;
}

void fields::add(std::string_view name, std::string_view value) {
  check(name, value);
  append(std::string(name), std::string(value));  // copies: they may lie in this text
}

void fields::set(std::string_view name, std::string_view value) {
  check(name, value);
  const std::string own_name(name);
  const entry* const first = find(name);
  if (first == nullptr) {
    append(own_name, std::string(value));
    return;
  }
  const auto index = static_cast<std::size_t>(first - entries_.data());
  const entry made = append(own_name, std::string(value));
  entries_.pop_back();
  entries_[index] = made;
  for (std::size_t i = entries_.size() - 1; i > index; --i) {
    if (equal_ignoring_case(at(i).name, own_name))
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void fields::remove(std::string_view name) noexcept {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (equal_ignoring_case(at(i).name, name))
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::string_view reason(status s) noexcept {
  switch (number(s)) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

}  // namespace gos::http
