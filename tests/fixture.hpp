// fixture: what every test of gossamer stands on, over GoogleTest. Include it and the following holds for each TEST:
//
// - A watchdog, one plain thread, ends the process with a dump of all goroutines when a test exceeds its limit (60 s,
//   longer in slow builds; `time_limit` changes it). A hang is therefore a failure with a cause, not a lost machine.
// - A seed, from GOS_TEST_SEED or at random, is printed at the start and again beside each failure. `rng()` draws from it.
// - When a test ends no goroutine of it may be left: the count must come back to zero.
//
// Waiting is done by `eventually` on a condition; tests assert elapsed time only where the promise is about time.
#pragma once
#include <gossamer/gossamer.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#if defined(__SANITIZE_THREAD__) || defined(GOS_TSAN)  // the latter: a test that is not instrumented itself
#define GOS_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GOS_TEST_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GOS_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GOS_TEST_ASAN 1
#endif
#endif
#ifndef GOS_TEST_TSAN
#define GOS_TEST_TSAN 0
#endif
#ifndef GOS_TEST_ASAN
#define GOS_TEST_ASAN 0
#endif
// By how much a build is slower than a plain one; limits and time-outs are stretched by it.
#ifndef GOS_TEST_TIME_SCALE
#define GOS_TEST_TIME_SCALE (GOS_TEST_TSAN ? 5 : GOS_TEST_ASAN ? 3 : 1)
#endif

namespace gos_test {

using namespace std::chrono_literals;

inline constexpr bool tsan = GOS_TEST_TSAN;
inline constexpr bool asan = GOS_TEST_ASAN;
inline constexpr bool sanitized = tsan || asan;

// GOS_TEST_SLOW=1: an emulated machine (aarch64 under qemu-user).
bool slow_machine();

inline std::chrono::milliseconds scaled(std::chrono::milliseconds plain) {
  return plain * GOS_TEST_TIME_SCALE * (slow_machine() ? 5 : 1);
}

// How often to repeat something that takes n rounds in a plain build.
inline int rounds(int n) { return std::max(1, n / ((tsan ? 10 : asan ? 4 : 1) * (slow_machine() ? 20 : 1))); }

// How many goroutines may be alive at once where a plain build has n. TSan ends at about 8000 fibers.
inline int live(int n) { return std::min(n, tsan ? 1500 : slow_machine() ? 1000 : n); }

// seed ---------------------------------------------------------------------------------------------------------------

std::uint64_t seed();

// A generator of its own for each call, all of them decided by the seed and the order of the calls.
std::mt19937_64 rng();

// watchdog -----------------------------------------------------------------------------------------------------------

// From now on the running test has this long, as measured in a plain build.
void time_limit(std::chrono::milliseconds plain);

// waiting ------------------------------------------------------------------------------------------------------------

// Polls until pred() holds; false when it did not within the time. Works on goroutines and on plain threads.
template <class Predicate>
[[nodiscard]] bool eventually(Predicate pred, std::chrono::milliseconds timeout = 20s) {
  const auto deadline = std::chrono::steady_clock::now() + scaled(timeout);
  for (;;) {
    if (pred()) return true;
    if (std::chrono::steady_clock::now() > deadline) return pred();
    gos::sleep(500us);
  }
}

[[nodiscard]] bool goroutine_count_settles(std::size_t n);

// dumps --------------------------------------------------------------------------------------------------------------

struct dump_header {
  std::uint64_t id;
  std::string state;  // "chan receive"; without ", 3 minutes" and the like
};

// The header lines, `goroutine N [state]:`, of a stack dump.
std::vector<dump_header> dump_headers(const std::string& dump);

// How many goroutines are in a state now, for example "chan receive".
int in_state(std::string_view state);

// Waits until n goroutines are blocked in that state: how tests know that somebody really waits.
[[nodiscard]] bool blocked(std::string_view state, int n = 1);

// The id of the calling goroutine, 0 on a plain thread.
std::uint64_t goroutine_id();

// panics -------------------------------------------------------------------------------------------------------------

// The panic that f ends with, if it does.
template <class F> std::optional<gos::panic_value> panic_of(F&& f) {
  std::optional<gos::panic_value> caught;
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] { caught = gos::recover(); });
    f();
  });
  return caught;
}

template <class F> std::string panic_text(F&& f) {
  const auto caught = panic_of(std::forward<F>(f));
  return caught ? caught->message() : "(no panic)";
}

// settings and measures ----------------------------------------------------------------------------------------------

// Sets the number of processors for a scope.
class procs {
 public:
  explicit procs(int n) : before_(gos::runtime::set_max_procs(n)) {}
  ~procs() { gos::runtime::set_max_procs(before_); }
  procs(const procs&) = delete;
  procs& operator=(const procs&) = delete;

 private:
  int before_;
};

// A field of /proc/PID/status in KiB, for example "VmRSS".
long status_kib(const std::string& field, int pid = 0);

// Burns processor time without entering the runtime.
inline void burn(std::chrono::nanoseconds d) {
  const auto until = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < until) {}
}

// Counts its live instances, its copies and its moves.
struct counted {
  static inline std::atomic<int> alive{0}, copies{0}, moves{0};
  static void reset() { alive = 0, copies = 0, moves = 0; }

  int value = 0;

  counted() { ++alive; }
  explicit counted(int v) : value(v) { ++alive; }
  counted(const counted& other) : value(other.value) { ++alive, ++copies; }
  counted(counted&& other) noexcept : value(std::exchange(other.value, -1)) { ++alive, ++moves; }
  counted& operator=(const counted& other) {
    value = other.value;
    ++copies;
    return *this;
  }
  counted& operator=(counted&& other) noexcept {
    value = std::exchange(other.value, -1);
    ++moves;
    return *this;
  }
  ~counted() { --alive; }
};

}  // namespace gos_test
