// poll: poll, select and epoll_wait, with their kin.
//
// Each looks without waiting, by the C library's call itself; as long as that finds nothing it waits for one descriptor and
// looks again. For a single descriptor that is the descriptor; for several an epoll of their own that has them all; for
// epoll_wait the program's epoll. So the answer is always the kernel's.
//
// With a signal mask that is to hold during the wait the thread waits: the mask is a thread's.
//
// INV1 The descriptors of an epoll_of are edge-triggered: what it has reported and the caller's look does not count as ready
//      (select knows fewer conditions than epoll) is not reported again.
#include <sys/epoll.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <new>

#include "hook/descriptor.hpp"
#include "hook/here.hpp"
#include "hook/libc.hpp"

namespace gos::rt {

namespace {

std::int64_t deadline_of(const timespec* timeout) noexcept {
  return timeout == nullptr ? never_ns : deadline_after(nanoseconds(*timeout));
}

std::int64_t deadline_of_milliseconds(int timeout_ms) noexcept {
  return timeout_ms < 0 ? never_ns : deadline_after(std::int64_t{timeout_ms} * 1'000'000);
}

// What is left, for a thread that waits itself.
int milliseconds_until(std::int64_t deadline_ns) noexcept {
  if (deadline_ns == never_ns) return -1;
  const std::int64_t left_ns = deadline_ns - monotonic_ns();
  return left_ns <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left_ns / 1'000'000 + 1, INT_MAX));
}

// An epoll that is readable when one of the descriptors is ready.
class epoll_of {
 public:
  epoll_of(const pollfd* asked, nfds_t count) noexcept : queue_(::epoll_create1(EPOLL_CLOEXEC)) {
    complete_ = queue_ >= 0;
    for (nfds_t i = 0; i < count && complete_; ++i) {
      if (asked[i].fd >= 0) add(asked, count, i);
    }
  }
  ~epoll_of() {
    if (queue_ >= 0) libc::close(queue_);
  }
  epoll_of(const epoll_of&) = delete;
  epoll_of& operator=(const epoll_of&) = delete;

  fd_wait wait_until(std::int64_t deadline_ns) noexcept {
    if (!complete_) return fd_wait::refused;
    const fd_wait waited = descriptor_wait(queue_, fd_direction::read).wait_until(deadline_ns);
    epoll_event reported[16];
    while (libc::epoll_wait(queue_, reported, std::size(reported), 0) == std::size(reported)) {}  // INV1; before the look
    return waited;
  }

 private:
  void add(const pollfd* asked, nfds_t count, nfds_t i) noexcept {
    epoll_event event{};
    event.events = static_cast<std::uint16_t>(asked[i].events) | static_cast<std::uint32_t>(EPOLLET);
    if (::epoll_ctl(queue_, EPOLL_CTL_ADD, asked[i].fd, &event) == 0) return;
    if (errno == EPERM) return;  // a file, which is ready for whatever it can be asked
    if (errno == EEXIST) {       // named twice
      for (nfds_t j = 0; j < count; ++j) {
        if (asked[j].fd == asked[i].fd) event.events |= static_cast<std::uint16_t>(asked[j].events);
      }
      if (::epoll_ctl(queue_, EPOLL_CTL_MOD, asked[i].fd, &event) == 0) return;
    }
    complete_ = false;
  }

  const int queue_;
  bool complete_ = false;
};

// The one descriptor that is asked about, if that is all, and in one direction.
const pollfd* only_one(const pollfd* asked, nfds_t count, fd_direction& d) noexcept {
  const pollfd* one = nullptr;
  for (nfds_t i = 0; i < count; ++i) {
    if (asked[i].fd < 0) continue;
    if (one != nullptr) return nullptr;
    one = &asked[i];
  }
  if (one == nullptr) return nullptr;
  d = one->events == POLLOUT ? fd_direction::write : fd_direction::read;
  return one->events == POLLIN || one->events == POLLOUT ? one : nullptr;
}

bool asks_for_none(const pollfd* asked, nfds_t count) noexcept {
  return std::all_of(asked, asked + count, [](const pollfd& p) { return p.fd < 0; });
}

template <class ByThread> long wait_by_thread(std::int64_t deadline_ns, ByThread&& by_thread) {
  return in_section([&] { return checked([&] { return by_thread(milliseconds_until(deadline_ns)); }); });
}

