// join: the shared state of gos::spawn. See include/gossamer/detail/join.hpp.
//
// Two owners, handle and goroutine; the one that leaves last deletes. bits_ decides every race:
// who sees the other's bit set does what is left to do.
#include <gossamer/detail/join.hpp>

#include <gossamer/detail/raise.hpp>

#include <utility>

#include "base/spin.hpp"
#include "panic/body.hpp"
#include "park/park.hpp"

namespace gos::detail {

namespace {
constexpr std::uint32_t handle_gone = 1;
constexpr std::uint32_t finished = 2;
constexpr std::uint32_t joiner_waits = 4;
constexpr std::uint32_t joiner_seen = 8;  // finish() is done with a joiner that shares a claim
}  // namespace

// By the handle, in kernel mode: from now on finish() wakes me. False: it has been called.
bool join_state::announce(rt::waiter& me) noexcept {
  // relaxed: published by the fetch_or below.
  waiter_.store(&me, std::memory_order_relaxed);
  // acq_rel: pairs with finish(): either it sees that we wait, or we see that it has finished.
  return (bits_.fetch_or(joiner_waits, std::memory_order_acq_rel) & finished) == 0;
}

void join_state::wait() {
  rt::kernel_section kernel;
  rt::waiter me;
  me.gp = rt::self();
  if (announce(me)) rt::park(rt::wait_reason::join, this);
  rt::race_acquire(this);
}

bool join_state::is_finished() const noexcept {
  // acquire: pairs with finish().
  const bool is = (bits_.load(std::memory_order_acquire) & finished) != 0;
  if (is) rt::race_acquire(this);
  return is;
}

void join_state::finish() noexcept {
  rt::race_release(this);
  std::uint32_t before = 0;
  {
    rt::kernel_section kernel;
    // acq_rel: pairs with announce() and drop_handle().
    before = bits_.fetch_or(finished, std::memory_order_acq_rel);
    // A joiner that waits keeps the state alive until it has been made ready, or has seen joiner_seen.
    if ((before & joiner_waits) != 0) wake_joiner();
  }
  if ((before & handle_gone) == 0) return;
  if (exception_ != nullptr) rt::unhandled_exception(exception_);  // kept just before the handle went
  delete this;
}

void join_state::wake_joiner() noexcept {
  // relaxed: written before joiner_waits, seen through the fetch_or.
  const rt::waiter* const joiner = waiter_.load(std::memory_order_relaxed);
  rt::goroutine* gp = joiner->gp;
  if (joiner->shared != nullptr) {
    if (!joiner->shared->take(joiner->arm)) gp = nullptr;
    // release: pairs with join_object::leave(), after which joiner and state may be gone.
    bits_.fetch_or(joiner_seen, std::memory_order_release);
  }
  if (gp != nullptr) rt::ready(gp);
}

// The arm of a select that waits for the goroutine's end. It takes nothing: join() follows.
class join_object final : public select_object {
 public:
  explicit join_object(join_state& state) noexcept : state_(state) {}

  bool try_take() noexcept override { return state_.is_finished(); }

  bool join(rt::claim& shared, rt::goroutine* gp, std::uint32_t arm) noexcept override {
    me_ = {.gp = gp, .shared = &shared, .arm = arm};
    announced_ = state_.announce(me_);
    return !announced_ && shared.take(arm);
  }

  void leave(bool won) noexcept override {
    // acq_rel: pairs with finish().
    if (announced_ && (state_.bits_.fetch_and(~joiner_waits, std::memory_order_acq_rel) & finished) != 0) {
      // acquire: pairs with wake_joiner().
      for (rt::backoff wait; (state_.bits_.load(std::memory_order_acquire) & joiner_seen) == 0;) wait.pause();
    }
    if (won) rt::race_acquire(&state_);
  }

  std::uint8_t reason() const noexcept override { return static_cast<std::uint8_t>(rt::wait_reason::join); }
  const void* address() const noexcept override { return &state_; }

 private:
  join_state& state_;
  rt::waiter me_;
  bool announced_ = false;
};

void make_join_object(void* to, void* from) {
  static_assert(sizeof(join_object) <= select_object_room);
  auto* const state = static_cast<join_state*>(static_cast<const select_arm*>(from)->element);
  if (state == nullptr) raise_runtime_error("wait for an empty join_handle");
  ::new (to) join_object(*state);
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
