// See poll_source.hpp.
#include "sched/poll_source.hpp"

#include <cerrno>

#include "sched/sched.hpp"

namespace gos::rt {

int poll_register(poll_source& source, int fd) noexcept {
  ensure_started();
  if (!poller_ensure_open()) return errno;
  return sched.events().add(fd, &source);
}

int poll_unregister(int fd) noexcept { return sched.events().remove(fd); }

void poll_waiters_add(int change) noexcept {
  // relaxed: who goes idle reads it; a goroutine's own processor goes idle after this.
  const int before = sched.poll_waiters.fetch_add(change, std::memory_order_relaxed);
  if (change <= 0 || before > 0 || this_machine()->pp != nullptr) return;
  // The first to wait is a plain thread: everybody may be asleep without a look at the poller.
  wake_one();
}

}  // namespace gos::rt
