// error_group: the part of gos::error_group that needs no types.
//
// INV1 With a limit, slots_ holds one element for each function between its go and its end; so who takes one out at the
//      end always finds one. set_limit changes the channel only while there is none.
// INV2 error_ is written once, by the function that set failed_, before that function's end: the wait that all ends
//      precede may read it.
// INV3 go counts in running_ before it waits for a slot, so that a wait beside it waits for its function, too.
// Rejected: a counter with a condition variable as the limit: the channel is that, and its text in a dump is Go's.
#include <gossamer/error_group.hpp>

#include <gossamer/detail/panic_record.hpp>
#include <string>

namespace gos {

error_group::error_group(const context& parent) : has_context_(true) {
  cancellable made = with_cancel(parent);
  ctx_ = std::move(made.ctx);
  cancel_ = std::move(made.cancel);
}

void error_group::set_limit(int n) {
  // relaxed: who calls rightly is ordered after the ends.
  if (const int active = active_.load(std::memory_order_relaxed); active != 0) {
    detail::throw_panic(
        new detail::panic_record_of<std::string>("errgroup: modify limit while " + std::to_string(active) +
                                                 " goroutines in the group are still active"));
  }
  slots_ = n < 0 ? chan<void>() : make_chan<void>(static_cast<std::size_t>(n));
}

void error_group::fail(std::error_code failed) {
  // relaxed: only one may be the first; error_ is published by the end of the function (INV2).
  if (failed_.exchange(true, std::memory_order_relaxed)) return;
  error_ = failed;
  if (has_context_) cancel_(failed);
}

std::error_code error_group::finish_wait() {
  if (has_context_) cancel_(error_);
  return error_;
}

}  // namespace gos
