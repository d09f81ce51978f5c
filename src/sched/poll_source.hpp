// poll_source: the upcall slot `on_event`, from the kernel's readiness events to who waits for them.
//
// Front door of sched. A source registers its descriptor once, edge-triggered in both directions;
// machines look at the poller when they are idle, every now and then while they are busy, and at
// the latest when sysmon does.
//
// INV1 on_event runs in kernel mode, without locks, on any machine or on sysmon's thread, and may run
//      for two events of one source at once. It must not park or throw.
// INV2 An event that was fetched before poll_unregister may still be delivered after it. So the
//      memory of a poll_source is never given back to the allocator (keep a free list), and a late
//      event must be harmless: a spurious wake-up, after which the operation is tried again.
#pragma once

#include <cstdint>

namespace gos::rt {

struct goroutine;
class wait_note;

struct poll_source {
  // readiness: poll_readable | poll_writable | poll_error of platform/poller.hpp.
  void (*on_event)(poll_source* source, std::uint32_t readiness) noexcept = nullptr;
  // What gp waits for that waits on this source with wait_reason::io_wait, while it is held still (wait_note.hpp). Null: the
  // source has nothing to say.
  void (*describe)(const poll_source* source, const goroutine* gp, wait_note& note) noexcept = nullptr;
};

// Both return 0 or an errno value, and may be called outside kernel mode. The first call opens the
// poller. EPERM: the descriptor cannot be polled (a regular file).
int poll_register(poll_source& source, int fd) noexcept;
int poll_unregister(int fd) noexcept;

// How many goroutines and threads wait for an event: while it is zero nobody looks. Kernel mode.
void poll_waiters_add(int change) noexcept;

}  // namespace gos::rt
