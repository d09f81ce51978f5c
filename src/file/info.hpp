// info: what the system knows of a file, in the public words.
#pragma once

#include <sys/stat.h>

#include <gossamer/file.hpp>

namespace gos::rt {

file_type type_of(mode_t mode) noexcept;
file_info info_of(const struct ::stat& status) noexcept;

}  // namespace gos::rt
