// kernel_calls: the system calls of sockets, the one door through which src/net reaches the kernel.
//
// Each returns its result, or the negative errno value. None is inlined, and errno is read inside: its address belongs to
// the thread, a goroutine may wake on another one, and the compiler is free to keep that address over a park. Descriptors
// are made non-blocking and close-on-exec. A simulated network replaces the .cpp.
#pragma once

#include <sys/socket.h>

#include <cstddef>

namespace gos::rt::kernel_calls {

int socket(int family, int type, int protocol) noexcept;
int bind(int fd, const sockaddr* address, socklen_t size) noexcept;
int listen(int fd, int backlog) noexcept;
int connect(int fd, const sockaddr* address, socklen_t size) noexcept;
int accept(int fd, sockaddr* address, socklen_t* size) noexcept;
int shutdown(int fd, int how) noexcept;
// Closes in any case, also when it reports an error (Linux). May block for SO_LINGER.
int close(int fd) noexcept;
int duplicate(int fd) noexcept;

// No SIGPIPE.
std::ptrdiff_t receive(int fd, void* buffer, std::size_t size) noexcept;
std::ptrdiff_t send(int fd, const void* data, std::size_t size) noexcept;

int local_address(int fd, sockaddr* address, socklen_t* size) noexcept;
int peer_address(int fd, sockaddr* address, socklen_t* size) noexcept;
int set_option(int fd, int level, int name, int value) noexcept;
// seconds < 0: off.
int set_linger(int fd, int seconds) noexcept;
// The pending error of a socket (SO_ERROR), which it clears: 0 or an errno value, here positive.
int take_error(int fd) noexcept;

// Does a look without waiting find fd readable (writable), or in a state in which the next call would not block? 1 or 0.
int is_ready(int fd, bool for_writing) noexcept;

// Raises the soft limit of open descriptors to the hard one (Go does the same at start). False if that failed.
bool raise_descriptor_limit() noexcept;

// /proc/sys/net/core/somaxconn, or 128.
int listen_backlog_max() noexcept;

}  // namespace gos::rt::kernel_calls
