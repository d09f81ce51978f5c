// pattern: what a router is given: `[METHOD ][HOST]/[PATH]`, taken apart; and which of two fits more requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gossamer/error.hpp>

namespace gos::http {

struct pattern {
  // literal: text itself. wildcard: one segment, text is its name. rest: all that is left, also nothing; text is its name, or empty.
  // end: "{$}", an empty last segment.
  enum class kind : std::uint8_t { literal, wildcard, rest, end };
  struct segment {
    pattern::kind kind;
    std::string text;
  };

  std::string text;    // as it was given
  std::string method;  // empty: all
  std::string host;    // empty: all
  std::vector<segment> segments;

  static result<pattern> parse(std::string_view text);
};

// How the requests that a fits lie to those that b fits.
enum class relation : std::uint8_t { equal, more_general, more_specific, overlap, disjoint };
relation compare(const pattern& a, const pattern& b) noexcept;

// A path that both fit; their paths overlap.
std::string common_path(const pattern& a, const pattern& b);

}  // namespace gos::http
