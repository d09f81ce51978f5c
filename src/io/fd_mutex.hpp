// fd_mutex: who may use a descriptor, and when it may be closed.
//
// One word counts the operations inside the descriptor, serialises readers and writers, and holds the
// closed flag; an operation that meets nobody costs one compare-and-swap to enter and one to leave,
// without entering the runtime. Operations that must wait for the right to read or write queue up
// and get it handed over in order.
//
//   word:  31..5 references | 4 writers wait | 3 readers wait | 2 write locked | 1 read locked | 0 closed
//
//   enter     open -> references + 1, locked        (refused when closed)
//   leave     references - 1, unlocked; or, if somebody waits, lock and reference pass to it
//   close     closed, references + 1                (exactly one caller succeeds)
//
// INV1 The descriptor may be given back to the system only when the word is closed with no references,
//      so no operation is inside the kernel with its number (NF-10). Exactly one call reports that.
// INV2 Once closed, nobody enters; who waited for a lock gets false.
// INV3 A waits bit is set only together with its lock bit, under lock_, and is true to its queue
//      whenever lock_ is free.
//
// Rejected: a spin lock around plain fields, which needs kernel mode for every operation; a gos::mutex
// for each direction, which close could not interrupt.
#pragma once

#include <atomic>
#include <cstdint>

#include "park/park.hpp"

namespace gos::rt {

enum class direction : std::uint8_t { read = 0, write = 1 };

class fd_mutex {
 public:
  // `shown`: what dumps are told that its waiters wait for, a poll_source.
  explicit fd_mutex(const void* shown = nullptr) noexcept : shown_(shown) {}
  fd_mutex(const fd_mutex&) = delete;
  fd_mutex& operator=(const fd_mutex&) = delete;

  // Makes a closed and abandoned word usable for the next descriptor. Owner only.
  void reopen() noexcept;

  // A reference with the right to read (write); waits for it. False: closed. User mode.
  [[nodiscard]] bool lock(direction d) noexcept;
  // Gives both back. True: the caller must now close the descriptor (INV1). User mode.
  [[nodiscard]] bool unlock(direction d) noexcept;

  // A reference alone. False: closed.
  [[nodiscard]] bool acquire() noexcept;
  // True: the caller must now close the descriptor (INV1).
  [[nodiscard]] bool release() noexcept;

  // Closes; a success leaves the caller a reference to release(). Wakes who waits for a lock. User mode.
  [[nodiscard]] bool close() noexcept;
  bool closed() const noexcept;

 private:
  bool lock_slow(direction d) noexcept;
  bool unlock_slow(direction d) noexcept;

  std::atomic<std::uint32_t> word_{1};
  spin_lock lock_;
  wait_queue waiting_[2];  // under lock_
  const void* const shown_;
};

}  // namespace gos::rt
