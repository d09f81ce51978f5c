// dump_request: dumps that a signal asks for: SIGQUIT, which ends the process, and the signal of GOS_DEBUG=dump_signal=NAME.
//
// The handlers only note the wish and wake sysmon, which writes the dump: the interrupted thread may hold any lock. If
// sysmon does not come, SIGQUIT ends the process all the same, after quit_patience_ns or GOS_DEBUG=crash_limit, whichever is
// shorter.
//
// A program that handles or ignores SIGQUIT when the runtime starts, or at any time later, or has registered it by gos::notify,
// keeps its way. Private to sched.
#pragma once

namespace gos::rt {

// At the start of the runtime.
void dump_requests_init() noexcept;

// On sysmon's thread: writes what is asked for. Does not return if that was SIGQUIT.
void dump_requests_serve() noexcept;

// Something is asked for. seq_cst: pairs with the handlers, against sysmon's announcement that it sleeps.
bool dump_requested() noexcept;

}  // namespace gos::rt
