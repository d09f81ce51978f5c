// join: the shared state of gos::spawn. See include/gossamer/detail/join.hpp.
//
// Two owners, handle and goroutine; the one that leaves last deletes. bits_ decides every race:
// who sees the other's bit set does what is left to do.
#include <gossamer/detail/join.hpp>

#include <gossamer/detail/raise.hpp>

#include <utility>

#include "panic/body.hpp"
#include "park/park.hpp"

namespace gos::detail {

namespace {
constexpr std::uint32_t handle_gone = 1;
constexpr std::uint32_t finished = 2;
constexpr std::uint32_t joiner_waits = 4;
}  // namespace

void join_state::wait() {
  rt::kernel_section kernel;
  // relaxed: published by the fetch_or below.
  waiter_.store(rt::self(), std::memory_order_relaxed);
  // acq_rel: pairs with finish(): either it sees that we wait, or we see that it has finished.
  const std::uint32_t before = bits_.fetch_or(joiner_waits, std::memory_order_acq_rel);
  if ((before & finished) == 0) rt::park(rt::wait_reason::join, this);
  rt::race_acquire(this);
}

void join_state::finish() noexcept {
  rt::race_release(this);
  std::uint32_t before = 0;
  {
    rt::kernel_section kernel;
    // acq_rel: pairs with wait() and drop_handle().
    before = bits_.fetch_or(finished, std::memory_order_acq_rel);
    // relaxed: written before joiner_waits, seen through the fetch_or. A joiner that waits keeps the
    // state alive until it has been made ready.
    if ((before & joiner_waits) != 0) rt::ready(static_cast<rt::goroutine*>(waiter_.load(std::memory_order_relaxed)));
  }
  if ((before & handle_gone) == 0) return;
  if (exception_ != nullptr) rt::unhandled_exception(exception_);  // kept just before the handle went
  delete this;
}

bool join_state::keep_exception() noexcept {
  if (rt::current_exception_is_goexit()) return false;
  // acquire: pairs with drop_handle().
  if ((bits_.load(std::memory_order_acquire) & handle_gone) != 0) return false;
  exception_ = std::current_exception();
  return true;
}

void join_state::drop_handle() noexcept {
  rt::race_release(this);
  // acq_rel: pairs with finish().
  const std::uint32_t before = bits_.fetch_or(handle_gone, std::memory_order_acq_rel);
  if ((before & finished) == 0) return;
  rt::race_acquire(this);
  if (exception_ != nullptr) rt::unhandled_exception(exception_);  // PD-12: nobody can join it any more
  delete this;
}

void join_state::rethrow_outcome() {
  if (exception_ != nullptr) std::rethrow_exception(std::exchange(exception_, nullptr));
  if (!returned) raise_runtime_error("join of a goroutine that ended by goexit");
}

void join_wait(join_state* state) {
  if (state == nullptr) raise_runtime_error("join of an empty handle");
  state->wait();
  state->rethrow_outcome();
}

}  // namespace gos::detail
