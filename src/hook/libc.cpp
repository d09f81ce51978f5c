// See libc.hpp and here.hpp.
#include "hook/libc.hpp"

#include <gossamer/hook.hpp>

#include <sys/types.h>

#include <atomic>
#include <iterator>

#include "hook/here.hpp"

namespace gos::rt {

namespace {
std::atomic<pid_t> home{0};

// By the thread that forked, in the child. A daemon that forks first and then starts its goroutines is at home in the child.
void forked() noexcept {
  // relaxed: there is one thread.
  home.store(may_park() ? 0 : ::getpid(), std::memory_order_relaxed);
}

[[gnu::constructor]] void loaded() noexcept {
#define GOS_LOOK_UP(name) libc::name.look_up();
  GOS_HOOKED_CALLS(GOS_LOOK_UP, GOS_LOOK_UP)
#undef GOS_LOOK_UP
  home.store(::getpid(), std::memory_order_relaxed);  // relaxed: there is one thread
  ::pthread_atfork(nullptr, nullptr, forked);
}
}  // namespace

// relaxed: written before there was a second thread.
bool in_home_process() noexcept { return home.load(std::memory_order_relaxed) == ::getpid(); }

[[gnu::noinline]] int errno_now() noexcept { return errno; }
[[gnu::noinline]] void set_errno(int number) noexcept { errno = number; }

int outcome::failure(int number) const noexcept {
  // Leaving kernel mode may lead away again.
  for (int tries = 0; tries < 3 && this_machine() != home_; ++tries) {
    const kernel_section kernel;
    if (!continue_on(home_)) break;
  }
  set_errno(number);
  return -1;
}

std::int64_t deadline_at(clockid_t clock, const timespec& when) noexcept {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) return never_ns;
  std::int64_t left_ns = 0;
  if (__builtin_sub_overflow(nanoseconds(when), nanoseconds(now), &left_ns)) return never_ns;
  return left_ns <= 0 ? monotonic_ns() : deadline_after(left_ns);
}

}  // namespace gos::rt

namespace gos::hook {

bool installed() noexcept {
  for (const auto& [name, ours] : {std::pair<const char*, void*>{"read", reinterpret_cast<void*>(&::read)},
                                   {"poll", reinterpret_cast<void*>(&::poll)},
                                   {"pthread_mutex_lock", reinterpret_cast<void*>(&::pthread_mutex_lock)}}) {
    if (::dlsym(RTLD_DEFAULT, name) != ours) return false;
  }
  return true;
}

}  // namespace gos::hook
