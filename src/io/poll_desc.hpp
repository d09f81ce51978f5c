// poll_desc: one descriptor: who waits for it to become readable or writable, its deadlines, its end.
//
// Each direction has a side: a slot for the one goroutine that waits (the lock of fd_mutex admits one),
// a deadline, and a timer that is started only when somebody waits.
//
//   slot:  nothing --wait--> the goroutine --event--> happened --wait or prepare--> nothing
//          nothing --event--> happened                the goroutine --deadline, close--> nothing
//
// The outcome of a wait is never carried by the wake-up. Who wakes only says "look again", and the
// waiter looks at the closed flag and at its deadline as they are then. So a timer that fires late, for
// a deadline that was moved, changes nothing (NF-05), and spurious events are harmless.
//
// The timer may stand earlier than the deadline: moving a deadline later, or removing it, does not touch
// it; when it fires it goes to sleep again until the deadline. A connection whose deadline is pushed
// forward before each read costs one timer operation per period and not one per read.
//
// INV1 Changes "goroutine -> something else" of a slot are atomic exchanges, and whoever made one calls
//      ready() once. So a wait gets exactly one wake-up.
// INV2 Publish, then look. Who waits stores itself into the slot, then looks at closed, deadline and timer;
//      who closes or moves a deadline stores that first, then looks at the slot. All of it is sequentially
//      consistent, so one of the two sees the other.
// INV3 A timer that is not pending has armed_ns 0, or somebody is about to start it. timer_lock_ is held for
//      starting and stopping it while somebody is inside; fire takes no lock.
// INV4 The memory of a poll_desc is never given back to the allocator (poll_source.hpp, INV2).
//
// The descriptor is registered with the poller at the first wait: a connection that never has to wait
// (a short answer written at once) costs no epoll_ctl.
//
// Rejected: a sequence number for each deadline, carried by its timer (Go), which is not needed where the
// waiter judges for itself; a timer started with each deadline.
// Source: Go runtime/netpoll.go, internal/poll/fd_poll_runtime.go; contract NF-02..NF-11.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>

#include "io/fd_mutex.hpp"
#include "park/park.hpp"
#include "sched/poll_source.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

inline constexpr std::int64_t no_deadline_ns = 0;

class poll_desc : private poll_source {
 public:
  poll_desc() noexcept;
  poll_desc(const poll_desc&) = delete;
  poll_desc& operator=(const poll_desc&) = delete;

  // Takes ownership of fd (non-blocking). The desc must be new or closed. Owner only.
  void open(int fd) noexcept;

  // Registers the descriptor with the poller before the first wait does, to learn whether it can be watched: 0, EPERM for what
  // is always ready (a regular file), EEXIST where another object watches the same number. After an error nobody may wait.
  // Owner only.
  int watch_now() noexcept;

  // The number; valid for who is inside. -1 when closed.
  int fd() const noexcept;

  // Operations come in pairs; while inside, the descriptor stays open. begin() waits for the operations of the same
  // direction before it; false: closed.
  [[nodiscard]] bool begin(direction d) noexcept { return mutex_.lock(d); }
  void end(direction d) noexcept {
    if (mutex_.unlock(d)) destroy();
  }
  // Without the right to read or write: for options and deadlines.
  [[nodiscard]] bool begin() noexcept { return mutex_.acquire(); }
  void end() noexcept {
    if (mutex_.release()) destroy();
  }

  // Before the first try of an operation: may it be tried at all? No error, closed or timeout. Between begin(d) and end(d).
  [[nodiscard]] std::error_code prepare(direction d) noexcept;
  // After a try that said EAGAIN: waits until another try is worth it (no error), closed or timeout. The system's error
  // if the descriptor cannot be watched. Between begin(d) and end(d); user mode.
  [[nodiscard]] std::error_code wait(direction d) noexcept;

  // Absolute, in nanoseconds of monotonic_ns(); no_deadline_ns removes it; a time in the past ends operations at once.
  // Between begin() and end(). May run in parallel with everything.
  void set_deadline(direction d, std::int64_t deadline_ns) noexcept;

  // Ends all operations and returns when the descriptor is closed. False: another call has closed it, or is about to.
  // failure: what ::close() reported, 0 or an errno value. User mode; may block as long as ::close() does.
  [[nodiscard]] bool close(int* failure = nullptr) noexcept;

 private:
  struct side : timer {
    std::atomic<std::uintptr_t> slot{0};        // nothing, happened, or a goroutine*
    std::atomic<std::int64_t> deadline_ns{0};
    std::atomic<std::int64_t> armed_ns{0};      // when the timer fires, 0: it is not pending
  };

  static void event(poll_source* source, std::uint32_t readiness) noexcept;
  static void describe(const poll_source* source, const goroutine* gp, wait_note& note) noexcept;
  static std::int64_t fire(timer* due, std::int64_t now_ns) noexcept;
  static void wake(side& s) noexcept;

  side& side_of(direction d) noexcept { return sides_[static_cast<int>(d)]; }
  std::error_code look(direction d) noexcept;
  bool must_not_park(direction d) noexcept;
  void arm(side& s, std::int64_t deadline_ns) noexcept;
  int watch() noexcept;
  void destroy() noexcept;

  fd_mutex mutex_{static_cast<poll_source*>(this)};
  std::atomic<int> fd_{-1};
  std::atomic<bool> registered_{false};
  spin_lock timer_lock_;
  side sides_[2];
  int close_failure_ = 0;                  // written by destroy(), before closer_
  std::atomic<std::uintptr_t> closer_{0};  // who waits in close(), or `happened`
};

}  // namespace gos::rt
