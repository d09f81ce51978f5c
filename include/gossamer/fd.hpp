// fd: wait until a descriptor of one's own is ready, without holding a thread.
//
//   // A library that hands out its socket (libpq, libcurl, c-ares, ...), driven by a goroutine:
//   while (PQconsumeInput(conn) && PQisBusy(conn)) gos::net::wait_readable(PQsocket(conn));
#pragma once

#include <gossamer/error.hpp>

namespace gos::net {

// Return when a read (write) of fd would not block: there is data, room, end of file or an error to be had. fd may be
// anything that epoll can watch, blocking or not: its mode is not changed. Regular files are always ready. Several
// goroutines may wait for one descriptor, also in both directions; each waits for itself. The caller must keep fd open
// meanwhile: closing it wakes nobody. May be called from any goroutine or thread.
// Errors: std::errc::bad_file_descriptor; the system's limits of descriptors and watches. Text: `wait: <cause>`.
// Source: Go syscall.RawConn Read, Write.
result<void> wait_readable(int fd);
result<void> wait_writable(int fd);

}  // namespace gos::net
