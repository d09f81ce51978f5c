// defer: running deferred calls, and recover. See include/gossamer/defer.hpp.
//
// The deferred calls of a panic run inside the catch block of their with_defer: destructors of inner
// frames have run (PD-17), no exception is uncaught, so a deferred call may itself panic (PD-18), park,
// and continue on another thread (PD-19).
#include <exception>
#include <gossamer/defer.hpp>
#include <gossamer/panic.hpp>

#include "panic/panic_state.hpp"
#include "panic/throw_stack.hpp"
#include "panic/unhandled.hpp"
#include "park/park.hpp"

namespace gos {

namespace detail {

struct defer_stack_access {
  static deferred* pop(defer_stack& calls) noexcept { return calls.pop(); }
};

namespace {

// Inside a catch block: runs what is left, and goes on with what is then to be thrown.
void run_after_failure(rt::defer_frame& frame, defer_stack& calls) {
  rt::failure now = rt::take_current_failure(frame.gp, &frame);
  frame.now = &now;
  frame.running = true;
  while (deferred* call = defer_stack_access::pop(calls)) {
    try {
      call->finish(call, true);
      if (now.recovered) rt::finish_recovery(now);
    } catch (...) {
      rt::replace_failure(now, rt::take_current_failure(frame.gp, &frame));
    }
  }
  frame.now = nullptr;
  if (now.kind != rt::failure_kind::none) rt::throw_on(frame, now);
}

}  // namespace

void run_with_defer(defer_stack& calls, void (*body)(void* callable, defer_stack& calls), void* callable) {
  rt::defer_frame frame(rt::current_goroutine());
  try {
    body(callable, calls);
    frame.running = true;
    while (deferred* call = defer_stack_access::pop(calls)) call->finish(call, true);
  } catch (const rt::passing_exception&) {  // never: see throw_stack.hpp
  } catch (...) {
    run_after_failure(frame, calls);
  }
}

void run_defer_guard(int uncaught, void (*call)(void* callable), void* callable) {
  rt::defer_frame frame(rt::current_goroutine());
  frame.running = true;
  if (std::uncaught_exceptions() <= uncaught) {
    call(callable);
    return;
  }
  try {
    call(callable);
  } catch (...) {
    rt::fatal_in_unwinding();
  }
}

}  // namespace detail

std::optional<panic_value> recover() {
  auto* link = static_cast<rt::panic_link*>(rt::current_goroutine()->panics);
  for (; link != nullptr; link = link->outer) {
    if (!link->is_frame) continue;
    auto* frame = static_cast<rt::defer_frame*>(link);
    if (!frame->running) continue;
    rt::failure* now = frame->now;
    if (now == nullptr || now->recovered) return std::nullopt;
    if (now->kind != rt::failure_kind::panic && now->kind != rt::failure_kind::foreign) return std::nullopt;
    panic_value value = rt::failure_value(*now);
    now->recovered = true;
    now->counted.release();
    return value;
  }
  return std::nullopt;
}

}  // namespace gos
