// align: the cache line, and branch hints under one name.
#pragma once

#include <cstddef>

namespace gos::rt {

// Two words that different threads write must lie this far apart.
inline constexpr std::size_t cache_line_size = 64;

}  // namespace gos::rt

#define GOS_LIKELY(condition) (__builtin_expect(static_cast<bool>(condition), 1))
#define GOS_UNLIKELY(condition) (__builtin_expect(static_cast<bool>(condition), 0))
