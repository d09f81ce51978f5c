// sleep: sleep, usleep, nanosleep and clock_nanosleep.
//
// No signal interrupts a goroutine's sleep, so nothing is ever left of it. Clocks of CPU time are the C library's.
#include "hook/here.hpp"
#include "hook/libc.hpp"

namespace gos::rt {

namespace {

void sleep_for(std::int64_t ns) noexcept {
  const outcome end;
  {
    const std::int64_t when_ns = deadline_after(ns);
    kernel_section kernel;
    sleep_until(when_ns);
  }
  end.success(0);
}

bool passes_by_itself(clockid_t clock) noexcept {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

unsigned sleep(unsigned seconds) {
  if (!may_park() || !in_home_process()) return libc::sleep(seconds);
  sleep_for(std::int64_t{seconds} * 1'000'000'000);
  return 0;
}

int usleep(useconds_t microseconds) {
  if (!may_park() || !in_home_process()) return libc::usleep(microseconds);
  sleep_for(std::int64_t{microseconds} * 1000);
  return 0;
}

int nanosleep(const timespec* duration, timespec* left) {
  if (!may_park() || !is_valid(*duration) || duration->tv_sec < 0 || !in_home_process()) return libc::nanosleep(duration, left);
  sleep_for(nanoseconds(*duration));
  return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* when, timespec* left) {
  if (!may_park() || !is_valid(*when) || when->tv_sec < 0 || !in_home_process()) {
    return libc::clock_nanosleep(clock, flags, when, left);
  }
  if (!passes_by_itself(clock)) return in_section([&] { return libc::clock_nanosleep(clock, flags, when, left); });
  if ((flags & TIMER_ABSTIME) == 0) {
    sleep_for(nanoseconds(*when));
    return 0;
  }
  // Again, if the clock was set back meanwhile.
  for (timespec now{}; ::clock_gettime(clock, &now) == 0 && nanoseconds(now) < nanoseconds(*when);) {
    sleep_for(nanoseconds(*when) - nanoseconds(now));
  }
  return 0;
}

}  // extern "C"
