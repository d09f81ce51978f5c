// See system.hpp.
//
// Starting is posix_spawn's, which knows how to share the caller's memory with the child until exec (a large program starts
// others as fast as a small one) and how to keep signal handlers out of it. It opens, duplicates and closes descriptors in the
// child in the order given, so what the child gets must not lie below 3 here: nothing is overwritten before it is used.
// Rejected: clone by hand, for CLONE_PIDFD alone: between posix_spawn and pidfd_open nobody takes leave of the child, so the
// number is its own.
#include "process/system.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "platform/environment.hpp"

// Younger than some C libraries.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace gos::rt::kernel_calls {

namespace {

[[gnu::always_inline]] inline int checked(long result) noexcept {
  return result < 0 ? -errno : static_cast<int>(result);
}

// The instructions for the child, given back at the end.
class actions {
 public:
  actions() noexcept : error_(::posix_spawn_file_actions_init(&list_)), made_(error_ == 0) {}
  ~actions() {
    if (made_) ::posix_spawn_file_actions_destroy(&list_);
  }
  actions(const actions&) = delete;
  actions& operator=(const actions&) = delete;

  void stream(int number, int source) noexcept {
    if (error_ != 0 || source == spawn_plan::as_is) return;
    if (source == spawn_plan::null_device) {
      error_ = ::posix_spawn_file_actions_addopen(&list_, number, "/dev/null",
                                                  number == 0 ? O_RDONLY : O_WRONLY, 0);
    } else {
      error_ =
          ::posix_spawn_file_actions_adddup2(&list_, source == spawn_plan::as_output ? 1 : source, number);
    }
  }
  void directory(int fd) noexcept {
    if (error_ == 0 && fd >= 0) error_ = ::posix_spawn_file_actions_addfchdir_np(&list_, fd);
  }

  int error() const noexcept { return error_; }
  const posix_spawn_file_actions_t* get() const noexcept { return &list_; }

 private:
  posix_spawn_file_actions_t list_;
  int error_;
  const bool made_;
};

// A write into a pipe without a reader sends the thread SIGPIPE. It is held back meanwhile, and taken away.
class pipe_signal_held {
 public:
  pipe_signal_held() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~pipe_signal_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  pipe_signal_held(const pipe_signal_held&) = delete;
  pipe_signal_held& operator=(const pipe_signal_held&) = delete;

  void take() noexcept {
    if (::sigismember(&before_, SIGPIPE) == 1) return;  // the program looks at it itself
    const timespec now{};
    while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {}
  }

 private:
  sigset_t pipe_, before_;
};

}  // namespace

[[gnu::noinline]] int make_pipe(int (&ends)[2]) noexcept { return checked(::pipe2(ends, O_CLOEXEC)); }

[[gnu::noinline]] int make_non_blocking(int fd) noexcept {
  return checked(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK));
}

[[gnu::noinline]] int duplicate_beyond_streams(int fd) noexcept {
  return checked(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

[[gnu::noinline]] int open_directory(const char* path) noexcept {
  return checked(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

[[gnu::noinline]] int make_text_file(const char* text, std::size_t size) noexcept {
  const int fd = ::memfd_create("gos-text", MFD_CLOEXEC);
  if (fd < 0) return -errno;
  for (std::size_t done = 0; done < size;) {
    const ssize_t wrote = ::pwrite(fd, text + done, size - done, static_cast<off_t>(done));
    if (wrote < 0 && errno != EINTR) {
      const int error = errno;
      ::close(fd);
      return -error;
    }
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  return fd;
}

[[gnu::noinline]] std::ptrdiff_t read(int fd, void* buffer, std::size_t size) noexcept {
  const ssize_t got = ::read(fd, buffer, size);
  return got < 0 ? -errno : got;
}

[[gnu::noinline]] std::ptrdiff_t write(int fd, const void* data, std::size_t size) noexcept {
  pipe_signal_held held;
  const ssize_t wrote = ::write(fd, data, size);
  if (wrote >= 0) return wrote;
  const int error = errno;
  if (error == EPIPE) held.take();
  return -error;
}

[[gnu::noinline]] int is_executable(const char* path) noexcept {
  struct stat file;
  if (::stat(path, &file) != 0) return -errno;
  if (S_ISDIR(file.st_mode)) return -EISDIR;
  return checked(::faccessat(AT_FDCWD, path, X_OK, AT_EACCESS));
}

[[gnu::noinline]] pid_t spawn(const spawn_plan& plan) noexcept {
  actions list;
  for (int number = 0; number < 3; ++number) list.stream(number, plan.streams[number]);
  list.directory(plan.directory);
  if (list.error() != 0) return -list.error();
  posix_spawnattr_t attributes;
  if (const int error = ::posix_spawnattr_init(&attributes); error != 0) return -error;
  if (plan.new_group)
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // to the group 0: its own
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, plan.path, list.get(), &attributes, plan.arguments, plan.environment);
  ::posix_spawnattr_destroy(&attributes);
  return error == 0 ? pid : -error;
}

[[gnu::noinline]] int open_process(pid_t pid) noexcept {
  static const bool unwanted = debug_flag("nopidfd");
  if (unwanted) return -ENOSYS;
  return checked(::syscall(SYS_pidfd_open, pid, 0));
}

[[gnu::noinline]] void await_end(pid_t pid) noexcept {
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
}

[[gnu::noinline]] int reap(pid_t pid, int pidfd, process_end& end) noexcept {
  constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD
  siginfo_t info;
  info.si_pid = 0;
  int got = 0;
  do
    got = ::waitid(pidfd >= 0 ? by_pidfd : P_PID, static_cast<id_t>(pidfd >= 0 ? pidfd : pid), &info,
                   WEXITED | WNOHANG);
  while (got != 0 && errno == EINTR);
  if (got != 0) return -errno;
  if (info.si_pid == 0) return 0;
  end = {info.si_code, info.si_status};
  return 1;
}

[[gnu::noinline]] int send_signal(pid_t pid, int pidfd, int signal) noexcept {
  if (pidfd < 0) return checked(::kill(pid, signal));
  return checked(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

}  // namespace gos::rt::kernel_calls
