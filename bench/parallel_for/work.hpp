// What every program of this workload does with one index: some ten nanoseconds of arithmetic whose sum can be checked.
#pragma once

#include <cstdint>

namespace work {

inline constexpr std::int64_t indices = 1 << 20;

inline std::uint64_t value(std::int64_t index) {
  auto x = static_cast<std::uint64_t>(index);
  for (int i = 0; i < 4; ++i) x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9U;
  return x & 0xff;
}

inline std::uint64_t sum_of_all() {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < indices; ++i) sum += value(i);
  return sum;
}

}  // namespace work
