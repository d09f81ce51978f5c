// See calls.hpp.
#include "file/calls.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

namespace gos::rt::file_calls {

namespace {

template <class T> [[gnu::always_inline]] inline T checked(T result) noexcept {
  return result < 0 ? -errno : result;
}

// Calls again what was interrupted.
template <class Call> [[gnu::always_inline]] inline auto repeated(Call call) noexcept {
  for (;;) {
    const auto result = checked(call());
    if (result != -EINTR) return result;
  }
}

// Since Linux 6.18; headers may be older.
constexpr int rwf_no_signal = 0x100;

// Does the kernel know how to write to a pipe without a signal?
bool knows_no_signal() noexcept {
  enum : int { unknown, yes, no };
  static std::atomic<int> known{unknown};
  // relaxed, both: whoever finds it unknown finds the same answer.
  const int before = known.load(std::memory_order_relaxed);
  if (before != unknown) return before == yes;
  bool answer = false;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  char byte = 0;
  const iovec piece{.iov_base = &byte, .iov_len = 1};
  answer = ::pwritev2(ends[1], &piece, 1, -1, rwf_no_signal) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  known.store(answer ? yes : no, std::memory_order_relaxed);
  return answer;
}

std::ptrdiff_t write_with(int fd, const void* data, std::size_t size, int flags) noexcept {
  if (flags == 0) return checked(::write(fd, data, size));
  const iovec piece{.iov_base = const_cast<void*>(data), .iov_len = size};
  return checked(::pwritev2(fd, &piece, 1, -1, flags));
}

// Holds SIGPIPE back from this thread during the write, and takes away the one that it raised.
std::ptrdiff_t write_masked(int fd, const void* data, std::size_t size, int flags) noexcept {
  sigset_t broken, before, waiting;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  sigpending(&waiting);
  const bool was_there = sigismember(&waiting, SIGPIPE) != 0;
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  const std::ptrdiff_t got = write_with(fd, data, size, flags);
  if (got == -EPIPE && !was_there) {
    constexpr timespec at_once{};
    while (sigtimedwait(&broken, nullptr, &at_once) < 0 && errno == EINTR) {}
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return got;
}

std::ptrdiff_t write_maybe_quiet(int fd, const void* data, std::size_t size, int flags, bool quiet) noexcept {
  if (!quiet) return write_with(fd, data, size, flags);
  if (knows_no_signal()) return write_with(fd, data, size, flags | rwf_no_signal);
  return write_masked(fd, data, size, flags);
}

}  // namespace

[[gnu::noinline]] int open(const char* path, int flags, mode_t mode) noexcept {
  return repeated([=] { return ::open(path, flags | O_CLOEXEC, mode); });
}

[[gnu::noinline]] int pipe(int ends[2]) noexcept { return checked(::pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

[[gnu::noinline]] int flags(int fd) noexcept { return checked(::fcntl(fd, F_GETFL)); }

[[gnu::noinline]] int set_non_blocking(int fd, int flags) noexcept {
  return checked(::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

[[gnu::noinline]] int status(int fd, struct ::stat* out) noexcept { return checked(::fstat(fd, out)); }

[[gnu::noinline]] std::ptrdiff_t read(int fd, void* buffer, std::size_t size, std::int64_t offset) noexcept {
  if (offset == at_position) return checked(::read(fd, buffer, size));
  return checked(::pread(fd, buffer, size, offset));
}

[[gnu::noinline]] std::ptrdiff_t write(int fd, const void* data, std::size_t size,
                                       std::int64_t offset) noexcept {
  if (offset == at_position) return checked(::write(fd, data, size));
  return checked(::pwrite(fd, data, size, offset));
}

[[gnu::noinline]] std::ptrdiff_t read_now(int fd, void* buffer, std::size_t size,
                                          std::int64_t offset) noexcept {
  const iovec piece{.iov_base = buffer, .iov_len = size};
  return checked(::preadv2(fd, &piece, 1, offset, RWF_NOWAIT));
}

[[gnu::noinline]] std::ptrdiff_t write_now(int fd, const void* data, std::size_t size, bool quiet) noexcept {
  return write_maybe_quiet(fd, data, size, RWF_NOWAIT, quiet);
}

[[gnu::noinline]] std::ptrdiff_t receive_now(int fd, void* buffer, std::size_t size) noexcept {
  return checked(::recv(fd, buffer, size, MSG_DONTWAIT));
}

[[gnu::noinline]] std::ptrdiff_t send_now(int fd, const void* data, std::size_t size, bool quiet) noexcept {
  return checked(::send(fd, data, size, MSG_DONTWAIT | (quiet ? MSG_NOSIGNAL : 0)));
}

[[gnu::noinline]] std::ptrdiff_t write_stream(int fd, const void* data, std::size_t size,
                                              bool quiet) noexcept {
  return write_maybe_quiet(fd, data, size, 0, quiet);
}

[[gnu::noinline]] std::int64_t seek(int fd, std::int64_t offset, int whence) noexcept {
  return checked(::lseek(fd, offset, whence));
}

[[gnu::noinline]] int sync(int fd, bool data_only) noexcept {
  return repeated([=] { return data_only ? ::fdatasync(fd) : ::fsync(fd); });
}

[[gnu::noinline]] int truncate(int fd, std::int64_t size) noexcept {
  return repeated([=] { return ::ftruncate(fd, size); });
}

[[gnu::noinline]] int change_mode(int fd, mode_t mode) noexcept {
  return repeated([=] { return ::fchmod(fd, mode); });
}

[[gnu::noinline]] int status(const char* path, struct ::stat* out, bool follow) noexcept {
  return repeated([=] { return ::fstatat(AT_FDCWD, path, out, follow ? 0 : AT_SYMLINK_NOFOLLOW); });
}

[[gnu::noinline]] int truncate(const char* path, std::int64_t size) noexcept {
  return repeated([=] { return ::truncate(path, size); });
}

[[gnu::noinline]] int change_mode(const char* path, mode_t mode) noexcept {
  return repeated([=] { return ::chmod(path, mode); });
}

[[gnu::noinline]] int make_directory(const char* path, mode_t mode) noexcept {
  return repeated([=] { return ::mkdir(path, mode); });
}

[[gnu::noinline]] int make_link(const char* existing, const char* path) noexcept {
  return repeated([=] { return ::link(existing, path); });
}

[[gnu::noinline]] int make_symlink(const char* target, const char* path) noexcept {
  return repeated([=] { return ::symlink(target, path); });
}

[[gnu::noinline]] std::ptrdiff_t read_link(const char* path, char* buffer, std::size_t size) noexcept {
  return repeated([=] { return ::readlink(path, buffer, size); });
}

[[gnu::noinline]] int rename(const char* from, const char* to) noexcept {
  return repeated([=] { return ::rename(from, to); });
}

[[gnu::noinline]] int remove_name(int folder, const char* name) noexcept {
  return repeated([=] { return ::unlinkat(folder, name, 0); });
}

[[gnu::noinline]] int remove_directory(int folder, const char* name) noexcept {
  return repeated([=] { return ::unlinkat(folder, name, AT_REMOVEDIR); });
}

[[gnu::noinline]] int open_directory(int folder, ::DIR** out) noexcept {
  *out = ::fdopendir(folder);
  if (*out != nullptr) return 0;
  const int failure = -errno;
  ::close(folder);
  return failure;
}

[[gnu::noinline]] int next_entry(::DIR* directory, ::dirent** out) noexcept {
  errno = 0;
  *out = ::readdir(directory);
  return *out != nullptr ? 1 : -errno;
}

[[gnu::noinline]] void close_directory(::DIR* directory) noexcept { ::closedir(directory); }

[[gnu::noinline]] int open_folder(int folder, const char* name) noexcept {
  return repeated([=] { return ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
}

}  // namespace gos::rt::file_calls
