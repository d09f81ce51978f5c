// conditions: which part of a file a request wants, and whether it wants it at all. RFC 9110, sections 13 and 14.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <gossamer/http.hpp>

namespace gos::http {

// What is served: its validators.
struct validators {
  std::string_view etag;  // strong, with its quotes
  std::chrono::system_clock::time_point modified;
};

// What the conditions say: go on (200), not_modified or precondition_failed.
status judge_conditions(const request& request, const validators& of);

struct byte_range {
  std::uint64_t first = 0, size = 0;
};
enum class range_outcome : std::uint8_t { whole, some, unsatisfiable };
// The ranges that are asked for, within a file of that size. Whole: none, or more than anybody needs.
range_outcome judge_ranges(const request& request, const validators& of, std::uint64_t size, std::vector<byte_range>& to);

}  // namespace gos::http
