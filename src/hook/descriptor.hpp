// descriptor: a goroutine waits for a descriptor inside a call that knows of nothing but its thread.
//
// The descriptor keeps the mode that its owner gave it: nothing here sets O_NONBLOCK, so a descriptor that is shared with
// other processes, or was duplicated, behaves there as before. A hook tries its call in a form that does not wait
// (MSG_DONTWAIT, RWF_NOWAIT, a time-out of 0), and on EAGAIN waits here: for readiness, as <gossamer/fd.hpp> does, for the
// time limit that the socket has (SO_RCVTIMEO, SO_SNDTIMEO), and for the descriptor to be closed by another goroutine or
// thread, of which the hooked close() tells.
//
// INV1 A number that has been waited for has a record, which lives for ever. closes is counted before and after each close of
//      the number. Who began its wait at an even count and finds another has lost its descriptor, whatever the number means
//      by now. Who began at an odd one cannot know which descriptor it waits for, and tries again when the close is done.
// INV2 The claim of a wait is taken under the record's lock; after leave() the record does not know the wait.
// Rejected: O_NONBLOCK set behind the program's back, and fcntl, ioctl, dup, accept, socket hooked to hide it: the flag
// belongs to the open file, which other processes see.
#pragma once

#include <atomic>
#include <cstdint>

#include "platform/poller.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

struct descriptor_record;

enum class fd_direction : std::uint8_t { read, write };

enum class fd_wait : std::uint8_t {
  ready,    // another try is worth it
  timeout,  // the limit came first
  closed,   // the number was closed
  refused,  // the system has no room for another watch: the thread has to wait itself
};

// The waits of one call.
class descriptor_wait {
 public:
  descriptor_wait(int fd, fd_direction d) noexcept : fd_(fd), direction_(d) {}

  // After a try that would have blocked, unless the descriptor is non-blocking. Returns 0 when another try is worth it, the
  // errno value that the call fails with (EAGAIN for its time limit, EBADF when it was closed), or `refused`.
  int wait() noexcept;
  static constexpr int refused = -1;  // as fd_wait::refused
  // As wait(), and the caller has looked already whether it may wait.
  fd_wait wait_until(std::int64_t deadline_ns) noexcept;

 private:
  void begin() noexcept;
  fd_wait seen(fd_wait outcome) noexcept;

  const int fd_;
  const fd_direction direction_;
  bool begun_ = false;
  bool asked_ = false;
  descriptor_record* record_ = nullptr;
  std::uint32_t closes_ = 0;
  std::int64_t deadline_ns_ = never_ns;
};

// Would a call that needs this direction not block now? Also where it would fail.
bool is_ready(int fd, fd_direction d) noexcept;
// True if the program has set O_NONBLOCK, or fd is none.
bool must_not_wait(int fd, int& why) noexcept;

// Before and after the number is closed: who waits for it is told.
void descriptor_closes(int fd) noexcept;

}  // namespace gos::rt
