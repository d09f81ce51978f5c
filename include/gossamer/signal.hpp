// signal: the process's signals as values of a channel, so that a select can wait for them; and as the end of a context.
//
//   auto signals = gos::make_chan<int>(1);
//   gos::notify(signals, SIGINT, SIGTERM);             // <csignal>
//   gos::select(gos::recv(work, handle),
//               gos::recv(signals, [](std::optional<int> which) { shut_down(*which); }));
//
//   auto [ctx, stop] = gos::notify_context(gos::background(), SIGINT);
//   gos::cancel_guard guard(stop);
//   serve(ctx);                                        // ctx is over when somebody presses Ctrl-C
//
// A signal that somebody is registered for loses the effect that it had (to end the process, to be ignored, a
// handler of the program's own); with the last registration for it that effect comes back. Relayed can be all signals but
// SIGKILL, SIGSTOP, the faults SIGSEGV, SIGBUS, SIGFPE and SIGILL, and those that the C library keeps for itself; to
// name one of these has no effect. Interrupted system calls are restarted.
//
// Nobody waits for a receiver: a value that finds no room is dropped, so a channel should have room for as many as must
// not be missed: 1, when one kind is registered and it counts whether, not how often. Several signals of one kind in quick
// succession may be one, as always with signals.
//
// Everything here may be called from any goroutine or plain thread. It is not for signal handlers. A thread of its own
// passes the signals on from the first registration on; it is no goroutine and does not keep the process alive.
// Memory: notify and stop_notify order nothing but themselves; a send orders as of any channel.
// Source: Go os/signal; contract section 16 (SG).
#pragma once

#include <concepts>
#include <initializer_list>
#include <system_error>
#include <utility>

#include <gossamer/chan.hpp>
#include <gossamer/context.hpp>

namespace gos {

namespace detail {
void signal_notify(send_chan<int> ch, std::initializer_list<int> signals);
cancellable signal_context(const context& parent, std::initializer_list<int> signals);
}  // namespace detail

// From now on each of these signals is sent to ch, as its number; without any named, all. Further calls with the same channel add
// to what it gets. Each registered channel gets its own copy. Do not close a channel that is registered: the next
// signal would panic. Panics with `os/signal: Notify using nil channel`.
template <std::same_as<int>... Signal> void notify(send_chan<int> ch, Signal... signals) {
  detail::signal_notify(std::move(ch), {signals...});
}

// Ends all registrations of ch. On return nothing more is sent to it, and no signal was lost: each has been sent (or
// dropped, for want of room) or had its former effect. Nothing for a channel that is not registered.
void stop_notify(send_chan<int> ch);

// A context that is over when one of these signals comes (without any named: any), the parent is over, or its cancel is
// called. After a signal its cause is of signal_category(). The signals keep losing their former effect until
// cancel is called, also when the context is over: call it in any case. Panics as with_cancel does.
template <std::same_as<int>... Signal> cancellable notify_context(const context& parent, Signal... signals) {
  return detail::signal_context(parent, {signals...});
}

// Why such a context is over: value() is the signal's number, message() is `interrupt signal received` and the like. Equal
// to std::errc::operation_canceled.
const std::error_category& signal_category() noexcept;

}  // namespace gos
