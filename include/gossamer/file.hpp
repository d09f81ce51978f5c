// file: files, pipes, terminals, standard streams and any other descriptor, as blocking calls that block only their goroutine.
//
//   auto log = gos::file::open("/tmp/log", O_WRONLY | O_CREAT | O_APPEND);
//   if (!log) return std::puts(log.error().message().c_str()), 1;  // open /tmp/log: permission denied
//   if (auto wrote = log->write_all("a line\n"); !wrote) return std::puts(wrote.error().message().c_str()), 1;
//
//   gos::buffered_reader input(gos::standard_input());              // <gossamer/buffered.hpp>
//   while (auto line = input.read_line()) work(*line);
//
// How they wait. What epoll can watch (pipes, FIFOs, terminals, sockets, eventfds, ...) waits in the runtime's poller, without a
// thread, and has deadlines. What it cannot (regular files, directories, disks) has none: what is in the page cache is read at
// once, for the rest the goroutine waits for io_uring where the kernel offers that, else a thread waits and others take its
// processor. docs/files.md has figures. From a plain thread every call works too and blocks that thread.
//
// Expected failures are values (<gossamer/error.hpp>): `read /path: input/output error`. Nothing here throws but std::bad_alloc.
// A broken pipe is an error, `broken pipe`, except on descriptors 1 and 2, where the system's SIGPIPE comes as it does to any program.
//
// Lifetime. A file owns its descriptor, moves, and closes it when it is destroyed. Any number of goroutines may call the
// functions of one file at once, close() included; the file itself must outlive these calls and must not be moved during
// them. Functions of a moved-from file fail with std::errc::invalid_argument.
//
// Reads at the position of one file are serialised, and so are writes: bytes of concurrent write_all calls do not interleave.
// read_at and write_at run beside everything.
// Source: Go os.File, os, internal/poll; contract NF-08..NF-15, NF-20..NF-22.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gossamer/detail/duration.hpp>
#include <gossamer/error.hpp>

namespace gos {

namespace rt {
class file_fd;
}

enum class file_type : std::uint8_t {
  regular,
  directory,
  symlink,
  pipe,
  socket,
  character_device,
  block_device,
  unknown
};

// What the system knows of a file. Source: Go fs.FileInfo.
struct file_info {
  file_type type = file_type::unknown;
  std::uint64_t size = 0;    // in bytes
  unsigned permissions = 0;  // 0644 and the like, with set-id and sticky bits
  std::chrono::system_clock::time_point modified;
  std::uint64_t device = 0;  // with inode: which file it is
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  std::uint32_t user = 0;
  std::uint32_t group = 0;

  bool is_regular() const noexcept { return type == file_type::regular; }
  bool is_directory() const noexcept { return type == file_type::directory; }
};

enum class seek_from { start, position, end };

class file {
 public:
  // Opens or creates. flags: O_RDONLY (0), O_WRONLY, O_RDWR with O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_DIRECT, ...; O_CLOEXEC is
  // always set. mode: the permissions of a file that is created, less the umask. Opening a FIFO waits for its other end, in
  // a thread. Errors: `open <path>: no such file or directory`, `permission denied`, `too many open files`, ...
  static result<file> open(std::string_view path, int flags = 0, int mode = 0644);
  // As open(path, O_RDWR | O_CREAT | O_TRUNC, mode).
  static result<file> create(std::string_view path, int mode = 0644);

  // Takes ownership of a descriptor of any kind. Its mode stays as it is, blocking or not: the open file may be shared with other
  // processes. It waits in the poller all the same. A number belongs to one file. Its name is `descriptor <fd>`.
  static file from_descriptor(int fd);

  file() noexcept = default;  // as if moved from
  file(file&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  file& operator=(file&& other) noexcept;
  ~file();

  // Reads at least one byte and at most the buffer's size: returns as soon as there is something. 0: end of file; or the buffer
  // was empty, which returns at once. The buffer is not touched after the return.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer);

  // Fills the whole buffer, and returns its size. A file that ends before is an error: io_errc::end_of_file (`EOF`) when
  // nothing had been read, else io_errc::unexpected_end_of_file; error::transferred() says how much was. Other reads may come
  // between its pieces.
  result<std::size_t> read_full(std::span<std::byte> buffer);
  result<std::size_t> read_full(std::span<char> buffer);

  // The same from `offset`: read_at fills the whole buffer unless the file ends before, and returns how much it has read. The
  // position of the file is neither used nor moved. Streams have none: `illegal seek`. Source: Go io.ReaderAt, but that the end
  // is no error.
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer);
  result<std::size_t> read_at(std::uint64_t offset, std::span<char> buffer);

  // Writes at least one byte (of a non-empty piece), as much as there is room for, and returns how many.
  result<std::size_t> write_some(std::span<const std::byte> data);
  result<std::size_t> write_some(std::string_view data);

