// See poll_desc.hpp.
#include "io/poll_desc.hpp"

#include <gossamer/error.hpp>

#include <cerrno>

#include "base/assert.hpp"
#include "io/kernel_calls.hpp"
#include "platform/clock.hpp"
#include "platform/poller.hpp"
#include "sched/wait_note.hpp"

namespace gos::rt {

namespace {
// Values of a slot; anything else is the goroutine that waits.
constexpr std::uintptr_t nothing = 0;
constexpr std::uintptr_t happened = 1;

goroutine* goroutine_in(std::uintptr_t slot) noexcept {
  return slot <= happened ? nullptr : reinterpret_cast<goroutine*>(slot);
}

bool passed(std::int64_t deadline_ns) noexcept { return deadline_ns != no_deadline_ns && deadline_ns <= monotonic_ns(); }
}  // namespace

poll_desc::poll_desc() noexcept {
  on_event = event;
  poll_source::describe = describe;
  for (side& s : sides_) s.fire = fire;
}

void poll_desc::open(int fd) noexcept {
  GOS_ASSERT(mutex_.closed());
  for (side& s : sides_) {
    // relaxed (all): nobody else uses the desc yet, but for an event of the last descriptor that comes late, and that may
    // leave its mark before or after this.
    s.slot.store(nothing, std::memory_order_relaxed);
    s.deadline_ns.store(no_deadline_ns, std::memory_order_relaxed);
    s.armed_ns.store(0, std::memory_order_relaxed);
  }
  registered_.store(false, std::memory_order_relaxed);
  closer_.store(nothing, std::memory_order_relaxed);
  fd_.store(fd, std::memory_order_relaxed);
  mutex_.reopen();
}

int poll_desc::fd() const noexcept {
  // relaxed: who is inside the desc got it with its reference; others only look.
  return fd_.load(std::memory_order_relaxed);
}

std::error_code poll_desc::look(direction d) noexcept {
  if (mutex_.closed()) return io_errc::closed;
  // seq_cst: pairs with the store in set_deadline() (INV2).
  if (passed(side_of(d).deadline_ns.load(std::memory_order_seq_cst))) return io_errc::timeout;
  return {};
}

std::error_code poll_desc::prepare(direction d) noexcept {
  side& s = side_of(d);
  // An event from before this operation tells nothing: the try that follows sees what it announced.
  // relaxed: a hint; a mark that is missed costs one more try. acq_rel: pairs with the exchange in event(): what that
  // event announced is visible to the try, so the mark may be taken away.
  if (s.slot.load(std::memory_order_relaxed) == happened) s.slot.exchange(nothing, std::memory_order_acq_rel);
  return look(d);
}

int poll_desc::watch_now() noexcept {
  const int error = poll_register(*this, fd());
  // release: pairs with the loads in watch() and destroy().
  if (error == 0) registered_.store(true, std::memory_order_release);
  return error;
}

// Registers the descriptor with the poller if that has not been done. Returns 0 or an errno value.
int poll_desc::watch() noexcept {
  // acquire: pairs with the store in watch_now().
  if (registered_.load(std::memory_order_acquire)) return 0;
  const int error = watch_now();
  return error == EEXIST ? 0 : error;  // the other direction was faster
}

// INV2: the caller stands in the slot. Looks at everything that would have woken it, and makes sure of the deadline.
bool poll_desc::must_not_park(direction d) noexcept {
  if (look(d)) return true;
  side& s = side_of(d);
  // seq_cst: as in look(). A deadline that is moved after this is the business of who moves it.
  const std::int64_t deadline_ns = s.deadline_ns.load(std::memory_order_seq_cst);
  if (deadline_ns != no_deadline_ns) arm(s, deadline_ns);
  return false;
}

std::error_code poll_desc::wait(direction d) noexcept {
  if (const int error = watch(); error != 0) return {error, std::system_category()};
  side& s = side_of(d);
  kernel_section kernel;
  goroutine* const gp = self();
  const auto me = reinterpret_cast<std::uintptr_t>(gp);
  poll_waiters_add(1);
  std::uintptr_t slot = nothing;
  // seq_cst: INV2. acquire on failure: pairs with the exchange in event(): the next try sees what was announced.
  if (s.slot.compare_exchange_strong(slot, me, std::memory_order_seq_cst, std::memory_order_acquire)) {
    slot = me;
    // seq_cst: INV1; a failure means that a wake-up is on its way and must be taken. acquire: pairs with wake() and event().
    const bool taken_back = must_not_park(d) && s.slot.compare_exchange_strong(slot, nothing, std::memory_order_seq_cst,
                                                                               std::memory_order_acquire);
    if (!taken_back) park(wait_reason::io_wait, static_cast<poll_source*>(this));
  }
  // acq_rel: as in prepare().
  s.slot.exchange(nothing, std::memory_order_acq_rel);
  poll_waiters_add(-1);
  return look(d);
}

void poll_desc::wake(side& s) noexcept {
  // seq_cst: INV2, this is the look of who closes, moves a deadline or fires.
  std::uintptr_t slot = s.slot.load(std::memory_order_seq_cst);
  while (goroutine* gp = goroutine_in(slot)) {
    // seq_cst: INV1. relaxed on failure: looked at again, and a slot that changed has had its wake-up.
    if (s.slot.compare_exchange_weak(slot, nothing, std::memory_order_seq_cst, std::memory_order_relaxed)) {
      ready(gp);
      return;
    }
  }
}

void poll_desc::event(poll_source* source, std::uint32_t readiness) noexcept {
  auto* desc = static_cast<poll_desc*>(source);
  constexpr std::uint32_t wanted[2] = {poll_readable | poll_error, poll_writable | poll_error};
  for (int i = 0; i < 2; ++i) {
    if ((readiness & wanted[i]) == 0) continue;
    // acq_rel: pairs with the exchanges in prepare() and wait(). Always an exchange, also over an older mark, so that
    // whoever takes the mark away afterwards sees what this event announced.
    const std::uintptr_t slot = desc->sides_[i].slot.exchange(happened, std::memory_order_acq_rel);
    if (goroutine* gp = goroutine_in(slot)) ready(gp);  // INV1
  }
}

void poll_desc::describe(const poll_source* source, const goroutine* gp, wait_note& note) noexcept {
  const auto& desc = *static_cast<const poll_desc*>(source);
  // relaxed, all: a snapshot.
  const int fd = desc.fd_.load(std::memory_order_relaxed);
  for (int i = 0; i < 2; ++i) {
    const side& s = desc.sides_[i];
    if (s.slot.load(std::memory_order_relaxed) != reinterpret_cast<std::uintptr_t>(gp)) continue;
    note.add("descriptor %d to become %s", fd, i == static_cast<int>(direction::read) ? "readable" : "writable");
    const std::int64_t deadline_ns = s.deadline_ns.load(std::memory_order_relaxed);
    if (deadline_ns != no_deadline_ns) note.limit(deadline_ns);
    return;
  }
  const bool closes = desc.closer_.load(std::memory_order_relaxed) == reinterpret_cast<std::uintptr_t>(gp);
  note.add(closes ? "the operations on descriptor %d to end" : "another operation on descriptor %d to end", fd);
}

std::int64_t poll_desc::fire(timer* due, std::int64_t now_ns) noexcept {
  auto& s = *static_cast<side*>(due);
  // seq_cst (all): INV2. From here on the timer counts as not pending: whoever waits from now on starts it again.
  s.armed_ns.store(0, std::memory_order_seq_cst);
  const std::int64_t deadline_ns = s.deadline_ns.load(std::memory_order_seq_cst);
  if (deadline_ns == no_deadline_ns) return 0;
  if (deadline_ns <= now_ns) {
    wake(s);
    return 0;
  }
  // The deadline was moved later. Nobody waits: the next who does starts the timer. seq_cst, both: as above.
  if (goroutine_in(s.slot.load(std::memory_order_seq_cst)) == nullptr) return 0;
  s.armed_ns.store(deadline_ns, std::memory_order_seq_cst);
  return deadline_ns;
}

// Sees to it that the timer fires at deadline_ns or before. Kernel mode, no locks.
void poll_desc::arm(side& s, std::int64_t deadline_ns) noexcept {
  // seq_cst: INV2, pairs with the stores in fire().
  const std::int64_t armed_ns = s.armed_ns.load(std::memory_order_seq_cst);
  if (armed_ns != 0 && armed_ns <= deadline_ns) return;
  spin_guard guard(timer_lock_);
  timer_stop(s);
  // seq_cst (both): INV2. The newest deadline, because another call may have been here with a newer one.
  deadline_ns = s.deadline_ns.load(std::memory_order_seq_cst);
  s.armed_ns.store(deadline_ns, std::memory_order_seq_cst);
  if (deadline_ns != no_deadline_ns) timer_start(s, deadline_ns);
}

void poll_desc::set_deadline(direction d, std::int64_t deadline_ns) noexcept {
  side& s = side_of(d);
  kernel_section kernel;
  // seq_cst (both): INV2.
  s.deadline_ns.store(deadline_ns, std::memory_order_seq_cst);
  if (goroutine_in(s.slot.load(std::memory_order_seq_cst)) == nullptr || deadline_ns == no_deadline_ns) return;
  if (passed(deadline_ns)) {
    wake(s);
  } else {
    arm(s, deadline_ns);
  }
}

bool poll_desc::close(int* failure) noexcept {
  if (!mutex_.close()) return false;
  {
    kernel_section kernel;
    for (side& s : sides_) wake(s);
  }
  if (mutex_.release()) {
    destroy();
  } else {
    kernel_section kernel;
    std::uintptr_t closer = nothing;
    // release: pairs with the exchange in destroy(). acquire on failure: what destroy() did is done.
    if (closer_.compare_exchange_strong(closer, reinterpret_cast<std::uintptr_t>(self()),
                                        std::memory_order_release, std::memory_order_acquire)) {
      park(wait_reason::io_wait, static_cast<poll_source*>(this));
    }
  }
  if (failure != nullptr) *failure = close_failure_;
  return true;
}

// By whoever leaves last. Nobody is inside and nobody can enter.
void poll_desc::destroy() noexcept {
  {
    kernel_section kernel;
    for (side& s : sides_) timer_stop(s);
  }
  const int fd = poll_desc::fd();
  // acquire: pairs with the store in watch_now().
  if (registered_.load(std::memory_order_acquire)) poll_unregister(fd);
  // relaxed: whoever asks for the number from now on is not inside.
  fd_.store(-1, std::memory_order_relaxed);
  close_failure_ = -kernel_calls::close(fd);
  kernel_section kernel;
  // acq_rel: pairs with the exchange in close(). After it the desc may belong to another descriptor.
  if (goroutine* gp = goroutine_in(closer_.exchange(happened, std::memory_order_acq_rel))) ready(gp);
}

}  // namespace gos::rt
