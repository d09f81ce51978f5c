// duration: the vocabulary of time, and the one conversion from any std::chrono duration.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <numeric>
#include <ratio>
#include <type_traits>

namespace gos {

// What the library measures in.
using duration = std::chrono::nanoseconds;
// A moment of the library's clock; time_point::max() means never.
using time_point = std::chrono::steady_clock::time_point;

// Wherever a duration is taken, any std::chrono::duration is: of any ratio and representation. It is converted
// saturating, and rounded up: `at least` keeps its meaning.
template <class D>
concept any_duration = requires {
  typename D::rep;
  typename D::period;
};

namespace detail {

// d in nanoseconds: rounded up, clamped to the range of int64_t; not-a-number counts as zero.
template <any_duration D> constexpr std::int64_t to_nanoseconds(const D& d) noexcept {
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t min = std::numeric_limits<std::int64_t>::min();
  using period = typename D::period;
  // One tick is num / den nanoseconds, reduced before the factors are multiplied.
  constexpr std::intmax_t common = std::gcd(period::den, std::intmax_t{std::nano::den});
  constexpr std::intmax_t den = period::den / common;
  constexpr std::intmax_t factor = std::nano::den / common;
  if constexpr (std::is_same_v<D, std::chrono::nanoseconds>) {
    return d.count();
  } else if constexpr (std::is_integral_v<typename D::rep> && sizeof(typename D::rep) <= 8) {
    __extension__ using wide = __int128;
    // Below 2^64 * 2^63; the second product is checked by dividing first.
    const wide ticks = static_cast<wide>(d.count()) * period::num;
    if (ticks > static_cast<wide>(max) * den / factor) return max;
    if (ticks < static_cast<wide>(min) * den / factor) return min;
    const wide scaled = ticks * factor;
    const wide rounded_up = scaled / den + (scaled % den > 0 ? 1 : 0);
    return rounded_up > max ? max : static_cast<std::int64_t>(rounded_up);
  } else {
    const long double scaled = static_cast<long double>(d.count()) * static_cast<long double>(period::num) *
                               static_cast<long double>(factor) / static_cast<long double>(den);
    if (scaled != scaled) return 0;
    if (scaled >= static_cast<long double>(max)) return max;
    if (scaled <= static_cast<long double>(min)) return min;
    const auto truncated = static_cast<std::int64_t>(scaled);
    return static_cast<long double>(truncated) < scaled ? truncated + 1 : truncated;
  }
}

// A moment `ns` after `now_ns`, or never.
constexpr std::int64_t moment_after(std::int64_t now_ns, std::int64_t ns) noexcept {
  std::int64_t when = 0;
  if (__builtin_add_overflow(now_ns, ns, &when)) return ns > 0 ? std::numeric_limits<std::int64_t>::max() : 0;
  return when;
}

}  // namespace detail
}  // namespace gos