  // Writes everything and returns its size. After a failure (`no space left on device`) error::transferred() says how much was
  // written.
  result<std::size_t> write_all(std::span<const std::byte> data);
  result<std::size_t> write_all(std::string_view data);

  // The same at `offset`. Fails with std::errc::invalid_argument for a file opened with O_APPEND.
  result<std::size_t> write_at(std::uint64_t offset, std::span<const std::byte> data);
  result<std::size_t> write_at(std::uint64_t offset, std::string_view data);

  // Moves the position, and returns it as counted from the start.
  result<std::uint64_t> seek(std::int64_t offset, seek_from from = seek_from::start);

  // Return when what was written is on the disk; sync_data leaves out what a reader can do without (times).
  result<void> sync();
  result<void> sync_data();
  // Cuts off, or adds zeros.
  result<void> truncate(std::uint64_t size);
  result<void> chmod(unsigned permissions);
  result<file_info> stat();
  result<std::uint64_t> size();

  // As net::stream_base's: absolute, for all pending and future operations of the direction; those that meet it fail with
  // `i/o timeout` (== std::errc::timed_out). What epoll cannot watch refuses: io_errc::no_deadline.
  result<void> set_deadline(std::optional<time_point> when);
  result<void> set_read_deadline(std::optional<time_point> when);
  result<void> set_write_deadline(std::optional<time_point> when);

  // Ends all operations that wait in the poller (io_errc::file_closed, `file already closed`), waits for the others, and closes: when
  // it returns, the descriptor is closed, and so it is when close(2) reports what an earlier write failed with. A second call fails
  // with io_errc::file_closed; of concurrent calls exactly one succeeds.
  result<void> close();

  // -1 when closed. The descriptor stays the file's.
  int native_handle() const;
  // The path that it was opened with, and what error texts call it.
  std::string name() const;

 private:
  explicit file(rt::file_fd* fd) noexcept : fd_(fd) {}
  static file& standard(int fd, const char* name);
  friend result<std::pair<file, file>> pipe();
  friend file& standard_input();
  friend file& standard_output();
  friend file& standard_error();

  rt::file_fd* fd_ = nullptr;
};

// A pipe of the system: what is written to the second can be read from the first. Errors: `pipe: too many open files`.
result<std::pair<file, file>> pipe();  // read end, write end

// Descriptors 0, 1 and 2, for good: they are not closed at the end. Nothing is buffered. They are left as they were found, also in their
// mode: a shell that shares its terminal or pipe notices nothing. A goroutine that reads standard input keeps neither others
// from running nor the process alive. Contract NF-21, NF-22.
file& standard_input();
file& standard_output();
file& standard_error();

// Whole files --------------------------------------------------------------------------------------------------------

// All that is in a file. Source: Go os.ReadFile.
result<std::string> read_file(std::string_view path);
// Creates it or replaces what was in it. A failure may leave a part. Source: Go os.WriteFile.
result<void> write_file(std::string_view path, std::string_view data, int mode = 0644);
// The same so that at any moment, also after a crash, either the old or the new content is there: written to a new file in
// the same directory, which takes the name when it is on the disk. A symbolic link is replaced itself. mode: of the new file, less
// the umask.
result<void> replace_file(std::string_view path, std::string_view data, int mode = 0644);

// Names --------------------------------------------------------------------------------------------------------------
//
// Each as the system call of that name, in a section that may block its thread. Errors: `remove <path>: no such file or
// directory`, `rename <from> <to>: permission denied`.

result<file_info> stat(std::string_view path);
result<file_info> lstat(std::string_view path);  // of a symbolic link itself
result<void> chmod(std::string_view path, unsigned permissions);
result<void> truncate(std::string_view path, std::uint64_t size);
result<void> rename(std::string_view from, std::string_view to);
// A file, or an empty directory.
result<void> remove(std::string_view path);
// With all that is in it. No error if there is nothing of that name. Symbolic links are removed, not followed.
result<void> remove_all(std::string_view path);
result<void> link(std::string_view existing, std::string_view path);
result<void> symlink(std::string_view target, std::string_view path);
result<std::string> read_link(std::string_view path);
result<void> mkdir(std::string_view path, int mode = 0777);
// With all directories on the way; no error for one that is there.
result<void> mkdir_all(std::string_view path, int mode = 0777);

// New, for the caller alone, named by `prefix` and what makes it unique. In $TMPDIR, else /tmp, where the prefix has no directory.
result<file> create_temporary(std::string_view prefix, int mode = 0600);
result<std::string> make_temporary_directory(std::string_view prefix);

struct directory_entry {
  std::string name;                     // without the directory's
  file_type type = file_type::unknown;  // of a symbolic link itself
};
// What is in a directory, by name, without `.` and `..`. Source: Go os.ReadDir.
result<std::vector<directory_entry>> read_directory(std::string_view path);

}  // namespace gos
