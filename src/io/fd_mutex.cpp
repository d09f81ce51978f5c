// See fd_mutex.hpp.
#include "io/fd_mutex.hpp"

#include "base/assert.hpp"

namespace gos::rt {

namespace {
constexpr std::uint32_t closed_bit = 1;
constexpr std::uint32_t reference = 32;
constexpr std::uint32_t locked_bit(direction d) noexcept { return 2U << static_cast<unsigned>(d); }
constexpr std::uint32_t waits_bit(direction d) noexcept { return 8U << static_cast<unsigned>(d); }
// Closed, and nobody is inside: who holds a lock has a reference too.
constexpr bool abandoned(std::uint32_t word) noexcept { return word == closed_bit; }
}  // namespace

void fd_mutex::reopen() noexcept {
  GOS_ASSERT(waiting_[0].empty());
  GOS_ASSERT(waiting_[1].empty());
  // relaxed: only the owner knows the descriptor; who gets to know it is synchronised by how.
  word_.store(0, std::memory_order_relaxed);
}

bool fd_mutex::closed() const noexcept {
  // seq_cst: pairs with: the exchange in close(). Who publishes itself as waiting for an event looks here after, and who
  // closes looks for waiters after: one of them sees the other.
  return (word_.load(std::memory_order_seq_cst) & closed_bit) != 0;
}

bool fd_mutex::lock(direction d) noexcept {
  // relaxed: the exchange checks.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & closed_bit) != 0) return false;
    if ((word & locked_bit(d)) != 0) return lock_slow(d);
    // acquire: pairs with the exchanges in unlock(): what the last holder did is done. relaxed on failure: tried again.
    if (word_.compare_exchange_weak(word, (word | locked_bit(d)) + reference, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      race_acquire(&waiting_[static_cast<int>(d)]);
      return true;
    }
  }
}

bool fd_mutex::lock_slow(direction d) noexcept {
  kernel_section kernel;
  waiter me;
  me.gp = self();
  lock_.lock();
  // relaxed: the exchanges check.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & closed_bit) != 0) {
      lock_.unlock();
      return false;
    }
    const bool locked = (word & locked_bit(d)) != 0;
    const std::uint32_t wanted = locked ? word | waits_bit(d) : (word | locked_bit(d)) + reference;
    // acquire: pairs with the exchanges in unlock(). relaxed on failure: tried again.
    if (!word_.compare_exchange_weak(word, wanted, std::memory_order_acquire, std::memory_order_relaxed)) continue;
    if (locked) break;
    lock_.unlock();
    race_acquire(&waiting_[static_cast<int>(d)]);
    return true;
  }
  waiting_[static_cast<int>(d)].push_back(me);  // INV3
  lock_.unlock();
  park(wait_reason::io_wait, shown_);
  if (me.ok) race_acquire(&waiting_[static_cast<int>(d)]);
  return me.ok;
}

bool fd_mutex::unlock(direction d) noexcept {
  race_release(&waiting_[static_cast<int>(d)]);  // before the next of this direction
  race_release(this);                            // before the close
  // relaxed: the exchange checks.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    GOS_ASSERT((word & locked_bit(d)) != 0);
    if ((word & waits_bit(d)) != 0) return unlock_slow(d);
    const std::uint32_t wanted = (word & ~locked_bit(d)) - reference;
    // acq_rel: release pairs with lock(); acquire, with the other releases, for who is last and closes. relaxed on
    // failure: tried again.
    if (!word_.compare_exchange_weak(word, wanted, std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
    if (!abandoned(wanted)) return false;
    race_acquire(this);
    return true;
  }
}

bool fd_mutex::unlock_slow(direction d) noexcept {
  waiter* next = nullptr;
  {
    kernel_section kernel;
    lock_.lock();
    wait_queue& queue = waiting_[static_cast<int>(d)];
    next = queue.pop();
    // relaxed: the bit is only a promise about the queue, which lock_ guards.
    if (queue.empty()) word_.fetch_and(~waits_bit(d), std::memory_order_relaxed);  // INV3
    lock_.unlock();
    if (next != nullptr) {
      next->ok = true;  // lock and reference are its own now
      ready(next->gp);
    }
  }
  // Nobody there: close() has emptied the queue in between.
  return next == nullptr && unlock(d);
}

bool fd_mutex::acquire() noexcept {
  // relaxed: the exchange checks.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & closed_bit) != 0) return false;
    // acquire: pairs with reopen() by way of whoever published the descriptor. relaxed on failure: tried again.
    if (word_.compare_exchange_weak(word, word + reference, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  }
}

bool fd_mutex::release() noexcept {
  race_release(this);
  // acq_rel: the last one sees all that the others did.
  const std::uint32_t left = word_.fetch_sub(reference, std::memory_order_acq_rel) - reference;
  if (!abandoned(left)) return false;
  race_acquire(this);
  return true;
}

bool fd_mutex::close() noexcept {
  // relaxed: the exchange checks.
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & closed_bit) != 0) return false;
    // seq_cst: pairs with: closed(), see there. relaxed on failure: tried again.
    if (word_.compare_exchange_weak(word, (word | closed_bit) + reference, std::memory_order_seq_cst,
                                    std::memory_order_relaxed)) {
      break;
    }
  }
  if ((word & (waits_bit(direction::read) | waits_bit(direction::write))) == 0) return true;
  kernel_section kernel;
  waiter* refused = nullptr;
  lock_.lock();
  for (wait_queue& queue : waiting_) {
    while (waiter* w = queue.pop()) {
      w->next = refused;
      refused = w;
    }
  }
  // relaxed: as in unlock_slow().
  word_.fetch_and(~(waits_bit(direction::read) | waits_bit(direction::write)), std::memory_order_relaxed);  // INV3
  lock_.unlock();
  while (refused != nullptr) {
    goroutine* gp = refused->gp;
    refused->ok = false;  // INV2
    refused = refused->next;
    ready(gp);  // the waiter is gone
  }
  return true;
}

}  // namespace gos::rt
