// hook: what the tests of hooked calls share.
#pragma once
#include "fixture.hpp"

#include <gossamer/hook.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <thread>

namespace gos_test {

// Threads of this process, all of them.
inline int thread_count() { return static_cast<int>(status_kib("Threads")); }

// How many there may be when goroutines wait that were not there `before`: processors that had none yet, and those that moments
// of blocking cost.
inline int few_more(int before) { return before + 2 * gos::runtime::max_procs() + 6; }

// Runs f as a goroutine, to its end.
template <class F> void on_goroutine(F&& f) {
  gos::spawn([&] { f(); }).join();
}

// errno as it is on this thread now: the compiler keeps its address over a call.
[[gnu::noinline]] inline int errno_here() { return errno; }
[[gnu::noinline]] inline void set_errno_here(int number) { errno = number; }

inline void set_timeout(int fd, int name, std::chrono::microseconds d) {
  const timeval limit{.tv_sec = d.count() / 1'000'000, .tv_usec = d.count() % 1'000'000};
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, name, &limit, sizeof limit), 0);
}

template <class F> std::chrono::nanoseconds duration_of(F&& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::steady_clock::now() - began;
}

struct descriptors {
  int fd[2] = {-1, -1};

  static descriptors pipe() {
    descriptors made;
    EXPECT_EQ(::pipe(made.fd), 0);
    return made;
  }
  static descriptors sockets(int type = SOCK_STREAM) {
    descriptors made;
    EXPECT_EQ(::socketpair(AF_UNIX, type, 0, made.fd), 0);
    return made;
  }

  ~descriptors() {
    end(0);
    end(1);
  }
  descriptors(descriptors&& other) noexcept : fd{std::exchange(other.fd[0], -1), std::exchange(other.fd[1], -1)} {}
  descriptors& operator=(descriptors&&) = delete;

  void end(int i) {
    if (fd[i] >= 0) ::close(std::exchange(fd[i], -1));
  }
  void put(std::string_view text) const { EXPECT_EQ(::write(fd[1], text.data(), text.size()), static_cast<long>(text.size())); }

 private:
  descriptors() = default;
};

}  // namespace gos_test
