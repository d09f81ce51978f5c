// See wait_note.hpp.
#include "sched/wait_note.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "sched/object_names.hpp"

namespace gos::rt {

void wait_note::add(const char* format, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text_ + size_, text_max - size_, format, arguments);
  va_end(arguments);
  if (length > 0) size_ = std::min(size_ + static_cast<std::size_t>(length), text_max - 1);
}

void wait_note::add_object(const char* kind, const void* object) noexcept {
  add("%s %p", kind, object);
  char name[object_name_max + 1];
  if (object_name_copy(object, name)) add(" \"%s\"", name);
}

void wait_note::mark_parties(const void* object, party own) noexcept {
  if (!has_room_for_parties()) return;
  parties_[parties_count_++] = {object, own};
  add("%c", mark);
}

}  // namespace gos::rt
