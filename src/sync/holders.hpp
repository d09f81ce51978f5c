// holders: who holds a lock, for reports. Snapshots, any thread, without locks; the object must be alive: somebody waits on it.
#pragma once

#include <cstdint>

#include "sync/sleep_table.hpp"

#include <gossamer/detail/holder.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/shared_mutex.hpp>

namespace gos {

struct lock_holder {
  bool locked = false;             // by one: a mutex, or by a writer
  detail::holder_word holder = 0;  // whose; 0: not known (a writer that is entering or leaving)
  std::uint32_t readers = 0;
};

// Whose sleeper it is. A plain thread's lies on its stack, or is an arm in the heap: then nobody is found, as it should be.
inline detail::holder_word holder_of(const rt::sleeper& s) noexcept {
  if ((s.gp->flags & rt::goroutine_flag::thread) != 0) return detail::holder_at(&s);
  return detail::holder_at(s.gp->stack_base);
}

bool queues_at(const void* bucket_of, const void* address, const rt::goroutine* gp) noexcept;

struct detail::lock_access {
  static lock_holder holder(const mutex& m) noexcept;
  static lock_holder holder(const shared_mutex& m) noexcept;
  // Whether gp, which is held, is queued there. False also if it cannot be found out soon.
  static bool queues(const mutex& m, const rt::goroutine* gp) noexcept;
  static bool queues(const shared_mutex& m, const rt::goroutine* gp) noexcept;
};

}  // namespace gos
