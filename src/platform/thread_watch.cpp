// See thread_watch.hpp. The kernel's count is the number of links of /proc/self/task, its one answer in which nobody is
// missed: a listing of the folder may skip a thread while others end, so it serves only to find one to wait for.
//
// Rejected: thread-local destructors, which threads that never met the runtime do not have; signals at a thread's end.
#include "platform/thread_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/race.hpp"
#include "platform/syscall.hpp"

namespace gos::rt {

namespace {

std::size_t read_file(const char* path, char* to, std::size_t size) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = ::read(fd, to, size - 1);
  ::close(fd);
  to[got > 0 ? got : 0] = '\0';
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

// The kernel keeps the record of a first thread that has ended for as long as there are others.
bool has_ended(int tid) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  char text[256];
  if (read_file(path, text, sizeof text) == 0) return true;
  const char* const name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && (name_end[2] == 'Z' || name_end[2] == 'X');
}

#if defined(GOS_TSAN)
// ThreadSanitizer's own thread blocks every signal that can be blocked.
bool is_sanitizers(int tid) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  char text[2048];
  if (read_file(path, text, sizeof text) == 0) return false;
  const char* const blocked = std::strstr(text, "SigBlk:");
  if (blocked == nullptr) return false;
  // SIGKILL, SIGSTOP, and the two that the C library keeps for itself
  constexpr std::uint64_t unblockable = (std::uint64_t{1} << 8) | (std::uint64_t{1} << 18) | (std::uint64_t{3} << 31);
  constexpr std::uint64_t synchronous = std::uint64_t{1} << 30;                                          // SIGSYS, left open for sandboxes
  return (std::strtoull(blocked + 7, nullptr, 16) | unblockable | synchronous) == ~std::uint64_t{0};
}
#else
constexpr bool is_sanitizers(int) noexcept { return false; }
#endif

// Calls look(tid) for each thread that the folder shows, until one returns true.
template <class F> void for_each_thread(F look) noexcept {
  DIR* const folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return;
  while (const dirent* const entry = ::readdir(folder)) {
    const int tid = std::atoi(entry->d_name);
    if (tid > 0 && look(tid)) break;
  }
  ::closedir(folder);
}

}  // namespace

int running_threads(int expected) noexcept {
  struct stat folder {};
  if (::stat("/proc/self/task", &folder) != 0 || folder.st_nlink < 3) return 0;
  int count = static_cast<int>(folder.st_nlink) - 2;
#if defined(GOS_TSAN)
  if (count > expected) {
    for_each_thread([&](int tid) {
      if (is_sanitizers(tid)) --count;
      return false;
    });
  }
#endif
  if (count == expected + 1 && has_ended(static_cast<int>(::getpid()))) --count;
  return count;
}

int thread_beyond(const int* sorted, std::size_t count) noexcept {
  int found = 0;
  for_each_thread([&](int tid) {
    if (std::binary_search(sorted, sorted + count, tid) || is_sanitizers(tid) || has_ended(tid)) return false;
    found = tid;
    return true;
  });
  return found;
}

bool thread_watch::open() noexcept {
  if (event_ < 0) {
    event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    race_release(&event_);  // pairs with wake(): TSan takes the making of a descriptor for a write
  }
  return event_ >= 0;
}

bool thread_watch::choose(int tid) noexcept {
  forget();
  if (notices_) {
    thread_ = static_cast<int>(sys_pidfd_open_thread(tid));
    if (thread_ < 0 && errno == EINVAL) notices_ = false;
  }
  // Looked at last: from here on the number is this thread's, or another's that was made meanwhile by one that ran.
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d", tid);
  return ::access(path, F_OK) == 0;
}

void thread_watch::forget() noexcept {
  if (thread_ >= 0) ::close(thread_);
  thread_ = -1;
}

bool thread_watch::ended() const noexcept {
  pollfd one{thread_, POLLIN, 0};
  return thread_ >= 0 && ::poll(&one, 1, 0) > 0;
}

bool thread_watch::sleep(std::int64_t timeout_ns) noexcept {
  pollfd both[2] = {{event_, POLLIN, 0}, {thread_, POLLIN, 0}};
  timespec limit{};
  if (timeout_ns >= 0) {
    limit.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
    limit.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
  }
  ::ppoll(both, 2, timeout_ns >= 0 ? &limit : nullptr, nullptr);
  // Closed by the program, to which all descriptors belong: a new one the next time, or this would be no sleep.
  if ((both[0].revents & POLLNVAL) != 0) event_ = -1;
  std::uint64_t count = 0;
  if (event_ >= 0 && ::read(event_, &count, sizeof count) < 0) count = 0;
  return thread_ >= 0 && both[1].revents != 0;
}

void thread_watch::wake() noexcept {
  const int saved_errno = errno;
  race_acquire(&event_);
  const std::uint64_t one = 1;
  const ssize_t written = ::write(event_, &one, sizeof one);
  static_cast<void>(written);  // full: then it is awake
  errno = saved_errno;
}

}  // namespace gos::rt
