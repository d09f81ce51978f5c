// See conditions.hpp.
#include "http/conditions.hpp"

#include <algorithm>
#include <charconv>

namespace gos::http {

namespace {

constexpr std::size_t ranges_max = 16;

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Whether a list of entity tags has this one. weak: W/"x" counts as "x".
bool has_tag(std::string_view list, std::string_view tag, bool weak) noexcept {
  if (trimmed(list) == "*") return true;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view one = trimmed(list.substr(0, comma));
    if (weak && one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

auto in_seconds(std::chrono::system_clock::time_point when) { return std::chrono::floor<std::chrono::seconds>(when); }

bool number(std::string_view text, std::uint64_t& to) noexcept {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), to);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// False: the field is malformed, and then it counts for nothing.
bool parse_range(std::string_view text, std::uint64_t size, std::vector<byte_range>& to) {
  text = trimmed(text);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  std::uint64_t first = 0, last = 0;
  if (dash == 0) {  // the last so many
    if (!number(text.substr(1), last)) return false;
    last = std::min(last, size);
    if (last > 0) to.push_back({size - last, last});
    return true;
  }
  if (!number(text.substr(0, dash), first)) return false;
  if (dash + 1 == text.size()) last = UINT64_MAX;
  else if (!number(text.substr(dash + 1), last) || last < first) return false;
  if (first < size) to.push_back({first, std::min(last, size - 1) - first + 1});
  return true;
}

}  // namespace

status judge_conditions(const request& request, const validators& of) {
  const std::string_view match = request.header("If-Match"), none = request.header("If-None-Match");
  if (!match.empty()) {
    if (!has_tag(match, of.etag, false)) return status::precondition_failed;
  } else if (const auto since = parse_date(request.header("If-Unmodified-Since"))) {
    if (in_seconds(of.modified) > *since) return status::precondition_failed;
  }
  if (!none.empty()) {
    if (has_tag(none, of.etag, true)) return status::not_modified;
  } else if (const auto since = parse_date(request.header("If-Modified-Since"))) {
    if (in_seconds(of.modified) <= *since) return status::not_modified;
  }
  return status::ok;
}

range_outcome judge_ranges(const request& request, const validators& of, std::uint64_t size, std::vector<byte_range>& to) {
  std::string_view text = request.header("Range");
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit) || (request.method() != "GET" && request.method() != "HEAD")) return range_outcome::whole;
  const std::string_view only_if = request.header("If-Range");
  if (!only_if.empty() && only_if != of.etag) {
    const auto since = parse_date(only_if);
    if (!since || in_seconds(of.modified) != *since) return range_outcome::whole;
  }
  text.remove_prefix(unit.size());
  std::size_t count = 0;
  std::uint64_t sum = 0;
  for (;;) {
    const std::size_t comma = text.find(',');
    if (++count > ranges_max || !parse_range(text.substr(0, comma), size, to)) return range_outcome::whole;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  for (const byte_range& r : to) sum += r.size;
  if (to.empty()) return range_outcome::unsatisfiable;
  return sum > size ? range_outcome::whole : range_outcome::some;
}

}  // namespace gos::http
