// url: parsing, resolving and encoding. What is parsed stays encoded: only who knows what a part means may decode it.
#include <algorithm>
#include <string>

#include <gossamer/http_message.hpp>

namespace gos::http {

namespace {

constexpr char hexadecimal[] = "0123456789ABCDEF";

int value_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// `others`: what stands for itself beside letters and digits.
std::string encode(std::string_view text, std::string_view others) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_alphanumeric(c) || others.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', hexadecimal[byte >> 4], hexadecimal[byte & 15]};
    }
  }
  return out;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? value_of(text[i + 1]) : -1;
      const int low = high >= 0 ? value_of(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::unexpected<error> bad(std::string_view text, std::string_view why) {
  return std::unexpected(error(errc::bad_url, "parse \"" + std::string(text) + '"', why));
}

// Splits off what stands behind the first `mark`; true if there is one.
bool cut(std::string_view& text, char mark, std::string& behind) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return false;
  behind = text.substr(at + 1);
  text = text.substr(0, at);
  return true;
}

// Why the authority is none; empty: it is.
std::string_view parse_authority(std::string_view text, url& to) {
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    to.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return "missing ']' in host";
    to.host = text.substr(1, end - 1);
    if (!std::ranges::all_of(to.host, [](char c) { return value_of(c) >= 0 || c == ':' || c == '.'; }))
      return "invalid host";
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return "invalid port";
  } else {
    const std::size_t colon = text.find(':');
    to.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    const auto fits = [](char c) {
      return is_alphanumeric(c) || static_cast<unsigned char>(c) >= 0x80 ||
             std::string_view("-._~%!$&'()*+,;=").contains(c);
    };
    if (!std::ranges::all_of(to.host, fits)) return "invalid character in host name";
  }
  if (!port.empty()) port.remove_prefix(1);
  if (port.size() > 5 || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
    return "invalid port";
  to.port = port;
  return {};
}

std::size_t scheme_size(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':') return i;
    const bool fits = is_alphanumeric(text[i]) || (i > 0 && std::string_view("+-.").contains(text[i]));
    if (!fits || (i == 0 && text[i] >= '0' && text[i] <= '9')) break;
  }
  return 0;
}

// Without `.` and `..`, as RFC 3986 has it: other slashes stay.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    std::string_view piece = path.substr(0, end);
    path.remove_prefix(end);
    if (piece == "/." || piece == "/..") {
      if (piece == "/..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
      if (path.empty()) out += '/';
    } else {
      out += piece;
    }
  }
  return out;
}

}  // namespace

std::string encode_path(std::string_view text) { return encode(text, "-._~!$&'()*+,;=:@/"); }
std::string encode_query(std::string_view text) { return encode(text, "-._~"); }
std::optional<std::string> decode_path(std::string_view text) { return decode(text, false); }
std::optional<std::string> decode_query(std::string_view text) { return decode(text, true); }

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> found;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = decode_query(pair.substr(0, equals));
    auto value =
        decode_query(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (name && value) found.emplace_back(std::move(*name), std::move(*value));
  }
  return found;
}

result<url> url::parse(std::string_view text) {
  url made;
  const auto is_control = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) return bad(text, "invalid control character in URL");
  std::string_view rest = text;
  cut(rest, '#', made.fragment);
  made.has_query = cut(rest, '?', made.query);
  if (const std::size_t size = scheme_size(rest)) {
    made.scheme = rest.substr(0, size);
    for (char& c : made.scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    rest.remove_prefix(size + 1);
  } else if (rest.starts_with(':')) {
    return bad(text, "missing protocol scheme");
  }
  if (rest.starts_with("//")) {
    const std::string_view authority = rest.substr(2, std::min(rest.find('/', 2), rest.size()) - 2);
    if (const auto why = parse_authority(authority, made); !why.empty()) return bad(text, why);
    rest.remove_prefix(2 + authority.size());
  }
  made.path = rest;
  if (!decode_path(made.path)) return bad(text, "invalid URL escape");
  return made;
}

result<url> url::resolve(std::string_view reference) const {
  auto made = parse(reference);
  if (!made || !made->scheme.empty()) return made;
  made->scheme = scheme;
  if (!made->host.empty()) return made;
  made->user = user;
  made->host = host;
  made->port = port;
  if (made->path.empty()) {
    made->path = path;
    if (!made->has_query) {
      made->query = query;
      made->has_query = has_query;
    }
  } else if (made->path.front() != '/') {
    const std::size_t slash = path.rfind('/');
    made->path = slash == std::string::npos ? '/' + made->path : path.substr(0, slash + 1) + made->path;
  }
  made->path = without_dots(made->path);
  return made;
}

std::string url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (!port.empty()) text += ':' + port;
  return text;
}

std::string url::target() const {
  std::string text = path.empty() ? "/" : path;
  if (has_query) text += '?' + query;
  return text;
}

std::string url::to_string() const {
  std::string text;
  if (!scheme.empty()) text += scheme + ':';
  if (!host.empty()) text += "//" + (user.empty() ? std::string() : user + '@') + authority();
  text += path;
  if (has_query) text += '?' + query;
  if (!fragment.empty()) text += '#' + fragment;
  return text;
}

std::string url::port_or_default() const {
  if (!port.empty()) return port;
  return scheme == "https" || scheme == "wss" ? "443" : "80";
}

std::string clean_path(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view piece = path.substr(at, end - at);
    at = end + 1;
    if (piece.empty() || piece == ".") continue;
    if (piece == "..") {
      const std::size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
    } else {
      out += '/';
      out += piece;
    }
  }
  const bool directory = path.empty() || path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (directory) out += '/';
  return out;
}

}  // namespace gos::http
