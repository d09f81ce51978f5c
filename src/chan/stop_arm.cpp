// stop_arm: the arm of a select that a std::stop_source wins.
//
// INV1 shared_ is set while the arm is joined, under the lock. The callback takes the claim under the lock, so after
//      leave() it touches nothing of the select's frame.
// INV2 std::stop_callback is made and ended in user mode: its end waits for a callback that is running, which may have given
//      its processor away.
#include <stop_token>

#include "park/park.hpp"

#include <gossamer/detail/limit.hpp>

namespace gos::detail {

using namespace gos::rt;

namespace {

class stop_object final : public select_object {
 public:
  explicit stop_object(const std::stop_token& token) : token_(token), callback_(token, on_stop{this}) {}

  bool try_take() noexcept override { return token_.stop_requested(); }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    {
      spin_guard guard(lock_);
      shared_ = &shared;
      gp_ = gp;
      arm_ = arm;
    }
    // The request comes before this look, or its callback after it sees that we have joined.
    return token_.stop_requested() && shared.take(arm);
  }

  void leave(bool) noexcept override {
    spin_guard guard(lock_);
    shared_ = nullptr;
  }

  std::uint8_t reason() const noexcept override { return static_cast<std::uint8_t>(wait_reason::select); }
  const void* address() const noexcept override { return nullptr; }

 private:
  struct on_stop {
    stop_object* self;
    void operator()() const noexcept { self->stopped(); }
  };

  // On the thread that requests the stop, in user mode.
  void stopped() noexcept {
    kernel_section kernel;
    goroutine* woken = nullptr;
    {
      spin_guard guard(lock_);
      if (shared_ != nullptr && shared_->take(arm_)) woken = gp_;
    }
    if (woken != nullptr) ready(woken);
  }

  const std::stop_token token_;
  spin_lock lock_;  // guards the three below
  claim* shared_ = nullptr;
  goroutine* gp_ = nullptr;
  std::uint32_t arm_ = 0;
  std::stop_callback<on_stop> callback_;  // last: it may run at once
};

}  // namespace

void make_stop_object(void* to, void* from) {
  static_assert(sizeof(stop_object) <= select_object_room);
  ::new (to) stop_object(*static_cast<const std::stop_token*>(static_cast<const select_arm*>(from)->element));
}

}  // namespace gos::detail
