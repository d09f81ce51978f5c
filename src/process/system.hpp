// system: the system calls of processes and pipes, the one door through which src/process reaches the kernel.
//
// As io/kernel_calls.hpp: each returns its result or the negative errno value, none is inlined, and descriptors that are
// made are close-on-exec.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>

#include "io/kernel_calls.hpp"

namespace gos::rt {

// Owns a descriptor.
class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) close();
    fd_ = other.release();
    return *this;
  }
  ~descriptor() { close(); }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  void close() noexcept {
    if (fd_ >= 0) kernel_calls::close(fd_);
  }
  int fd_ = -1;
};

// How a process ended, as waitid tells it.
struct process_end {
  int code = 0;    // CLD_EXITED, CLD_KILLED or CLD_DUMPED
  int status = 0;  // what it returned, or the signal
};

// A program to be started.
struct spawn_plan {
  static constexpr int as_is = -1;
  static constexpr int null_device = -2;
  static constexpr int as_output = -3;  // of the third stream

  const char* path;
  char* const* arguments;
  char* const* environment;
  int streams[3] = {as_is, as_is, as_is};  // else descriptors, each 3 or more
  int directory = as_is;                   // else a descriptor, 3 or more
  bool new_group = false;
};

namespace kernel_calls {

// Both ends block; make_non_blocking() is for the one that stays here.
int make_pipe(int (&ends)[2]) noexcept;
int make_non_blocking(int fd) noexcept;
// A copy whose number is 3 or more.
int duplicate_beyond_streams(int fd) noexcept;
int open_directory(const char* path) noexcept;
// A file without a name that holds this text, to be read from its beginning.
int make_text_file(const char* text, std::size_t size) noexcept;

std::ptrdiff_t read(int fd, void* buffer, std::size_t size) noexcept;
// A pipe without a reader is -EPIPE, and no signal.
std::ptrdiff_t write(int fd, const void* data, std::size_t size) noexcept;

// Is this a file that the caller may execute? 0, or why not.
int is_executable(const char* path) noexcept;

// Waits until exec has succeeded or failed. The number of the process.
pid_t spawn(const spawn_plan& plan) noexcept;
// Becomes readable when the process ends, which must not have been waited for.
int open_process(pid_t pid) noexcept;
// Waits for the end without taking leave of the process.
void await_end(pid_t pid) noexcept;
// Takes leave of a process that has ended: 1; 0: it has not. pidfd: what open_process() gave, or -1.
int reap(pid_t pid, int pidfd, process_end& end) noexcept;
// To the process behind pidfd; if that is -1, to pid, where a negative one is a group.
int send_signal(pid_t pid, int pidfd, int signal) noexcept;

}  // namespace kernel_calls
}  // namespace gos::rt
