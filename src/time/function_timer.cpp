// function_timer: after_func, a call in the future, on a goroutine of its own.
//
// fire must not allocate or fail, so the goroutine that will run the call is prepared when the timer is set, in user
// mode; fire only starts it.
//
// INV1 armed, due_ns and ticket are guarded by lock. While armed there is a prepared goroutine in ticket.
// INV2 references: one for the handle, one while armed or from the start of a call until its end. fire passes the
//      timer's to the call. Who drops the last one destroys the timer, in user mode, outside of the lock.
#include <gossamer/time.hpp>

#include <memory>
#include <optional>
#include <utility>

#include "park/park.hpp"
#include "platform/clock.hpp"
#include "time/alarm.hpp"

namespace gos {

namespace {

using namespace gos::rt;

std::int64_t function_timer_fire(rt::timer* due, std::int64_t now_ns) noexcept;

}  // namespace

struct detail::function_timer : rt::alarm {
  explicit function_timer(timed_function* call) noexcept : alarm(function_timer_fire), function(call) {}

  void release() noexcept {
    // acq_rel: pairs with itself; what the calls did happens before the end of the function.
    if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    race_acquire(&references);
    {
      kernel_section kernel;
      rt::timer_stop(*this);  // the tail of its last fire
    }
    delete this;
  }

  const std::unique_ptr<timed_function> function;
  void* site = nullptr;  // the statement that made it
  std::atomic<std::uint32_t> references{1};
  spin_lock lock;
  bool armed = false;
  std::int64_t due_ns = 0;
  spawn_ticket ticket{};
};

namespace {

using detail::function_timer;

// What the goroutine's storage holds, and its body.
struct timed_body {
  function_timer* timer;
};

void run_body(void* storage) {
  struct release_at_end {
    function_timer* timer;
    ~release_at_end() {
      race_release(&timer->references);
      timer->release();
    }
  } at_end{static_cast<timed_body*>(storage)->timer};
  race_acquire(at_end.timer);
  at_end.timer->function->call();
}

std::int64_t function_timer_fire(rt::timer* due, std::int64_t) noexcept {
  function_timer& t = *static_cast<function_timer*>(due);
  std::optional<detail::spawn_ticket> started;
  std::int64_t again_ns = 0;
  t.enter();
  {
    spin_guard guard(t.lock);
    t.begin();
    if (t.armed && t.due_ns > monotonic_ns()) {
      again_ns = t.again(t.due_ns);
    } else {
      if (t.armed) started = t.ticket;
      t.armed = false;
      again_ns = t.rest();
    }
  }
  if (started.has_value()) detail::spawn_commit_in_kernel(*started, run_body, t.site);
  return again_ns;
}

// Sets the timer if it is armed already.
bool move_if_armed(function_timer& t, std::int64_t due_ns) noexcept {
  kernel_section kernel;
  spin_guard guard(t.lock);
  if (!t.armed) return false;
  t.due_ns = due_ns;
  t.set(due_ns);
  return true;
}

// Sets the timer; true if it was armed. User mode.
bool set_timer(function_timer& t, std::int64_t ns) {
  const std::int64_t due_ns = detail::moment_after(monotonic_ns(), ns > 0 ? ns : 0);
  race_release(&t);
  if (move_if_armed(t, due_ns)) return true;
  const detail::spawn_ticket ticket = detail::spawn_begin(sizeof(timed_body), alignof(timed_body), nullptr);
  ::new (ticket.storage) timed_body{&t};
  {
    kernel_section kernel;
    spin_guard guard(t.lock);
    if (!t.armed) {
      // relaxed: the caller has a reference.
      t.references.fetch_add(1, std::memory_order_relaxed);
      t.ticket = ticket;
      t.armed = true;
      t.due_ns = due_ns;
      t.set(due_ns);
      return false;
    }
    t.due_ns = due_ns;  // another reset came first
    t.set(due_ns);
  }
  detail::spawn_abort(ticket);
  return true;
}

}  // namespace

detail::function_timer* detail::function_timer_make(timed_function* function, std::int64_t ns) {
  std::unique_ptr<timed_function> owned(function);
  auto made = std::make_unique<function_timer>(owned.get());
  owned.release();
  made->site = __builtin_return_address(0);
  set_timer(*made, ns);
  return made.release();
}

bool detail::function_timer_reset(function_timer* t, std::int64_t ns) { return set_timer(*t, ns); }

bool detail::function_timer_stop(function_timer* t) noexcept {
  spawn_ticket unused{};
  {
    kernel_section kernel;
    spin_guard guard(t->lock);
    if (!t->armed) return false;
    t->armed = false;
    t->cancel();
    unused = t->ticket;
  }
  spawn_abort(unused);
  t->release();
  return true;
}

void detail::function_timer_release(function_timer* t) noexcept { t->release(); }

}  // namespace gos