// Calls look() until it says something else than 0, or the time is up. by_thread(milliseconds) waits itself; closed() says
// what comes of it if the one descriptor that is waited for is closed.
template <class Wait, class Look, class ByThread, class Closed>
long look_until(std::int64_t deadline_ns, Wait&& wait, Look&& look, ByThread&& by_thread, Closed&& closed) {
  for (;;) {
    const fd_wait waited = wait(deadline_ns);
    if (waited == fd_wait::refused) return wait_by_thread(deadline_ns, by_thread);
    if (waited == fd_wait::closed) return closed();
    const long found = checked(look);
    if (found != 0 || waited == fd_wait::timeout) return found;
  }
}

long is_none() noexcept { return -EBADF; }

template <class Look, class ByThread, class Closed>
long wait_for_any(const pollfd* asked, nfds_t count, std::int64_t deadline_ns, Look&& look, ByThread&& by_thread,
                  Closed&& closed) {
  fd_direction d = fd_direction::read;
  if (asks_for_none(asked, count)) {
    if (!in_home_process()) return wait_by_thread(deadline_ns, by_thread);
    kernel_section kernel;
    sleep_until(deadline_ns);
    return 0;
  }
  if (const pollfd* one = only_one(asked, count, d)) {
    const auto wait = [&](std::int64_t until) { return descriptor_wait(one->fd, d).wait_until(until); };
    return look_until(deadline_ns, wait, look, by_thread, closed);
  }
  epoll_of all(asked, count);
  return look_until(deadline_ns, [&](std::int64_t until) { return all.wait_until(until); }, look, by_thread, is_none);
}

int poll_until(pollfd* asked, nfds_t count, std::int64_t deadline_ns) {
  const outcome end;
  const auto look = [&] { return libc::poll(asked, count, 0); };
  const auto by_thread = [&](int left_ms) { return libc::poll(asked, count, left_ms); };
  const auto closed = [&] {
    for (nfds_t i = 0; i < count; ++i) asked[i].revents = asked[i].fd >= 0 ? POLLNVAL : 0;
    return 1;
  };
  const long found = checked(look);
  return static_cast<int>(end.of(found != 0 ? found : wait_for_any(asked, count, deadline_ns, look, by_thread, closed)));
}

// The three sets of a select: what was asked, kept while the kernel writes its answers into the caller's.
class select_sets {
 public:
  select_sets(int count, fd_set* readable, fd_set* writable, fd_set* urgent) noexcept : count_(count) {
    fd_set* const given[] = {readable, writable, urgent};
    for (int i = 0; i < 3; ++i) {
      given_[i] = given[i];
      if (given_[i] != nullptr) asked_[i] = *given_[i];
    }
  }

