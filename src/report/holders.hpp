// holders: on whose stack the holder of a lock stands. See include/gossamer/detail/holder.hpp.
#pragma once

#include <cstddef>

#include <gossamer/detail/holder.hpp>

namespace gos::rt {

// The base of the goroutine stack, in use or not, that the word names; null: it names a plain thread's. Any thread.
const std::byte* holder_stack(detail::holder_word word) noexcept;

}  // namespace gos::rt
