// stop_arm: the arm of a select that a std::stop_source wins, but for the standard library's part of it. See
// detail/limit.hpp.
#include "park/park.hpp"

#include <gossamer/detail/limit.hpp>

namespace gos::detail {

using namespace gos::rt;

namespace {

// The lock lies in a public class, which does not know spin_lock.
class guard {
 public:
  explicit guard(std::atomic<std::uint32_t>& word) noexcept : word_(word) {
    // acquire: pairs with the store below.
    for (backoff wait; word_.exchange(1, std::memory_order_acquire) != 0;) wait.pause();
  }
  // release: pairs with the exchange above.
  ~guard() { word_.store(0, std::memory_order_release); }
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;

 private:
  std::atomic<std::uint32_t>& word_;
};

}  // namespace

bool stop_core::join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept {
  {
    const guard locked(lock_);
    shared_ = &shared;
    gp_ = gp;
    arm_ = arm;
  }
  // The request comes before this look, or its callback after it sees that we have joined.
  return try_take() && shared.take(arm);
}

void stop_core::leave(bool won) noexcept {
  const guard locked(lock_);
  shared_ = nullptr;
  if (won) race_acquire(this);
}

std::uint8_t stop_core::reason() const noexcept { return static_cast<std::uint8_t>(wait_reason::select); }

void stop_core::stopped() noexcept {
  race_release(this);
  kernel_section kernel;
  goroutine* woken = nullptr;
  {
    const guard locked(lock_);
    if (shared_ != nullptr && shared_->take(arm_)) woken = gp_;
  }
  if (woken != nullptr) ready(woken);
}

}  // namespace gos::detail
