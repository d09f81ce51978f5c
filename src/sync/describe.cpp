// See describe.hpp. What needs to see the inside of an object lies with the object.
#include "sync/describe.hpp"

namespace gos::rt {

void describe_mutex(wait_note& note, const void* mutex) noexcept {
  note.add("sync.Mutex %p (locked", mutex);
  note.mark_parties(mutex, party::any);
  note.add(")");
}

}  // namespace gos::rt
