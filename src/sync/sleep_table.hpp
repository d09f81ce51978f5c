// sleep_table: where goroutines that wait for a mutex, a wait group, ... are parked, found by the object's address.
//
// The objects themselves stay a word or two, and a waker needs no more of an object than its address: the object may be
// gone by then. A bucket holds one queue for each address that has sleepers; the queue's record is its first sleeper.
//
// INV1 A sleeper lives on the stack of who waits and is in at most one queue; `queued` says so, under the bucket's
//      lock. (take_all leaves it set: nobody asks such a sleeper again.)
// INV2 Who takes somebody else's sleeper out owns its wake-up: it must call ready(sleeper->gp) exactly once, and the
//      sleeper must park exactly once. After ready the sleeper is gone.
// INV3 An address with sleepers belongs to an object that is alive: its waiters will still touch it.
// INV4 A sleeper with a claim (an arm of a select) has a wake-up only if who takes it out takes the claim, too, under the
//      bucket's lock. One whose claim is lost is passed by, and leaves when it finds itself not queued, or by remove.
//
// Rejected: a queue inside each object (three more words in each mutex, and unlock could not look at them after the
// release); one list of all sleepers in a bucket (a crowd at one mutex would slow down its neighbours).
#pragma once

#include <cstdint>

#include "base/align.hpp"
#include "base/spin.hpp"
#include "park/waiter.hpp"

namespace gos::rt {

struct sleeper {
  goroutine* gp = nullptr;
  claim* shared = nullptr;  // null: the sleeper waits for this address alone
  std::uint32_t arm = 0;    // which arm of a select
  const void* address = nullptr;
  std::int64_t since_ns = 0;  // the user's: when the wait began
  bool queued = false;
  bool granted = false;  // the user's: woken with what it waited for

  // Owned by sleep_table.cpp. Within one address:
  sleeper* next = nullptr;
  sleeper* prev = nullptr;
  sleeper* last = nullptr;    // of the queue; kept in the first sleeper only
  std::uint32_t sharers = 0;  // how many of the queue have a claim; kept in the first sleeper only
  // Between the first sleepers of a bucket's addresses:
  sleeper* next_queue = nullptr;
  sleeper* prev_queue = nullptr;
};

class alignas(cache_line_size) sleep_bucket {
 public:
  spin_lock lock;  // guards everything here and in the sleepers

  // The longest-waiting sleeper of this address, or null.
  sleeper* first(const void* address) const noexcept;
  void push_back(sleeper& s, const void* address) noexcept;
  void push_front(sleeper& s, const void* address) noexcept;
  // Takes out the first sleeper of this address whose wake-up can be had (INV2, INV4), or null.
  [[nodiscard]] sleeper* pop(const void* address) noexcept;
  // Takes out all sleepers of this address, and returns those whose wake-up can be had, in order, linked by next (INV2
  // for each, INV4), or null.
  [[nodiscard]] sleeper* take_all(const void* address) noexcept;
  // Takes s out; it must be queued here.
  void remove(sleeper& s) noexcept;

 private:
  void link_queue(sleeper& s) noexcept;
  void replace_first(sleeper& old_first, sleeper* new_first) noexcept;
  static sleeper* without_losers(sleeper* list) noexcept;

  sleeper* queues_ = nullptr;
};

// The bucket of an address. Objects of one kind and of different kinds share the table.
sleep_bucket& sleep_bucket_of(const void* address) noexcept;

}  // namespace gos::rt
