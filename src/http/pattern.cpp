// See pattern.hpp.
#include "http/pattern.hpp"

#include <algorithm>

#include <gossamer/http_message.hpp>

namespace gos::http {

namespace {

using kind = pattern::kind;

std::unexpected<error> bad(std::string_view text, std::string_view why) {
  return std::unexpected(
      error(make_error_code(errc::bad_pattern), "http: pattern \"" + std::string(text) + '"', why));
}

bool is_name(std::string_view text) noexcept {
  const auto fits = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c >= 0x80;
  };
  return !text.empty() && std::ranges::all_of(text, fits) && !(text.front() >= '0' && text.front() <= '9');
}

// Why the segment is none; empty: it is.
std::string_view parse_segment(std::string_view text, bool last, pattern::segment& to) {
  const std::size_t brace = text.find_first_of("{}");
  if (brace == std::string_view::npos) {
    auto decoded = decode_path(text);
    if (!decoded) return "malformed escape";
    to = {kind::literal, std::move(*decoded)};
    return {};
  }
  if (text.front() != '{' || text.back() != '}') return "a wildcard must be a whole segment";
  std::string_view name = text.substr(1, text.size() - 2);
  if (name == "$") {
    to = {kind::end, {}};
    return last ? std::string_view() : "{$} not at the end";
  }
  const bool rest = name.ends_with("...");
  if (rest) name.remove_suffix(3);
  if (rest && !last) return "{...} wildcard not at the end";
  if (!is_name(name)) return "bad wildcard name";
  to = {rest ? kind::rest : kind::wildcard, std::string(name)};
  return {};
}

relation turned(relation r) noexcept {
  if (r == relation::more_general) return relation::more_specific;
  if (r == relation::more_specific) return relation::more_general;
  return r;
}

relation combined(relation a, relation b) noexcept {
  if (a == relation::disjoint || b == relation::disjoint) return relation::disjoint;
  if (a == relation::equal || a == b) return b;
  return b == relation::equal ? a : relation::overlap;
}

relation compare_methods(const std::string& a, const std::string& b) noexcept {
  if (a == b) return relation::equal;
  if (a.empty() || (a == "GET" && b == "HEAD")) return relation::more_general;
  if (b.empty() || (b == "GET" && a == "HEAD")) return relation::more_specific;
  return relation::disjoint;
}

relation compare_segments(const pattern::segment& a, const pattern::segment& b) noexcept {
  if (a.kind == b.kind)
    return a.kind != kind::literal || a.text == b.text ? relation::equal : relation::disjoint;
  if (a.kind == kind::rest) return relation::more_general;
  if (a.kind == kind::wildcard && b.kind == kind::literal) return relation::more_general;
  if (b.kind == kind::rest || (b.kind == kind::wildcard && a.kind == kind::literal))
    return turned(compare_segments(b, a));
  return relation::disjoint;  // {$} is an empty segment, the others are not
}

relation compare_paths(const pattern& a, const pattern& b) noexcept {
  relation so_far = relation::equal;
  for (std::size_t i = 0;; ++i) {
    if (i == a.segments.size() || i == b.segments.size()) {
      return a.segments.size() == b.segments.size() ? so_far : relation::disjoint;
    }
    so_far = combined(so_far, compare_segments(a.segments[i], b.segments[i]));
    if (a.segments[i].kind == kind::rest || b.segments[i].kind == kind::rest) return so_far;
  }
}

}  // namespace

result<pattern> pattern::parse(std::string_view text) {
  pattern made;
  made.text = text;
  std::string_view rest = text;
  if (const std::size_t space = rest.find_first_of(" \t"); space != std::string_view::npos) {
    made.method = rest.substr(0, space);
    if (!is_token(made.method)) return bad(text, "invalid method");
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t", space), rest.size()));
  }
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return bad(text, "host/path missing /");
  made.host = rest.substr(0, slash);
  if (made.host.find_first_of("{} \t") != std::string::npos) return bad(text, "invalid host");
  if (made.host.find(':') != std::string::npos) return bad(text, "a host without its port is wanted");
  rest.remove_prefix(slash);
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::string_view piece = rest.substr(0, rest.find('/'));
    rest.remove_prefix(piece.size());
    segment next{kind::rest, {}};  // a slash at the end
    if (piece.empty() && !rest.empty()) return bad(text, "empty segment");
    if (!piece.empty()) {
      if (const auto why = parse_segment(piece, rest.empty(), next); !why.empty()) return bad(text, why);
    }
    for (const segment& s : made.segments) {
      if (s.kind != kind::literal && next.kind != kind::literal && !next.text.empty() &&
          s.text == next.text) {
        return bad(text, "duplicate wildcard name \"" + next.text + '"');
      }
    }
    made.segments.push_back(std::move(next));
  }
  return made;
}

relation compare(const pattern& a, const pattern& b) noexcept {
  if (a.host != b.host) {
    if (a.host.empty()) return relation::more_general;
    return b.host.empty() ? relation::more_specific : relation::disjoint;
  }
  return combined(compare_methods(a.method, b.method), compare_paths(a, b));
}

std::string common_path(const pattern& a, const pattern& b) {
  std::string path;
  for (std::size_t i = 0; i < std::max(a.segments.size(), b.segments.size()); ++i) {
    const pattern::segment* from = i < a.segments.size() ? &a.segments[i] : nullptr;
    const pattern::segment* other = i < b.segments.size() ? &b.segments[i] : nullptr;
    if (from == nullptr || (other != nullptr && (other->kind == kind::literal || from->kind == kind::rest)))
      std::swap(from, other);
    path += '/';
    if (from->kind == kind::literal || from->kind == kind::wildcard) path += from->text;
  }
  return path;
}

}  // namespace gos::http
