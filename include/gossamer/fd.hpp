// fd: wait until a descriptor of one's own is ready, without holding a thread.
//
//   // A library that hands out its socket (libpq, libcurl, c-ares, ...), driven by a goroutine:
//   while (PQconsumeInput(conn) && PQisBusy(conn)) gos::net::wait_readable(PQsocket(conn));
//
//   gos::select({
//     gos::net::readable(PQsocket(conn), [&] { PQconsumeInput(conn); }),
//     gos::recv(requests, send),
//   });
//
// Ready means that a read (write) of fd would not block: there is data, room, end of file or an error to be had. fd may be
// anything that epoll can watch, blocking or not: its mode is not changed. Regular files are always ready. Several
// goroutines may wait for one descriptor, also in both directions; each waits for itself. The caller must keep fd open
// meanwhile: closing it wakes nobody. May be called from any goroutine or thread.
// Source: Go syscall.RawConn Read, Write.
#pragma once

#include <chrono>
#include <concepts>
#include <utility>

#include <gossamer/detail/limit.hpp>
#include <gossamer/error.hpp>
#include <gossamer/select.hpp>

namespace gos {

namespace detail {
// Fails with `why` when the limit, if there is one, came first.
result<void> wait_fd(int fd, bool for_writing, const select_arm* limit, std::error_code why);
select_arm fd_arm(int fd, bool for_writing) noexcept;

// wait(limit) unless `stop` comes first; with a limit, wait fails with an empty code when that ended it.
template <class T, class S, class Wait> result<T> wait_result_unless(const S& stop, Wait&& wait) {
  const typename stop_traits<S>::limit limit(stop);
  if (!limit.over()) {
    const select_arm arm = limit.arm();
    result<T> waited = wait(&arm);
    if (waited || waited.error().code()) return waited;
  }
  if constexpr (std::is_same_v<stop_result<S>, bool>) {
    return std::unexpected(error(std::make_error_code(std::errc::operation_canceled), "wait"));
  } else {
    return std::unexpected(error(limit.outcome(false), "wait"));
  }
}
template <class S> result<void> wait_fd_unless(int fd, bool for_writing, const S& stop) {
  return wait_result_unless<void>(
      stop, [=](const select_arm* limit) { return wait_fd(fd, for_writing, limit, {}); });
}
}  // namespace detail

namespace net {

// Return when fd is ready. Errors: std::errc::bad_file_descriptor; the system's limits of descriptors and watches. Text:
// `wait: <cause>`.
result<void> wait_readable(int fd);
result<void> wait_writable(int fd);

// The same for at most d: fails with io_errc::timeout, `wait: i/o timeout`.
template <any_duration D> result<void> wait_readable_for(int fd, const D& d) {
  const detail::select_arm limit = detail::limit_after(d);
  return detail::wait_fd(fd, false, &limit, io_errc::timeout);
}
template <any_duration D> result<void> wait_writable_for(int fd, const D& d) {
  const detail::select_arm limit = detail::limit_after(d);
  return detail::wait_fd(fd, true, &limit, io_errc::timeout);
}

// The same unless `stop` comes first. A context: fails with its err(). A std::stop_token: std::errc::operation_canceled.
template <detail::stop_condition S> result<void> wait_readable(int fd, const S& stop) {
  return detail::wait_fd_unless(fd, false, stop);
}
template <detail::stop_condition S> result<void> wait_writable(int fd, const S& stop) {
  return detail::wait_fd_unless(fd, true, stop);
}

// The same as an arm of a select. A descriptor that cannot be read or written at all, because it is none, counts as ready.
// When the system's limits are reached, select throws std::system_error and nothing has been taken.
inline select_case readable(int fd) { return detail::select_access::object(detail::fd_arm(fd, false)); }
inline select_case writable(int fd) { return detail::select_access::object(detail::fd_arm(fd, true)); }
template <std::invocable F> select_case readable(int fd, F&& handler) {
  return detail::select_access::object<F>(detail::fd_arm(fd, false), handler, &detail::finish_object<F>);
}
template <std::invocable F> select_case writable(int fd, F&& handler) {
  return detail::select_access::object<F>(detail::fd_arm(fd, true), handler, &detail::finish_object<F>);
}

}  // namespace net
}  // namespace gos
