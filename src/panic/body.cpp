// See body.hpp.
#include "panic/body.hpp"

#include <cxxabi.h>
#include <utility>

#include "base/fatal.hpp"
#include "panic/panic_exception.hpp"
#include "panic/panic_state.hpp"
#include "panic/throw_stack.hpp"
#include "park/park.hpp"

namespace gos::rt {

namespace {

// Inside a catch block: what was thrown has reached the goroutine's end.
[[gnu::cold, gnu::noinline]] void end_by_exception() noexcept {
  failure f = take_current_failure(current_goroutine(), nullptr);
  if (f.kind == failure_kind::goexit) {
    settle(f.exception);
    return;
  }
  if (f.kind == failure_kind::forced) {
    fatal("gossamer: a goroutine was unwound by pthread_exit or by the cancellation of its thread");
  }
  report_and_exit(f);
}

}  // namespace

void run_goroutine_body(goroutine* gp) noexcept {
  try {
    gp->body(gp->closure);
  } catch (const passing_exception&) {  // never: see throw_stack.hpp
  } catch (...) {
    end_by_exception();
  }
  if (gp->panics != nullptr) [[unlikely]] release_panics(gp);
}

void release_panics(goroutine* gp) noexcept { drop_links(gp, nullptr, true); }

bool current_exception_is_goexit() noexcept {
  // Another language's exception, or thread cancellation, has no type that could be asked for.
  if (std::current_exception() == nullptr) return false;
  return *abi::__cxa_current_exception_type() == typeid(goexit_exception);
}

void unhandled_exception(std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (...) {
    failure f;
    f.exception = std::current_exception();
    f.type = abi::__cxa_current_exception_type();
    f.kind = *f.type == typeid(panic_exception) ? failure_kind::panic : failure_kind::foreign;
    report_and_exit(f);
  }
}

}  // namespace gos::rt
