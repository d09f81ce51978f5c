// interrupter: ends an operation when a context is over, for as long as it lives.
//
// A goroutine of the context's after_func does it. It is waited for before stop() returns, so that it cannot touch anything later.
#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <utility>

#include <gossamer/error.hpp>

#include "context/node.hpp"

namespace gos::rt {

// How an operation fails whose context is over. Text: `<doing>: operation was canceled`, or `i/o timeout`.
inline std::unexpected<error> given_up(const context& ctx, const std::string& doing) {
  const std::error_code why = ctx.err();
  return std::unexpected(error(why, doing, why == std::errc::timed_out ? "i/o timeout" : "operation was canceled"));
}

class interrupter {
 public:
  // `interrupt` must be callable until the end of the interrupter.
  interrupter(const context& ctx, std::function<void()> interrupt) {
    if (!ctx.done()) return;
    const auto finished = make_chan<void>();
    take_back_ = after_func(ctx, [interrupt = std::move(interrupt), finished] {
      interrupt();
      finished.close();
    });
    finished_ = finished;
  }
  ~interrupter() { stop(); }
  interrupter(const interrupter&) = delete;
  interrupter& operator=(const interrupter&) = delete;

  // From now on it does nothing. True if it has interrupted.
  bool stop() {
    if (!take_back_) return interrupted_;
    if (!take_back_()) {
      finished_.recv();
      interrupted_ = true;
    }
    take_back_ = nullptr;
    return interrupted_;
  }

 private:
  std::function<bool()> take_back_;
  chan<void> finished_;
  bool interrupted_ = false;
};

}  // namespace gos::rt
