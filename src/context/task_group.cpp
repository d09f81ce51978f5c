// task_group: the part of gos::task_group that needs no types.
//
// INV1 A failure is in failures_ before its task's end counts; so after the wait for all of them none is missing.
// Rejected: keeping only the first: a group whose tasks fail for different reasons could not be understood.
#include <gossamer/task_group.hpp>

#include <optional>
#include <system_error>

#include "base/race.hpp"

namespace gos {

namespace {

// The group's lock. src is not instrumented for the race detector, so the edges are stated here.
class holding {
 public:
  explicit holding(mutex& lock) : lock_(lock) {
    lock_.lock();
    rt::race_acquire(&lock_);
  }
  ~holding() {
    rt::race_release(&lock_);
    lock_.unlock();
  }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;

 private:
  mutex& lock_;
};

}  // namespace

task_group::task_group(const context& parent) {
  cancellable made = with_cancel(parent);
  ctx_ = std::move(made.ctx);
  cancel_ = std::move(made.cancel);
}

void task_group::fail(panic_value why) {
  std::error_code cause;
  if (const auto* error = why.value<std::system_error>()) cause = error->code();
  {
    const holding guard(lock_);
    failures_.push_back(std::move(why));
  }
  cancel_(cause);
}

std::vector<panic_value> task_group::failures() const {
  const holding guard(lock_);
  return failures_;
}

void task_group::throw_first() {
  std::optional<panic_value> first;
  {
    const holding guard(lock_);
    if (thrown_ || failures_.empty()) return;
    thrown_ = true;
    first = failures_.front();
  }
  panic(*first);
}

void task_group::finish(bool unwinding) {
  cancel_();
  if (!unwinding) throw_first();
}

}  // namespace gos
