// thread_watch: the threads of this process, as the kernel counts them, and a sleep that ends with one of them.
//
// For who must know whether anybody outside the runtime still runs (sched/deadlock.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace gos::rt {

// How many threads of this process have not ended, those of sanitizers left out; 0 if the kernel does not say. A first
// thread that has ended before the others is one of them for the kernel, and is not counted if that makes the difference
// between `expected` and the answer.
int running_threads(int expected) noexcept;

// A thread that is not among the `count` sorted numbers and has not ended; 0: none was found, or there is no telling.
int thread_beyond(const int* sorted, std::size_t count) noexcept;

// Waits for the end of one thread, or a wake-up. All but wake() by one thread; wake() by any, also in a signal handler.
class thread_watch {
 public:
  // What sleep() needs; false: the system has no descriptor to give.
  bool open() noexcept;
  // From now on it is this thread whose end is noticed. False: it has ended already.
  bool choose(int tid) noexcept;
  void forget() noexcept;
  bool ended() const noexcept;
  // Until the chosen thread has ended (true), or wake(), or timeout_ns (negative: never). Also after a wake() since the last
  // sleep.
  bool sleep(std::int64_t timeout_ns) noexcept;
  void wake() noexcept;
  // False on kernels before Linux 6.9, which cannot tell: no thread's end is noticed. Known after the first choice.
  bool notices() const noexcept { return notices_; }

 private:
  int event_ = -1;
  int thread_ = -1;
  bool notices_ = true;
};

}  // namespace gos::rt
