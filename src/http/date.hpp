// date: the Date of a response, written where it is needed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gos::http {

inline constexpr std::size_t date_size = 29;

// date_size characters, without an end.
void write_date(char* to, std::int64_t seconds_since_1970) noexcept;

}  // namespace gos::http
