// fd: an open file: its descriptor, its name, and how operations on it wait.
//
// What epoll can watch (pipes, terminals, sockets, eventfds, ...) is a stream: its operations are tried, and wait in the poller.
// A descriptor that is ours alone is made non-blocking for that. One that came from elsewhere may share its mode with other
// processes, the terminal of a shell for one, and keeps it: its tries are calls that do not wait whatever the mode is (RWF_NOWAIT,
// MSG_DONTWAIT), or, where the file does not know those, a look by poll() and then the call. Somebody else may take
// what that look has seen; then a thread waits for the next, in a blocking section.
//
// What epoll cannot watch is always ready (regular files, directories, disks, /dev/null) or nobody can tell: operations go to the
// ring or wait in a blocking section (regular.cpp).
//
// A file_fd comes from a pool that is never given back to the allocator (poll_desc.hpp, INV4) and belongs to one handle.
// INV1 The name and what is known about the descriptor do not change once the handle is handed out, but for what tries have
//      learned (no_nowait_).
// INV2 Reads at the position are serialised, and writes (NF-14); operations at an offset of their own only hold a reference.
// Source: Go os/file_unix.go, internal/poll/fd_unix.go; contract NF-08..NF-15, NF-20..NF-22.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <gossamer/file.hpp>

#include "io/descriptor.hpp"
#include "io/lasting_pool.hpp"

namespace gos::rt {

class file_fd : public pooled<file_fd> {
 public:
  file_fd() noexcept = default;

  // Whose mode may we change?
  enum class owner : std::uint8_t { ours, shared };
  // Takes ownership of the descriptor, also when it throws std::bad_alloc.
  static file_fd* open(int fd, std::string_view name, owner whose);
  // The end of the handle: closes if that has not been done, and gives the file_fd back.
  void retire() noexcept;

  // offset: file_calls::at_position, or the file's own is left alone.
  result<std::size_t> read_some(std::byte* buffer, std::size_t size, std::int64_t offset);
  result<std::size_t> read_full(std::byte* buffer, std::size_t size, std::int64_t offset);
  result<std::size_t> write_some(const std::byte* data, std::size_t size);
  result<std::size_t> write_all(const std::byte* data, std::size_t size, std::int64_t offset);
  result<std::int64_t> seek(std::int64_t offset, int whence);
  result<void> sync(bool data_only);
  result<void> truncate(std::int64_t size);
  result<void> change_mode(unsigned permissions);
  result<file_info> status();
  result<void> set_deadlines(bool read, bool write, std::optional<time_point> when);
  result<void> close();

  int number() const noexcept { return desc_.fd(); }
  const std::string& name() const noexcept { return name_; }

 private:
  error failure(std::string_view operation, std::error_code code, std::size_t transferred = 0) const;
  void learn(int fd, owner whose) noexcept;
  attempt read_piece(std::byte* buffer, std::size_t size, std::int64_t offset) noexcept;
  attempt write_piece(const std::byte* data, std::size_t size, std::int64_t offset) noexcept;
  std::ptrdiff_t read_stream(int fd, std::byte* buffer, std::size_t size) noexcept;
  std::ptrdiff_t write_stream(int fd, const std::byte* data, std::size_t size) noexcept;
  std::ptrdiff_t read_regular(int fd, std::byte* buffer, std::size_t size, std::int64_t offset) noexcept;
  std::ptrdiff_t write_regular(int fd, const std::byte* data, std::size_t size, std::int64_t offset) noexcept;
  bool begin(direction d, std::int64_t offset) noexcept;
  void end(direction d, std::int64_t offset) noexcept;
  template <class Call> attempt with_reference(Call call) noexcept;

  poll_desc desc_;
  std::string name_;
  bool stream_ = false;        // the poller watches it
  bool non_blocking_ = false;  // streams: the descriptor's mode
  bool socket_ = false;
  bool pipe_ = false;
  bool direct_ = false;                 // O_DIRECT: past the page cache
  bool appends_ = false;                // O_APPEND
  std::atomic<bool> no_nowait_{false};  // the file does not know RWF_NOWAIT
};

}  // namespace gos::rt
