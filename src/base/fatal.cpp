// See fatal.hpp. Uses no allocation and no stdio on standard error.
#include "base/fatal.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gos::rt {

crash_hook_function crash_hook = nullptr;
constinit crash_stack crashed_stack{};
pending_panics_function pending_panics = nullptr;

namespace {
std::atomic<bool> crashing{false};
thread_local bool crashing_here = false;
std::atomic<int> crash_fd{-1};

constexpr std::int64_t default_limit_ns = 30'000'000'000;
std::atomic<std::int64_t> limit_ns{default_limit_ns};
std::atomic<int> limit_timer{-1};  // the kernel's number

// Ends the process by SIGABRT, whatever the program has done about it.
[[noreturn]] void abort_now() noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGABRT, &action, nullptr);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGABRT);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(SIGABRT);
  ::_exit(2);
}

[[noreturn]] void end_process(int status) noexcept {
  if (traceback() == traceback_level::crash) abort_now();
  ::_exit(status);
}

void on_limit(int) noexcept { end_process(2); }

// From now on the limit runs anew.
void restart_limit() noexcept {
  const int timer = limit_timer.load(std::memory_order_relaxed);  // relaxed: a number
  if (timer < 0) return;
  const std::int64_t ns = limit_ns.load(std::memory_order_relaxed);  // relaxed: set once, at the start
  itimerspec at{};
  at.it_value.tv_sec = ns / 1'000'000'000;
  at.it_value.tv_nsec = ns % 1'000'000'000;
  ::syscall(SYS_timer_settime, timer, 0, &at, nullptr);
}

// SIGALRM for this thread, which may be anywhere by then: also in a signal handler.
void start_limit() noexcept {
  struct sigaction action {};
  action.sa_handler = on_limit;
  action.sa_flags = SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGALRM;
  event._sigev_un._tid = static_cast<int>(::syscall(SYS_gettid));
  if (::sigaction(SIGALRM, &action, nullptr) != 0) return;
  int timer = -1;
  if (::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) return;
  limit_timer.store(timer, std::memory_order_relaxed);  // relaxed: as above
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  restart_limit();
}

void write_all(int fd, const char* text, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t written = ::write(fd, text, size);
    if (written < 0 && errno == EINTR) continue;
    // A descriptor that does not wait for its reader: last words do. relaxed: a number.
    if (written < 0 && errno == EAGAIN && crashing.load(std::memory_order_relaxed)) {
      pollfd wanted{fd, POLLOUT, 0};
      if (::poll(&wanted, 1, -1) < 0 && errno != EINTR) return;
      continue;
    }
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
    restart_limit();  // also for who writes on behalf of the crashing thread
  }
}
}  // namespace

void write_error(const char* text, std::size_t size) noexcept {
  write_all(STDERR_FILENO, text, size);
  // relaxed, both: who set it made the descriptor before; and there is nothing else to see.
  const int copy = crash_fd.load(std::memory_order_relaxed);
  if (copy >= 0 && crashing.load(std::memory_order_relaxed)) write_all(copy, text, size);
}

void write_addresses(void* const* addresses, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    char text[32];
    std::snprintf(text, sizeof text, "\t%p\n", addresses[i]);
    write_error(text);
  }
}

int crash_output(int fd) noexcept {
  int copy = -1;
  if (fd != -1) {
    copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return errno;
  }
  const int before = crash_fd.exchange(copy, std::memory_order_relaxed);  // relaxed: as in write_error()
  if (before >= 0) ::close(before);
  return 0;
}

void write_error(const char* text) noexcept { write_error(text, std::strlen(text)); }

void crash_begin() noexcept {
  if (crashing_here) return;  // a fault inside the report: go straight on
  // relaxed: the winner is alone from here on, the losers never return.
  if (crashing.exchange(true, std::memory_order_relaxed)) {
    for (;;) ::pause();
  }
  crashing_here = true;
  // A report into a pipe without a reader is lost, and the process has its own end.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
  start_limit();
}

void crash_wait() noexcept {
  // relaxed: nothing else is looked at.
  while (crashing.load(std::memory_order_relaxed) && !crashing_here) ::pause();
}

bool crash_is_mine() noexcept { return crashing_here; }

void crash_limit(std::int64_t ns) noexcept {
  limit_ns.store(ns > 0 ? ns : default_limit_ns, std::memory_order_relaxed);  // relaxed: before any crash
}

std::int64_t crash_limit() noexcept { return limit_ns.load(std::memory_order_relaxed); }  // relaxed: as above

void crash_others(const void* goroutine) noexcept {
  if (crash_hook != nullptr && traceback() >= traceback_level::all) crash_hook(goroutine, crash_part::the_others);
}

void crash_flush() noexcept {
  // Another goroutine may hold stdout's lock for ever: then its buffer is lost, as it would be
  // in a crash that nobody reports.
  if (::ftrylockfile(stdout) != 0) return;
  ::fflush_unlocked(stdout);
  ::funlockfile(stdout);
}

void crash_abandon(int status) noexcept { end_process(status); }

void crash_end(int status) noexcept {
  crash_flush();
  end_process(status);
}

void fatal(const char* format, ...) noexcept {
  char text[4096];
  constexpr std::size_t pending_max = 3000;
  std::size_t size = 0;
  if (pending_panics != nullptr && !crashing_here) size = pending_panics(text, pending_max);
  crash_begin();
  const char* prefix = size > 0 ? "\tfatal error: " : "fatal error: ";
  std::memcpy(text + size, prefix, std::strlen(prefix));
  size += std::strlen(prefix);
  std::va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text + size, sizeof text - size - 1, format, arguments);
  va_end(arguments);
  if (length > 0) size += std::strlen(text + size);
  text[size] = '\n';
  write_error(text, size + 1);
  if (crash_hook != nullptr && traceback() > traceback_level::none) {
    crash_hook(nullptr, crash_part::the_goroutine);
    crash_hook(nullptr, crash_part::the_others);
  }
  crash_end(2);
}

}  // namespace gos::rt
