// panic_state: the deferred calls and panics that a goroutine is in the middle of.
//
// They hang at goroutine::panics as one stack of links, innermost first, of two kinds:
//
//   defer_frame  a with_defer (or a running `defer` guard) that has not returned; lives on its stack.
//                While it runs deferred calls because of a panic, `now` says which.
//   in_flight    what belongs to an exception that has left a with_defer and has not reached the next
//                one: the older panics it replaced, the goexit it interrupted. From the heap.
//
// An exception that is neither interesting nor counted travels without a record. What an in_flight
// belongs to may meanwhile have been swallowed by somebody's `catch`; then it is stale and is dropped
// by the next who looks: the frame around it, or the goroutine's end.
//
// INV1 Links are touched by their own goroutine only (or thread: its stand-in has them too).
// INV2 recover() concerns the innermost frame that is running deferred calls, and no other: frames
//      whose body still runs are passed over, as a helper function would be.
// INV3 A goroutine with an unrecovered panic and deferred calls is counted in panicking(), from the
//      first deferred call until recover or the end of the process (SP-06).
#pragma once

#include <cstdint>
#include <exception>
#include <gossamer/panic.hpp>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sched/goroutine.hpp"

namespace gos::rt {

enum class failure_kind : std::uint8_t {
  none,
  panic,    // gos::panic
  foreign,  // any other C++ exception
  goexit,
  forced,   // thread cancellation: runs deferred calls, cannot be recovered
};

struct older_panic {
  panic_value value;
  bool recovered;
};

// One unit in the count of panicking goroutines.
class panicking_token {
 public:
  panicking_token() noexcept = default;
  panicking_token(panicking_token&& other) noexcept : held_(std::exchange(other.held_, false)) {}
  panicking_token& operator=(panicking_token&& other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~panicking_token() { release(); }
  void take() noexcept;
  void release() noexcept;
  bool held() const noexcept { return held_; }

 private:
  bool held_ = false;
};

// What ends the calls of a frame, and its history.
struct failure {
  failure_kind kind = failure_kind::none;
  bool recovered = false;
  panicking_token counted;
  std::exception_ptr exception;
  const std::type_info* type = nullptr;
  std::exception_ptr interrupted_goexit;  // goes on once this panic is recovered (PD-10)
  std::vector<older_panic> older;         // oldest first
};

struct panic_link {
  panic_link* outer = nullptr;
  bool is_frame = false;
};

struct defer_frame : panic_link {
  explicit defer_frame(goroutine* owner) noexcept;
  ~defer_frame();
  defer_frame(const defer_frame&) = delete;
  defer_frame& operator=(const defer_frame&) = delete;

  goroutine* gp;
  failure* now = nullptr;
  bool running = false;  // its deferred calls, no longer its body
};

// Inside a catch block: what is being handled, with its history if it has one. Drops the links above
// `below`: everything there has been unwound.
failure take_current_failure(goroutine* gp, panic_link* below) noexcept;

// A deferred call that ran because of `now` failed with `next`.
void replace_failure(failure& now, failure next);

// The deferred call that recovered `now` has returned. Goexit goes on if `now` had interrupted it.
void finish_recovery(failure& now) noexcept;

// Throws on what `now` stands for, out of frame. Call it inside the catch block if there is one.
[[noreturn]] void throw_on(defer_frame& frame, failure& now);

// The panic as a value: of a C++ exception, a new handle around it.
panic_value failure_value(const failure& f);

// The exception has come to its right end.
void settle(const std::exception_ptr& exception) noexcept;

// Takes off the links above `below`. `ended`: the goroutine is over, so a goexit that somebody's panic
// interrupted has got what it wanted.
void drop_links(goroutine* gp, panic_link* below, bool ended) noexcept;

// Prints the panic and its history as Go does, with the stack, and ends the process with status 2.
[[noreturn]] void report_and_exit(failure& f) noexcept;

}  // namespace gos::rt

namespace gos::detail {

struct panic_record_access {
  static std::uint32_t& count(panic_record& r) noexcept { return r.count_; }
  static panic_value wrap(panic_record* taken_over) noexcept { return panic_value(taken_over); }
  static panic_record* record(const panic_value& v) noexcept { return v.record_; }
  static void set_origin(panic_record& r, void** stack, std::size_t depth, std::uint64_t goroutine) noexcept {
    r.stack_ = stack;
    r.stack_depth_ = depth;
    r.goroutine_ = goroutine;
  }
  static void** stack(const panic_record& r) noexcept { return r.stack_; }
  static std::size_t stack_depth(const panic_record& r) noexcept { return r.stack_depth_; }
  static std::uint64_t goroutine(const panic_record& r) noexcept { return r.goroutine_; }
};

}  // namespace gos::detail
