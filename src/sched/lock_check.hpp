// lock_check: GOS_DEBUG=lockcheck: who waits in the runtime while it holds a lock of the system.
//
// A std::mutex belongs to a thread. A goroutine that parks with one locked may unlock it on another thread, and while
// it waits, every goroutine that wants the lock blocks a thread. libgossamer_lockcheck.so (platform/lockcheck_interpose.cpp)
// tells what is locked and unlocked; the goroutine keeps the list; who parks with something in its list is reported by
// sysmon, once for each pair of stacks: where it locked and where it parks.
//
// INV1 A list is its goroutine's; others only take out of it, under its guard: a goroutine, or a thread, may unlock what
//      another locked. How many entries a lock's address has in all lists is counted by hash, so that an unlock looks
//      through other lists only if there may be such an entry.
// INV2 Bookkeeping inside bookkeeping is left out (`busy`): the unwinder and signal handlers may lock.
// INV3 Nothing here allocates: the lock may be the allocator's.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"

namespace gos::rt {

struct goroutine;
struct held_locks;

enum class lock_kind : std::uint8_t { mutex, shared_mutex, shared_mutex_shared, spin };

struct held_lock {
  static constexpr std::size_t frames_max = 24;

  const void* address = nullptr;
  lock_kind kind = lock_kind::mutex;
  std::uint32_t count = 0;  // recursive ones, and readers
  std::uint32_t depth = 0;
  void* frames[frames_max] = {};  // where it was locked first
};

struct held_locks {
  static constexpr std::size_t most = 8;  // further ones are not noted

  spin_lock guard;
  bool busy = false;                 // owner's thread: INV2
  std::atomic<std::uint32_t> count{0};  // written under guard
  held_lock locks[most];             // under guard: [0, count)
};

// What is reported: addresses; names are for who prints.
struct lock_report {
  static constexpr std::size_t frames_max = 48;

  const goroutine* gp = nullptr;
  held_lock lock;
  std::size_t depth = 0;
  void* frames[frames_max] = {};  // where it parks
};

// Reads GOS_DEBUG; true if locks are told of from now on. Says on standard error why not, if it was asked for.
bool lock_check_init() noexcept;

// Kernel mode: the goroutine, on its own stack, is about to wait.
void lock_check_parks(goroutine* gp, held_locks& held) noexcept;

// What a goroutine held that has ended.
void lock_check_forget(held_locks& held) noexcept;

// How often a goroutine parked with a lock and it was not told, because the same two stacks had been reported.
std::uint64_t lock_check_untold() noexcept;

}  // namespace gos::rt
