// stalls: FRONT DOOR: goroutines that ran long without entering the runtime, as sysmon noticed them.
//
// With a limit set, sysmon puts a request without meaning to each machine that runs a goroutine (`request::notice`) and looks
// a while later whether it is still there: the machine's next entry into the runtime takes it away. So the fast paths pay
// nothing, and when the option is on, one slow entry for each look. A goroutine that has not entered for the limit is noted, with
// its stack, which its thread says itself when it is interrupted (sample.hpp); one stall once, until it ends.
//
// Not noted: what runs in a section marked gos::blocking, which has said that it may take long.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/goroutine.hpp"

namespace gos::rt {

struct stall_record {
  static constexpr std::size_t frames_max = 48;

  std::uint64_t sequence = 0;  // 1 is the first
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;
  void* spawn_pc = nullptr;
  char name[sizeof goroutine_extra::name] = {};
  std::int64_t since_ns = 0;         // monotonic; seen no later than an eighth of the limit after it began
  std::int64_t since_system_ns = 0;  // the same by the system's clock
  std::int64_t lasted_ns = 0;        // until now, or until it ended
  bool ongoing = false;
  bool in_call = false;  // its thread slept in a system call when it was noted; else it computed, or waited for a CPU
  std::size_t depth = 0;  // 0: the thread did not answer
  void* frames[frames_max] = {};  // where it was when it was noted
};

inline constexpr std::size_t stalls_max = 64;  // the last ones are kept

// 0: off. Any thread. Returns the limit before.
std::int64_t set_stall_limit(std::int64_t limit_ns) noexcept;
std::int64_t stall_limit() noexcept;

// Copies the last of them, oldest first; returns how many. Any thread.
std::size_t stalls_copy(stall_record* out, std::size_t capacity) noexcept;

// Reads GOS_DEBUG; at the start.
void stalls_init() noexcept;

// On sysmon's thread. Returns in how many nanoseconds to come again, never_ns if nothing is to be looked at. `pending`: a
// goroutine may be about to be noted, so sysmon must not sleep, though no processor runs.
std::int64_t stalls_look(std::int64_t now_ns, bool& pending) noexcept;

}  // namespace gos::rt
