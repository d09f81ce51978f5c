// arms: what a select can wait for beside channels, with everything else in the same statement and the same park.
//
//   gos::select({
//     gos::recv(jobs, run),
//     gos::locked(table_lock, [&](std::unique_lock<gos::mutex> held) { table.clear(); }),
//     gos::acquired(memory, 16, [&] { start_large(); }),
//     gos::joined(worker, [&](int result) { report(result); }),
//     gos::net::readable(socket, [&] { PQconsumeInput(conn); }),       // <gossamer/fd.hpp>
//     gos::stopped(stop, shut_down),
//     gos::cancelled(ctx, [&] { log(ctx.err().message()); }),
//     gos::after(1s, [] { puts("nothing for a second"); }),
//   });
//
// As with channels, exactly one arm takes effect: a mutex that is not chosen is not locked, a semaphore keeps its units.
// Arms refer to what they were made of, and to their handlers (those of up to 16 bytes are kept by value if they are
// rvalues and trivially copyable). Without a handler, or with one that takes nothing, what was locked or acquired is the
// caller's when select returns.
//
// An `otherwise` arm is taken when no other was ready: channels are judged at one common instant, each other arm at a
// moment of its own during the call. Among ready arms the choice is random as ever.
// Waiting here and elsewhere is one queue: first come, first served as the object's own page says.
// Ordering: the edges of the plain operation (lock, acquire, join, wait), if the arm is taken; none otherwise.
//
// Timers, tickers and signals come on channels: gos::recv(t.channel(), f), gos::recv(signals, f).
#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <gossamer/context.hpp>
#include <gossamer/go.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/select.hpp>
#include <gossamer/semaphore.hpp>
#include <gossamer/shared_mutex.hpp>
#include <gossamer/wait_group.hpp>

namespace gos {

namespace detail {

template <class F, class Lock>
concept lock_handler = std::invocable<F&> || std::invocable<F&, Lock>;

// The handler is given the lock if it takes it.
template <class F, class Lock> void finish_lock(const select_arm& arm, void*) {
  auto& lockable = *static_cast<typename Lock::mutex_type*>(arm.element);
  if constexpr (std::invocable<F&, Lock>) {
    arm_handler<F, object_handler_room>::with(
        arm, [&](auto& f) { std::invoke(f, Lock(lockable, std::adopt_lock)); });
  } else {
    arm_handler<F, object_handler_room>::with(arm, [](auto& f) { std::invoke(f); });
  }
}

template <class F, class R>
concept join_handler = std::invocable<F&> ||(std::is_void_v<R> ? false : std::invocable<F&, R>);

template <class F, class R> void finish_join(const select_arm& arm, void*) {
  if constexpr (std::is_void_v<R> || std::invocable<F&>) {
    arm_handler<F, object_handler_room>::with(arm, [](auto& f) { std::invoke(f); });
  } else {
    auto* handle = reinterpret_cast<join_handle<R>*>(static_cast<std::intptr_t>(arm.amount()));
    arm_handler<F, object_handler_room>::with(arm, [&](auto& f) { std::invoke(f, handle->join()); });
  }
}

}  // namespace detail

// Ready when m is free: it is locked then. The handler may take the lock: f(std::unique_lock<mutex>) decides how long it is
// held; with f() it stays locked, and the caller unlocks.
inline select_case locked(mutex& m) { return detail::select_access::object(detail::select_access::arm(m)); }
template <class F>
requires detail::lock_handler<F, std::unique_lock<mutex>> select_case locked(mutex& m, F&& handler) {
  return detail::select_access::object<F>(detail::select_access::arm(m), handler,
                                          &detail::finish_lock<F, std::unique_lock<mutex>>);
}

// The same for the two sides of a shared_mutex; a reader's handler may take a std::shared_lock<shared_mutex>.
inline select_case locked(shared_mutex& m) {
  return detail::select_access::object(detail::select_access::writer_arm(m));
}
template <class F>
requires detail::lock_handler<F, std::unique_lock<shared_mutex>> select_case locked(shared_mutex& m,
                                                                                    F&& handler) {
  return detail::select_access::object<F>(detail::select_access::writer_arm(m), handler,
                                          &detail::finish_lock<F, std::unique_lock<shared_mutex>>);
}
inline select_case locked_shared(shared_mutex& m) {
  return detail::select_access::object(detail::select_access::reader_arm(m));
}
template <class F>
requires detail::lock_handler<F, std::shared_lock<shared_mutex>> select_case locked_shared(shared_mutex& m,
                                                                                           F&& handler) {
  return detail::select_access::object<F>(detail::select_access::reader_arm(m), handler,
                                          &detail::finish_lock<F, std::shared_lock<shared_mutex>>);
}

// Ready when n units of s can be had: they are taken then. A weight below 0 panics as in acquire.
inline select_case acquired(weighted_semaphore& s, std::int64_t n) {
  return detail::select_access::object(detail::select_access::arm(s, n));
}
template <std::invocable F> select_case acquired(weighted_semaphore& s, std::int64_t n, F&& handler) {
  return detail::select_access::object<F>(detail::select_access::arm(s, n), handler,
                                          &detail::finish_object<F>);
}

// Ready when the goroutine has ended. A handler f(R) is given the result of join(), which may throw what ended the
// goroutine; with f(), or none, nothing is joined yet. Panics if the handle is empty.
template <class R> select_case joined(join_handle<R>& h) {
  return detail::select_access::object(detail::select_access::arm(h));
}
template <class R, class F>
requires detail::join_handler<F, R> select_case joined(join_handle<R>& h, F&& handler) {
  detail::select_arm arm = detail::select_access::arm(h);
  arm.set_amount(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&h)));
  return detail::select_access::object<F>(arm, handler, &detail::finish_join<F, R>);
}

// Ready when the counter of g is 0.
inline select_case completed(wait_group& g) {
  return detail::select_access::object(detail::select_access::arm(g));
}
template <std::invocable F> select_case completed(wait_group& g, F&& handler) {
  return detail::select_access::object<F>(detail::select_access::arm(g), handler, &detail::finish_object<F>);
}

// Ready when a stop has been requested. The token must live until the select is done.
inline select_case stopped(const std::stop_token& token) {
  return detail::select_access::object(detail::object_arm(&token, detail::make_stop_object));
}
template <std::invocable F> select_case stopped(const std::stop_token& token, F&& handler) {
  return detail::select_access::object<F>(detail::object_arm(&token, detail::make_stop_object), handler,
                                          &detail::finish_object<F>);
}

// Ready when the context is over: recv(ctx.done(), f).
inline select_case cancelled(const context& ctx) { return recv(ctx.done()); }
template <std::invocable F> select_case cancelled(const context& ctx, F&& handler) {
  return recv(ctx.done(), std::forward<F>(handler));
}

}  // namespace gos
