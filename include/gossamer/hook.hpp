// hook: libraries that block, as they are, in goroutines.
//
//   gos::go([] {
//     PGconn* conn = PQconnectdb("dbname=shop");         // libpq as Debian has it
//     PGresult* rows = PQexec(conn, "select pg_sleep(1)");  // parks the goroutine, not the thread
//   });
//
// Linking the CMake target gossamer::hook (./gos run: including this header) puts the program's own definitions before those of
// the C library, for the program and for every shared library that it uses. Called by a goroutine, these wait as goroutines do:
//
// - read write readv writev recv recvfrom recvmsg send sendto sendmsg connect accept accept4
// - poll ppoll select pselect epoll_wait epoll_pwait, sleep usleep nanosleep clock_nanosleep
// - getaddrinfo gethostbyname_r gethostbyname2_r: without a thread where net::lookup_host has none (docs/dns.md)
// - getnameinfo gethostbyaddr_r: a thread for each, 64 at most
// - pthread_mutex_*, pthread_cond_*, pthread_rwlock_*, sem_*, pthread_join
// - hence std::mutex, std::condition_variable, std::shared_mutex, std::thread::join, std::this_thread::sleep_for
//
// On plain threads they are the C library's. Everything else is as POSIX has it: a descriptor keeps its mode, O_NONBLOCK and
// SO_RCVTIMEO and SO_SNDTIMEO are honoured, errno is kept by a call that succeeds. A recursive mutex belongs to the goroutine
// that locked it. No call ends by a signal (EINTR) while its goroutine waits. A descriptor that is closed ends the waits of
// other goroutines for it: EBADF.
//
// What works, what does not, and what needs gos::pin: docs/blocking_libraries.md. How: docs/decisions/0012-hooks.md.
#pragma once

namespace gos::hook {

// Do the calls of shared libraries reach the hooks? False where another library stands before them, or a linker did not export
// them. Any thread.
bool installed() noexcept;

}  // namespace gos::hook
