// object_names: FRONT DOOR: the names that a program has given to objects of ours, for dumps.
//
// A table beside the objects, by address: who gives no names has no field and no instruction more.
// INV1 A name is forgotten before its object's memory is used for something else: by who gave it.
#pragma once

#include <cstddef>
#include <string_view>

namespace gos::rt {

inline constexpr std::size_t object_name_max = 47;  // bytes that are kept

// In place of the one it had. User mode. Throws std::bad_alloc.
void object_name_set(const void* object, std::string_view name);
// User mode. Nothing if it has none.
void object_name_forget(const void* object) noexcept;

// Copies the object's name, ended by a zero; false: it has none, or that cannot be found out soon. Any mode, also while goroutines
// are held.
bool object_name_copy(const void* object, char (&to)[object_name_max + 1]) noexcept;

}  // namespace gos::rt
