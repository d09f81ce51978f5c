// describe: what goroutines that wait on channels and in selects wait on, in words. See sched/wait_note.hpp.
#pragma once

#include <cstddef>

#include "sched/wait_note.hpp"

#include <gossamer/detail/select_core.hpp>

namespace gos::rt {

// What goroutine::wait_object points to while the reason is wait_reason::select: on the goroutine's own stack.
struct waiting_arms {
  const detail::select_arm* const* arms;
  std::size_t arm_count;
  detail::select_object* const* objects;  // null, or one for each arm, null for channels
};

void describe_channel(wait_note& note, const void* channel, party own) noexcept;

// `describe_object` is asked for arms on other things than channels, with a rt::wait_reason and the object.
void describe_select(wait_note& note, const waiting_arms& wait,
                     void (*describe_object)(wait_note& note, wait_reason reason, const void* object)) noexcept;

}  // namespace gos::rt
