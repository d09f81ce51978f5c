// poller: which file descriptors have become ready.
//
// A descriptor is added once, for both directions, edge-triggered: an event says that something may have changed since the last
// EAGAIN, so the user tries its operation first and waits only after EAGAIN. Events may be spurious.
// One implementation per file, chosen by the build; poller_epoll.cpp is the base and works everywhere.
#pragma once

#include <atomic>
#include <cstdint>

namespace gos::rt {

enum : std::uint32_t {
  poll_readable = 1,
  poll_writable = 2,
  poll_error = 4,  // error or hang-up; both directions are then set as well, so that both sides look
};

struct poll_event {
  void* user;               // what add() was given
  std::uint32_t readiness;  // poll_readable | poll_writable | poll_error
};

class poller {
 public:
  poller() noexcept = default;
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;
  ~poller();

  // Makes it usable. False (errno set) when the system has no descriptor left. Once, before everything else.
  bool open() noexcept;

  // Watches `fd` and reports its events with `user`, beginning with the state it is in now. Returns 0 or an errno value:
  // EPERM for a regular file (always ready, cannot be polled), EEXIST when it is watched already. Any thread.
  int add(int fd, void* user) noexcept;

  // Stops watching, before the descriptor is closed. An event may already be in the hands of a thread in wait(): `user`
  // must stay valid until that has been dealt with. Returns 0 or an errno value. Any thread.
  int remove(int fd) noexcept;

  // Waits at most `timeout_ns` nanoseconds (negative: for ever, 0: only looks) and writes up to `capacity` events.
  // Returns their number; 0 on time-out, wake() or a signal. Any thread; several may wait, each event goes to one of them.
  int wait(poll_event* out, int capacity, std::int64_t timeout_ns) noexcept;

  // Ends one wait() that blocks now, or the next that would. Several calls before that count as one; a wait() with time-out
  // 0 leaves it for one that blocks. What happened before wake() is visible after that wait(). Any thread, also inside a signal
  // handler.
  void wake() noexcept;

 private:
  // Takes the wake-up that a blocking wait() has seen.
  void consume_wake() noexcept;

  int queue_fd_ = -1;  // immutable after open()
  int wake_fd_ = -1;   // immutable after open()
  std::atomic<bool> wake_pending_{false};
};

}  // namespace gos::rt
