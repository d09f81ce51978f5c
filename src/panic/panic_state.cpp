// See panic_state.hpp.
#include "panic/panic_state.hpp"

#include <algorithm>
#include <atomic>
#include <cxxabi.h>
#include <memory>
#include <new>

#include "panic/body.hpp"
#include "panic/exception_record.hpp"
#include "panic/panic_exception.hpp"
#include "panic/throw_stack.hpp"
#include "park/park.hpp"

namespace gos::rt {

namespace {

struct in_flight : panic_link {
  std::uint64_t serial = 0;      // of one of our exceptions, which knows it
  std::exception_ptr exception;  // of another; held, so that its address means it and no later one
  int uncaught = 0;              // std::uncaught_exceptions() at the throw
  failure history;               // older, interrupted_goexit, counted
};

std::atomic<std::uint64_t> last_serial{0};
std::atomic<std::uint32_t> panicking_count{0};

panic_exception* as_panic(const failure& f) noexcept {
  return f.kind == failure_kind::panic ? static_cast<panic_exception*>(exception_object(f.exception)) : nullptr;
}

in_flight* innermost_in_flight(goroutine* gp, panic_link* below) noexcept {
  auto* top = static_cast<panic_link*>(gp->panics);
  return top == below ? nullptr : static_cast<in_flight*>(top);
}

bool belongs_to(const in_flight& record, const failure& f) noexcept {
  if (const panic_exception* p = as_panic(f)) return record.serial != 0 && record.serial == p->flight;
  return record.serial == 0 && record.exception != nullptr && record.exception == f.exception;
}

// Puts what has to travel with the exception under the frame that it is about to leave.
void launch(defer_frame& frame, failure& now) noexcept {
  if (now.older.empty() && now.interrupted_goexit == nullptr && !now.counted.held()) return;
  auto* record = new (std::nothrow) in_flight;
  // A plain thread that ends with one gives it up then. (goroutine_local's hook does so, too.)
  if ((frame.gp->flags & goroutine_flag::thread) != 0 && frame.gp->entry == nullptr) frame.gp->entry = release_panics;
  if (record == nullptr) return;
  record->uncaught = std::uncaught_exceptions();
  if (panic_exception* p = as_panic(now)) {
    // relaxed: only unique numbers are wanted.
    record->serial = p->flight = last_serial.fetch_add(1, std::memory_order_relaxed) + 1;
  } else {
    record->exception = now.exception;
  }
  record->history.older = std::move(now.older);
  record->history.interrupted_goexit = std::move(now.interrupted_goexit);
  record->history.counted = std::move(now.counted);
  // A loop around a with_defer that throws into a `catch` must not pile up records: one as deep in
  // unwinding as this is stale, or belongs to an exception whose handler still runs and loses no more
  // than its history. One with a goexit stays: it tells of a goexit that got lost.
  while (frame.outer != nullptr && !frame.outer->is_frame) {
    auto* old = static_cast<in_flight*>(frame.outer);
    if (old->uncaught < record->uncaught || old->history.interrupted_goexit != nullptr) break;
    frame.outer = old->outer;
    delete old;
  }
  record->outer = frame.outer;
  frame.outer = record;
}

}  // namespace

void panicking_token::take() noexcept {
  if (held_) return;
  held_ = true;
  // release: pairs with panicking(): who sees our end sees that we had begun.
  panicking_count.fetch_add(1, std::memory_order_release);
}

void panicking_token::release() noexcept {
  if (!held_) return;
  held_ = false;
  // release: pairs with panicking().
  panicking_count.fetch_sub(1, std::memory_order_release);
}

// acquire: pairs with take() and release() of panicking_token.
bool panicking() noexcept { return panicking_count.load(std::memory_order_acquire) != 0; }

defer_frame::defer_frame(goroutine* owner) noexcept : gp(owner) {
  is_frame = true;
  outer = static_cast<panic_link*>(gp->panics);
  gp->panics = static_cast<panic_link*>(this);
}

defer_frame::~defer_frame() {
  if (gp->panics != static_cast<panic_link*>(this)) drop_links(gp, this, false);
  gp->panics = outer;
}

void drop_links(goroutine* gp, panic_link* below, bool ended) noexcept {
  while (in_flight* record = innermost_in_flight(gp, below)) {
    gp->panics = record->outer;
    if (ended) settle(record->history.interrupted_goexit);
    delete record;
  }
}

failure take_current_failure(goroutine* gp, panic_link* below) noexcept {
  failure f;
  f.exception = std::current_exception();
  if (f.exception == nullptr) {
    f.kind = failure_kind::forced;
    drop_links(gp, below, false);
    return f;
  }
  f.type = abi::__cxa_current_exception_type();
  if (*f.type == typeid(goexit_exception)) {
    f.kind = failure_kind::goexit;
  } else {
    f.kind = *f.type == typeid(panic_exception) ? failure_kind::panic : failure_kind::foreign;
    if ((gp->flags & goroutine_flag::thread) == 0) f.counted.take();
  }
  while (in_flight* record = innermost_in_flight(gp, below)) {
    if (belongs_to(*record, f)) {
      f.older = std::move(record->history.older);
      f.interrupted_goexit = std::move(record->history.interrupted_goexit);
    }
    gp->panics = record->outer;
    delete record;
  }
  return f;
}

void replace_failure(failure& now, failure next) {
  const bool same = next.exception != nullptr && next.exception == now.exception;
  if (next.kind == failure_kind::goexit) {
    // Cancels the panic (PD-11), or takes an earlier goexit's place.
    if (!same) settle(now.exception);
    settle(now.interrupted_goexit);
    now = std::move(next);
    return;
  }
  std::vector<older_panic> older = std::move(now.older);
  std::exception_ptr goexit = std::move(now.interrupted_goexit);
  if (now.kind == failure_kind::goexit) {
    goexit = std::move(now.exception);
  } else if (now.kind != failure_kind::forced) {
    // A panic thrown on as it was, and not recovered meanwhile, is no second panic.
    if (!same || now.recovered) older.push_back({failure_value(now), now.recovered});
    if (!same) settle(now.exception);
  }
  for (older_panic& each : next.older) older.push_back(std::move(each));
  next.older = std::move(older);
  if (next.interrupted_goexit == nullptr) {
    next.interrupted_goexit = std::move(goexit);
  } else {
    settle(goexit);
  }
  now = std::move(next);
}

void finish_recovery(failure& now) noexcept {
  settle(now.exception);
  std::exception_ptr goexit = std::move(now.interrupted_goexit);
  now = failure{};
  if (goexit != nullptr) {
    now.kind = failure_kind::goexit;
    now.type = &typeid(goexit_exception);
    now.exception = std::move(goexit);
  }
}

void throw_on(defer_frame& frame, failure& now) {
  launch(frame, now);
  if (now.kind == failure_kind::panic || now.kind == failure_kind::goexit) {
    note_thrown(exception_object(now.exception), now.kind == failure_kind::goexit);
  }
  if (now.kind == failure_kind::forced || now.exception == std::current_exception()) throw;
  std::rethrow_exception(std::move(now.exception));
}

panic_value failure_value(const failure& f) {
  if (const panic_exception* p = as_panic(f)) return p->value;
  auto* record = new exception_record(f.exception, f.type);
  panic_value value = detail::panic_record_access::wrap(record);
  const goroutine* gp = current_goroutine();
  if (const throw_stack* stack = throw_stack_of(gp, f.exception)) {
    auto kept = std::make_unique<void*[]>(stack->depth);
    std::copy_n(stack->frames, stack->depth, kept.get());
    detail::panic_record_access::set_origin(*record, kept.release(), stack->depth, gp->id);
  }
  return value;
}

// Asked for its type, not thrown once more to see who catches it, which would cost as much again.
void settle(const std::exception_ptr& exception) noexcept {
  if (exception == nullptr) return;
  const std::type_info& type = *exception.__cxa_exception_type();
  void* const object = exception_object(exception);
  if (type == typeid(panic_exception)) static_cast<panic_exception*>(object)->settled = true;
  else if (type == typeid(goexit_exception)) static_cast<goexit_exception*>(object)->settled = true;
}

}  // namespace gos::rt
