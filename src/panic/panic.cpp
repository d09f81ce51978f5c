// panic: raising, and the value that goes with it. See include/gossamer/panic.hpp.
#include <algorithm>
#include <atomic>
#include <gossamer/panic.hpp>
#include <memory>

#include "base/race.hpp"
#include "panic/exception_record.hpp"
#include "panic/panic_exception.hpp"
#include "panic/panic_state.hpp"
#include "panic/stack_trace.hpp"
#include "panic/unhandled.hpp"
#include "park/park.hpp"
#include "platform/unwind.hpp"

namespace gos {

namespace detail {

panic_record::~panic_record() { delete[] stack_; }

void panic_record_share(panic_record* record) noexcept {
  if (record == nullptr) return;
  // relaxed: the caller has a share, so the record stays.
  std::atomic_ref(panic_record_access::count(*record)).fetch_add(1, std::memory_order_relaxed);
}

void panic_record_drop(panic_record* record) noexcept {
  if (record == nullptr) return;
  rt::race_release(record);
  // acq_rel: pairs with itself: the last one sees what all others did with the record.
  if (std::atomic_ref(panic_record_access::count(*record)).fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  rt::race_acquire(record);
  delete record;
}

// Not inlined: the frames to leave out of the stack are counted.
[[gnu::noinline]] void throw_panic(panic_record* record) {
  constexpr std::size_t most = 128;
  panic_value value = panic_record_access::wrap(record);
  void* stack[most];
  const std::size_t depth = rt::unwind_here(stack, most, 1);
  auto kept = std::make_unique<void*[]>(depth);
  std::copy_n(stack, depth, kept.get());
  panic_record_access::set_origin(*record, kept.release(), depth, rt::current_goroutine()->id);
  rt::watch_for_terminate();
  throw rt::panic_exception(std::move(value));
}

void throw_nil_panic() { raise_runtime_error("panic called with nil argument"); }

void raise_runtime_error(const char* text) { throw_panic(new panic_record_of<runtime_error>(runtime_error(text))); }

}  // namespace detail

using access = detail::panic_record_access;

std::string panic_value::message() const { return record_ != nullptr ? record_->text() : std::string(); }

std::string panic_value::stack_trace() const {
  if (record_ == nullptr) return {};
  return rt::describe_stack(access::stack(*record_), access::stack_depth(*record_));
}

bool panic_value::is_runtime_error() const {
  return record_ != nullptr && record_->find(typeid(detail::runtime_error)) != nullptr;
}

void panic(const panic_value& value) {
  detail::panic_record* record = access::record(value);
  if (record == nullptr) detail::throw_nil_panic();
  // A C++ exception goes on as what it is, so that a `catch` further out still knows it.
  if (const auto* exception = dynamic_cast<const rt::exception_record*>(record)) exception->raise();
  rt::watch_for_terminate();
  throw rt::panic_exception(value);
}

}  // namespace gos
