// here: who calls a hooked function, and what every hook needs.
//
// A hook waits in the runtime only for a goroutine in user mode. On a plain thread, in the runtime itself (kernel mode, and the
// scheduler's own stack) and before there is a runtime it is the C library's function and nothing more.
//
// INV1 errno is read and written by functions that are not inlined: its address belongs to a thread, and a hook may go on
//      on another one.
// INV2 The caller's compiler may have looked up the address of errno before the call. So a hook that fails returns on the thread
//      on which it was called (outcome), unless that is stuck in somebody's code.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "io/blocking_section.hpp"
#include "platform/clock.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

[[gnu::always_inline]] inline bool may_park() noexcept {
  const machine* mp = this_machine();
  // relaxed: the thread's own.
  return mp->current != nullptr && mp->current != &mp->g0 && mp->in_kernel.load(std::memory_order_relaxed) == 0;
}

// Calls f in kernel mode, if that is not where the caller is. A thread that is no goroutine's has no mode to change.
template <class F> void in_kernel(F&& f) {
  if (may_park()) {
    const kernel_section kernel;
    f();
  } else {
    f();
  }
}

// False in a child that a fork has left with a copy of everything: there nobody would wake who parks. Where a hook is about to
// wait, or to wake.
bool in_home_process() noexcept;

int errno_now() noexcept;
void set_errno(int number) noexcept;

// How a hook that has begun on a goroutine ends: a result, with errno as it was, or -1 and errno.
class outcome {
 public:
  outcome() noexcept : home_(this_machine()), errno_before_(errno_now()) {}

  template <class T> T success(T result) const noexcept {
    set_errno(errno_before_);
    return result;
  }
  int failure(int number) const noexcept;
  // Of what checked() returned.
  long of(long result) const noexcept { return result < 0 ? failure(static_cast<int>(-result)) : success(result); }

 private:
  machine* const home_;
  const int errno_before_;
};

// What call() returns, or the negative errno value.
template <class F> [[gnu::noinline]] long checked(F&& call) {
  const long result = call();
  return result < 0 ? -errno : result;
}

// A call whose end only its thread can wait for. Others get the processor meanwhile.
template <class F> [[gnu::noinline]] auto in_section(F&& call) {
  const blocking_section section;
  return call();
}

// Time limits: nanoseconds of monotonic_ns(), never_ns for none.

constexpr bool is_valid(const timespec& t) noexcept { return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000; }

inline std::int64_t nanoseconds(const timespec& t) noexcept {
  std::int64_t ns = 0;
  const bool too_long = __builtin_mul_overflow(std::int64_t{t.tv_sec}, 1'000'000'000, &ns) ||
                        __builtin_add_overflow(ns, std::int64_t{t.tv_nsec}, &ns);
  return !too_long ? ns : t.tv_sec < 0 ? 0 : never_ns;
}

inline std::int64_t deadline_after(std::int64_t ns) noexcept {
  std::int64_t when_ns = 0;
  return __builtin_add_overflow(monotonic_ns(), ns, &when_ns) ? never_ns : when_ns;
}

// A moment of another clock, as things are now.
std::int64_t deadline_at(clockid_t clock, const timespec& when) noexcept;

}  // namespace gos::rt
