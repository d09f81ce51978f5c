// See fatal.hpp. Uses no allocation and no stdio on standard error.
#include "base/fatal.hpp"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace gos::rt {

crash_hook_function crash_hook = nullptr;

namespace {
std::atomic<bool> crashing{false};
thread_local bool crashing_here = false;
std::atomic<int> crash_fd{-1};

void write_all(int fd, const char* text, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t written = ::write(fd, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
  }
}
}  // namespace

void write_error(const char* text, std::size_t size) noexcept {
  write_all(STDERR_FILENO, text, size);
  // relaxed, both: who set it made the descriptor before; and there is nothing else to see.
  const int copy = crash_fd.load(std::memory_order_relaxed);
  if (copy >= 0 && crashing.load(std::memory_order_relaxed)) write_all(copy, text, size);
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
}

void crash_end(int status) noexcept {
  // Another goroutine may hold stdout's lock for ever: then its buffer is lost, as it would be
  // in a crash that nobody reports.
  if (::ftrylockfile(stdout) == 0) {
    ::fflush_unlocked(stdout);
    ::funlockfile(stdout);
  }
  ::_exit(status);
}

void fatal(const char* format, ...) noexcept {
  crash_begin();
  char text[1024] = "fatal error: ";
  const std::size_t prefix = std::strlen(text);
  std::va_list arguments;
  va_start(arguments, format);
  int size = std::vsnprintf(text + prefix, sizeof text - prefix - 1, format, arguments);
  va_end(arguments);
  std::size_t end = prefix + (size < 0 ? 0 : static_cast<std::size_t>(size));
  if (end > sizeof text - 2) end = sizeof text - 2;
  text[end] = '\n';
  write_error(text, end + 1);
  if (crash_hook != nullptr) crash_hook(nullptr, crash_part::the_goroutine);
  crash_end(2);
}

}  // namespace gos::rt
