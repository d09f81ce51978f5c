// wait_note: FRONT DOOR: what a goroutine waits on, in words, put down while it is held still.
//
// Each kind of object says of itself what helps who asks why it is stuck. It does so while the goroutine is held (INV1 of
// inspect.hpp): it reads, tries locks but waits for none, and allocates nothing. Numbers that need a look at all goroutines
// are filled in later, by who has looked: mark_parties() leaves a mark for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/spin.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

// Who waits there: of the goroutines that wait for this object, those for the same end, or for either. Or who holds it, or who
// used it.
enum class party : std::uint8_t { any, receiver, sender, holder, user };

class wait_note {
 public:
  static constexpr std::size_t text_max = 896;
  static constexpr std::size_t parties_max = 20;
  static constexpr char mark = '\1';  // in the text, where the n-th of parties() is to be told

  struct parties_at {
    const void* object;  // of a holder: its number, see detail/holder.hpp; of a user: its id
    party own;
  };

  wait_note() noexcept { text_[0] = '\0'; }

  // What does not fit is cut off.
  void add(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));
  // `kind 0x55d0c8a0e550`, with its name if it has one.
  void add_object(const char* kind, const void* object) noexcept;
  // Here it is to be told how many wait for the object; `own` is for what the goroutine itself does.
  void mark_parties(const void* object, party own) noexcept;
  // Here it is to be told who that is.
  void mark_holder(std::uint32_t number) noexcept {
    mark_parties(reinterpret_cast<const void*>(std::uintptr_t{number}), party::holder);
  }
  // The same of a goroutine's id; 0: a thread.
  void mark_user(std::uint64_t id) noexcept {
    mark_parties(reinterpret_cast<const void*>(static_cast<std::uintptr_t>(id)), party::user);
  }
  // The wait ends then at the latest. The earliest counts.
  void limit(std::int64_t deadline_ns) noexcept {
    if (deadline_ns < deadline_ns_) deadline_ns_ = deadline_ns;
  }

  const char* text() const noexcept { return text_; }
  std::size_t size() const noexcept { return size_; }
  const parties_at* parties() const noexcept { return parties_; }
  std::size_t parties_count() const noexcept { return parties_count_; }
  bool has_room_for_parties() const noexcept { return parties_count_ < parties_max && size_ + 64 < text_max; }
  std::int64_t deadline_ns() const noexcept { return deadline_ns_; }

 private:
  char text_[text_max];
  std::size_t size_ = 0;
  parties_at parties_[parties_max];
  std::size_t parties_count_ = 0;
  std::int64_t deadline_ns_ = goroutine::no_deadline_ns;
};

// Takes the lock if it becomes free soon; its holder may never go on.
template <class Lock> bool lock_for_note(Lock& lock) noexcept {
  for (int turn = 0; turn < 1000; ++turn) {
    if (lock.try_lock()) return true;
    cpu_relax();
  }
  return false;
}

}  // namespace gos::rt
