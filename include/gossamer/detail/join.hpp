// join: the shared state of a spawned goroutine and its join_handle.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <gossamer/detail/limit.hpp>
#include <gossamer/detail/spawn.hpp>

namespace gos::rt {
struct waiter;
}

namespace gos::detail {

class join_object;
void make_join_object(void* to, void* from);

// What the typed state derives from. Two owners: the handle and the goroutine.
class join_state {
 public:
  join_state() = default;
  join_state(const join_state&) = delete;
  join_state& operator=(const join_state&) = delete;
  virtual ~join_state() = default;

  void wait();            // by the handle: until finish()
  bool is_finished() const noexcept;  // without waiting
  void finish() noexcept; // by the goroutine: the outcome is stored; wakes the joiner, drops its share
  // By the goroutine, inside a catch block: keeps the exception for the handle. False if nobody can
  // join any more: then the exception belongs to the goroutine.
  bool keep_exception() noexcept;
  void drop_handle() noexcept;  // by the handle: detaches; a kept exception ends the process
  void rethrow_outcome();       // after wait(): throws what ended the goroutine, if anything

  bool returned = false;  // written by the goroutine before finish()
  void* goroutine = nullptr;  // the rt::goroutine, for dumps; immutable after the spawn

 private:
  friend class join_object;
  bool announce(rt::waiter& me) noexcept;
  void wake_joiner() noexcept;

  // Bits: handle dropped, goroutine finished, joiner waits, joiner is left alone. waiter_ is the joiner's.
  std::atomic<std::uint32_t> bits_{0};
  std::atomic<rt::waiter*> waiter_{nullptr};
  std::exception_ptr exception_;
};

template <class R>
class join_result final : public join_state {
 public:
  using stored = std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, R>;
  std::optional<stored> value;
};
template <>
class join_result<void> final : public join_state {};

// Holds the handle's share during join().
template <class R>
class join_owner {
 public:
  explicit join_owner(join_result<R>* state) : state_(state) {}
  join_owner(const join_owner&) = delete;
  join_owner& operator=(const join_owner&) = delete;
  ~join_owner() {
    if (state_ != nullptr) state_->drop_handle();
  }

  R take() {
    wait_or_panic(state_);
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(**state_->value);
    } else if constexpr (!std::is_void_v<R>) {
      return std::move(*state_->value);
    }
  }

 private:
  static void wait_or_panic(join_state* state);

  join_result<R>* state_;
};

void join_wait(join_state* state);  // waits, rethrows; panics on null

template <class R>
void join_owner<R>::wait_or_panic(join_state* state) {
  join_wait(state);
}

// The body of a goroutine that has a handle.
template <class R, class F, class... A>
struct joined_call {
  template <class F2, class... A2>
  explicit joined_call(join_result<R>* s, F2&& f, A2&&... a)
      : state(s), call(std::in_place, std::forward<F2>(f), std::forward<A2>(a)...) {}

  void operator()() {
    struct finish {
      joined_call* self;
      ~finish() {
        self->call.reset();  // the callable is gone before the joiner goes on
        self->state->finish();
      }
    } at_end{this};
    try {
      if constexpr (std::is_void_v<R>) {
        (*call)();
      } else if constexpr (std::is_reference_v<R>) {
        state->value = std::addressof((*call)());
      } else {
        state->value.emplace((*call)());
      }
      state->returned = true;
    } catch (...) {
      if (!state->keep_exception()) throw;
    }
  }

  void runs_on(void* goroutine) noexcept { state->goroutine = goroutine; }

  join_result<R>* state;
  std::optional<bound_call<F, A...>> call;
};

}  // namespace gos::detail
