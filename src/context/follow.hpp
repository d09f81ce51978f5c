// follow: something that is done when a context is over, by who must know afterwards whether it was.
#pragma once

#include <gossamer/chan.hpp>
#include <gossamer/context.hpp>

#include <functional>
#include <utility>

namespace gos::rt {

// Calls `act` once, in a goroutine of its own, if ctx is over while this lives.
class follower {
 public:
  template <class F> follower(const context& ctx, F act) {
    if (!ctx.done()) return;
    finished_ = make_chan<void>();
    take_back_ = after_func(ctx, [finished = finished_, act = std::move(act)] {
      act();
      finished.close();
    });
  }
  ~follower() { stop(); }
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;

  // From now on `act` neither runs nor will. True if it did.
  bool stop() {
    if (!take_back_) return acted_;
    if (!take_back_()) {
      finished_.recv();
      acted_ = true;
    }
    take_back_ = nullptr;
    return acted_;
  }

 private:
  std::function<bool()> take_back_;
  chan<void> finished_;
  bool acted_ = false;
};

}  // namespace gos::rt
