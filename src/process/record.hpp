// record: one process that was started: its number, how its end is noticed, and who takes leave of it.
//
// The end is noticed through a descriptor that becomes readable then: a pidfd, or where the kernel has none (before Linux 5.3)
// or refuses it, a pipe that a thread closes which waits for the process. So a wait is a wait for a descriptor, with any limit,
// and holds no thread.
//
//   running --its end, seen by a wait--> ended --the handle goes--> free
//   running --the handle goes--> orphaned --its end, seen by the poller--> free
//
// INV1 Signals are sent, and leave is taken, under lock_, and none are sent afterwards: the number cannot have become somebody
//      else's in between.
// INV2 The memory of a record is never given back (poll_source.hpp, INV2), and each use has a number of its own: who follows a
//      context may come late, and finds another use.
// INV3 An orphan belongs to nobody but the poller's upcall.
// Rejected: SIGCHLD, which belongs to the program; a goroutine for each process, which would be counted.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include <gossamer/process.hpp>

#include "io/lasting_pool.hpp"
#include "process/system.hpp"
#include "sched/poll_source.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

struct process_record : public pooled<process_record>, private poll_source {
  process_record() noexcept { on_event = event; }

  // For a process that has just been started. Fails if its end could not be noticed; then it is killed, and nothing remains.
  static result<process_record*> open(pid_t pid, bool leads_group);
  // The end of the handle.
  void retire() noexcept;

  // Waits until the process has ended or limit comes. In the second case fails with `why`, else returns its end. `seen`: whether
  // this call is the first that saw it.
  result<process::exit_status> wait(const detail::select_arm* limit, std::error_code why, bool& seen);

  // `in_use`: which use of the record is meant (INV2).
  result<void> signal(int number, std::uint64_t in_use) noexcept;
  std::uint64_t use() const noexcept { return use_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  enum class state : std::uint8_t { free, running, ended, orphaned };

  static void event(poll_source* source, std::uint32_t readiness) noexcept;
  bool look_locked() noexcept;

  spin_lock lock_;
  state state_ = state::free;  // under lock_
  process_end end_{};          // under lock_, once it has ended
  int missing_ = 0;            // under lock_: the errno value if somebody else has taken leave of it
  // Changed between two uses only.
  std::uint64_t use_ = 0;
  pid_t pid_ = -1;
  int notice_ = -1;        // becomes readable at the end
  bool by_pidfd_ = false;  // that is a pidfd
  bool leads_group_ = false;
};

}  // namespace gos::rt
