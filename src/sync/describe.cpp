// See describe.hpp. What needs to see the inside of an object lies with the object.
#include "sync/describe.hpp"

#include "sync/holders.hpp"

namespace gos::rt {

void describe_mutex(wait_note& note, const void* mutex) noexcept {
  const lock_holder holder = detail::lock_access::holder(*static_cast<const gos::mutex*>(mutex));
  note.add_object("sync.Mutex", mutex);
  note.add(" (%s", holder.locked ? "locked" : "free");
  if (holder.locked) note.mark_holder(holder.holder);
  note.mark_parties(mutex, party::any);
  note.add(")");
}

}  // namespace gos::rt
