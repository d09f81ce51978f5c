// socket_calls: the system calls of sockets that io/kernel_calls.hpp does not have, in the same form: the result, or the negative
// errno value; not inlined.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace gos::rt::kernel_calls {

// No SIGPIPE; received descriptors are close-on-exec.
std::ptrdiff_t send_message(int fd, const msghdr* message) noexcept;
std::ptrdiff_t receive_message(int fd, msghdr* message) noexcept;
std::ptrdiff_t send_to(int fd, const void* data, std::size_t size, const sockaddr* to, socklen_t to_size) noexcept;
std::ptrdiff_t receive_from(int fd, void* buffer, std::size_t size, sockaddr* from, socklen_t* from_size) noexcept;

int set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept;
int get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept;
int socket_pair(int ends[2]) noexcept;  // AF_UNIX, streams
int remove_path(const char* path) noexcept;

// Between a socket and a pipe, one of `from` and `to` each. Waits for neither. No SIGPIPE.
std::ptrdiff_t splice(int from, int to, std::size_t size) noexcept;
int make_pipe(int ends[2]) noexcept;
// From `offset` of a file on. No SIGPIPE.
std::ptrdiff_t send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept;
std::ptrdiff_t read_at(int file, void* buffer, std::size_t size, std::uint64_t offset) noexcept;

}  // namespace gos::rt::kernel_calls