  int look(int timeout_ms) noexcept {
    for (int i = 0; i < 3; ++i) {
      if (given_[i] != nullptr) *given_[i] = asked_[i];
    }
    timeval timeout{.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    return libc::select(count_, given_[0], given_[1], given_[2], timeout_ms < 0 ? nullptr : &timeout);
  }

  // Null: no memory.
  std::unique_ptr<pollfd[]> as_poll(nfds_t& count) const noexcept {
    constexpr short events[] = {POLLIN, POLLOUT, POLLPRI};
    std::unique_ptr<pollfd[]> made(new (std::nothrow) pollfd[static_cast<std::size_t>(count_) + 1]);
    count = 0;
    for (int fd = 0; fd < count_ && made != nullptr; ++fd) {
      short wanted = 0;
      for (int i = 0; i < 3; ++i) {
        if (given_[i] != nullptr && FD_ISSET(fd, &asked_[i])) wanted = static_cast<short>(wanted | events[i]);
      }
      if (wanted != 0) made[count++] = {.fd = fd, .events = wanted, .revents = 0};
    }
    return made;
  }

 private:
  const int count_;
  fd_set* given_[3];
  fd_set asked_[3];
};

int select_until(int count, fd_set* readable, fd_set* writable, fd_set* urgent, std::int64_t deadline_ns) {
  const outcome end;
  select_sets sets(count, readable, writable, urgent);
  const auto look = [&] { return sets.look(0); };
  const auto by_thread = [&](int left_ms) { return sets.look(left_ms); };
  if (const long found = checked(look); found != 0) return static_cast<int>(end.of(found));
  nfds_t asked_count = 0;
  const std::unique_ptr<pollfd[]> asked = sets.as_poll(asked_count);
  if (asked == nullptr) return static_cast<int>(end.of(wait_by_thread(deadline_ns, by_thread)));
  return static_cast<int>(end.of(wait_for_any(asked.get(), asked_count, deadline_ns, look, by_thread, is_none)));
}

// Larger sets than fd_set are the caller's own arrays.
bool fits(int count) noexcept { return count >= 0 && count <= FD_SETSIZE; }

int epoll_until(int queue, epoll_event* events, int capacity, std::int64_t deadline_ns) {
  const outcome end;
  const auto look = [&] { return libc::epoll_wait(queue, events, capacity, 0); };
  const auto by_thread = [&](int left_ms) { return libc::epoll_wait(queue, events, capacity, left_ms); };
  const long found = checked(look);
  if (found != 0) return static_cast<int>(end.of(found));
  const auto wait = [&](std::int64_t until) { return descriptor_wait(queue, fd_direction::read).wait_until(until); };
  return static_cast<int>(end.of(look_until(deadline_ns, wait, look, by_thread, is_none)));
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int poll(pollfd* asked, nfds_t count, int timeout_ms) {
  if (timeout_ms == 0 || !may_park()) return libc::poll(asked, count, timeout_ms);
  return poll_until(asked, count, deadline_of_milliseconds(timeout_ms));
}

int ppoll(pollfd* asked, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  const auto system = [&] { return libc::ppoll(asked, count, timeout, mask); };
  if (!may_park()) return system();
  if (mask != nullptr || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) return in_section(system);
  return poll_until(asked, count, deadline_of(timeout));
}

int select(int count, fd_set* __restrict readable, fd_set* __restrict writable, fd_set* __restrict urgent,
           timeval* __restrict timeout) {
  const auto system = [&] { return libc::select(count, readable, writable, urgent, timeout); };
  if (!may_park()) return system();
  if (!fits(count) || (timeout != nullptr && (timeout->tv_sec < 0 || timeout->tv_usec < 0))) return in_section(system);
  const std::int64_t deadline_ns =
      timeout == nullptr ? never_ns
                         : deadline_after(nanoseconds({.tv_sec = timeout->tv_sec + timeout->tv_usec / 1'000'000,
                                                     .tv_nsec = timeout->tv_usec % 1'000'000 * 1000}));
  const int found = select_until(count, readable, writable, urgent, deadline_ns);
  if (timeout != nullptr) {  // what is left, as Linux has it
    const std::int64_t left_ns = std::max<std::int64_t>(deadline_ns - monotonic_ns(), 0);
    *timeout = {.tv_sec = left_ns / 1'000'000'000, .tv_usec = left_ns % 1'000'000'000 / 1000};
  }
  return found;
}

int pselect(int count, fd_set* __restrict readable, fd_set* __restrict writable, fd_set* __restrict urgent,
            const timespec* __restrict timeout, const sigset_t* __restrict mask) {
  const auto system = [&] { return libc::pselect(count, readable, writable, urgent, timeout, mask); };
  if (!may_park()) return system();
  if (mask != nullptr || !fits(count) || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) {
    return in_section(system);
  }
  return select_until(count, readable, writable, urgent, deadline_of(timeout));
}

int epoll_wait(int queue, epoll_event* events, int capacity, int timeout_ms) {
  if (timeout_ms == 0 || !may_park()) return libc::epoll_wait(queue, events, capacity, timeout_ms);
  return epoll_until(queue, events, capacity, deadline_of_milliseconds(timeout_ms));
}

int epoll_pwait(int queue, epoll_event* events, int capacity, int timeout_ms, const sigset_t* mask) {
  if (mask == nullptr) return epoll_wait(queue, events, capacity, timeout_ms);
  const auto system = [&] { return libc::epoll_pwait(queue, events, capacity, timeout_ms, mask); };
  return may_park() ? in_section(system) : system();
}

// What a program that is compiled with _FORTIFY_SOURCE calls instead.
[[noreturn]] void __chk_fail() noexcept;

int __poll_chk(pollfd* asked, nfds_t count, int timeout_ms, size_t room) {
  if (room / sizeof *asked < count) __chk_fail();
  return poll(asked, count, timeout_ms);
}
int __ppoll_chk(pollfd* asked, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t room) {
  if (room / sizeof *asked < count) __chk_fail();
  return ppoll(asked, count, timeout, mask);
}

}  // extern "C"
