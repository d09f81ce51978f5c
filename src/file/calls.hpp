// calls: the system calls of files, the one door through which src/file reaches the kernel.
//
// As in io/kernel_calls.hpp: each returns its result or the negative errno value, and is not inlined, because errno's address belongs
// to the thread. Calls that take names may block, and so may read, write and what concerns the disk: their callers stand in a
// blocking_section. Descriptors are made close-on-exec. What was interrupted before anything happened is begun again.
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace gos::rt::file_calls {

// In place of an offset: at the position of the open file, which moves.
inline constexpr std::int64_t at_position = -1;

int open(const char* path, int flags, mode_t mode) noexcept;
int pipe(int ends[2]) noexcept;  // both do not block
int flags(int fd) noexcept;      // O_NONBLOCK, O_APPEND, ...
int set_non_blocking(int fd, int flags) noexcept;
int status(int fd, struct ::stat* out) noexcept;

// What a thread must wait for.
std::ptrdiff_t read(int fd, void* buffer, std::size_t size, std::int64_t offset) noexcept;
std::ptrdiff_t write(int fd, const void* data, std::size_t size, std::int64_t offset) noexcept;

// Only what is there or has room now, whatever the mode of the descriptor: -EAGAIN otherwise. -EOPNOTSUPP: the file, or the
// kernel, cannot say so.
std::ptrdiff_t read_now(int fd, void* buffer, std::size_t size, std::int64_t offset) noexcept;
// At the position. quiet: a broken pipe is an error and no signal.
std::ptrdiff_t write_now(int fd, const void* data, std::size_t size, bool quiet) noexcept;
// The same for sockets.
std::ptrdiff_t receive_now(int fd, void* buffer, std::size_t size) noexcept;
std::ptrdiff_t send_now(int fd, const void* data, std::size_t size, bool quiet) noexcept;
// As the mode of the descriptor has it.
std::ptrdiff_t write_stream(int fd, const void* data, std::size_t size, bool quiet) noexcept;

std::int64_t seek(int fd, std::int64_t offset, int whence) noexcept;
int sync(int fd, bool data_only) noexcept;
int truncate(int fd, std::int64_t size) noexcept;
int change_mode(int fd, mode_t mode) noexcept;

int status(const char* path, struct ::stat* out, bool follow) noexcept;
int truncate(const char* path, std::int64_t size) noexcept;
int change_mode(const char* path, mode_t mode) noexcept;
int make_directory(const char* path, mode_t mode) noexcept;
int make_link(const char* existing, const char* path) noexcept;
int make_symlink(const char* target, const char* path) noexcept;
std::ptrdiff_t read_link(const char* path, char* buffer, std::size_t size) noexcept;
int rename(const char* from, const char* to) noexcept;
// A name that is none of a directory; a directory that is empty. folder: a descriptor, or AT_FDCWD.
int remove_name(int folder, const char* name) noexcept;
int remove_directory(int folder, const char* name) noexcept;

// Reads a directory; takes ownership of folder.
int open_directory(int folder, ::DIR** out) noexcept;
// 1: *out is the next entry, valid until the next call. 0: there is none.
int next_entry(::DIR* directory, ::dirent** out) noexcept;
void close_directory(::DIR* directory) noexcept;
// A directory for the calls above that take one. No link is followed.
int open_folder(int folder, const char* name) noexcept;

}  // namespace gos::rt::file_calls
