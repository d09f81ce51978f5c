// foreign: plain OS threads that use goroutine objects. Each gets a machine without a processor, whose
// g0 stands for the thread in wait queues; to wait is to sleep on the machine's futex.
//
// The records are never freed, only used again: a waker may still be at the futex of a thread that
// has gone on and ended.
#include <unistd.h>

#include <cstddef>
#include <new>

#include "platform/clock.hpp"
#include "platform/futex.hpp"
#include "platform/thread.hpp"
#include "sched/sched.hpp"

// used: named by assembly only, which a link-time optimiser meets when it has thrown away what nobody seems to name.
[[gnu::used]] constinit gos::rt::machine gos_thread_nobody;

namespace gos::rt {

namespace {

machine* free_records = nullptr;  // under scheduler::lock

// Gives the record back when the thread ends.
struct thread_end {
  machine* record = nullptr;

  ~thread_end() {
    if (record == nullptr) return;
    // Thread-exit work of the floors above (goroutine-local values) may use our objects once more.
    if (record->g0.entry != nullptr) record->g0.entry(&record->g0);
    record->g0.entry = nullptr;
    thread_self_set(&gos_thread_nobody);
    {
      spin_guard guard(sched.lock);
      --sched.crowd;
      record->free_next = free_records;
      free_records = record;
    }
    thread_has_rested();
  }
};

machine* machine_of_stand_in(goroutine* gp) noexcept {
  return reinterpret_cast<machine*>(reinterpret_cast<std::byte*>(gp) - offsetof(machine, g0));
}

}  // namespace

// Of the runtime nothing is left in the child but memory, in which locks may be held by threads that are not there. Code that
// stays out of it is not disturbed; who calls it all the same comes to foreign_adopt().
void in_forked_child() noexcept {
  sched.forked.store(true, std::memory_order_relaxed);  // relaxed: there is one thread
  thread_self_set(&gos_thread_nobody);
}

machine* foreign_adopt() noexcept {
  if (GOS_UNLIKELY(sched.forked.load(std::memory_order_relaxed))) {  // relaxed: as above
    write_error(
        "fatal error: gossamer in the child of a fork: nothing runs there; only exec or _exit may follow "
        "(docs/processes.md)\n");
    ::_exit(2);
  }
  // Safe here: a plain thread is not switched away from.
  static thread_local thread_end end;
  ensure_started();
  machine* record = nullptr;
  {
    spin_guard guard(sched.lock);
    if (free_records != nullptr) {
      record = free_records;
      free_records = record->free_next;
    }
  }
  if (record == nullptr) {
    record = new (std::nothrow) machine;
    if (record == nullptr) fatal("out of memory: no room for the record of a thread");
    record->foreign = true;
    record->g0.flags = goroutine_flag::thread;
    record->random = random_generator(reinterpret_cast<std::uintptr_t>(record) ^ static_cast<std::uint64_t>(monotonic_ns()));
    spin_guard guard(sched.lock);
    record->all_next = sched.foreigners;
    sched.foreigners = record;
  }
  record->thread.store(thread_id(), std::memory_order_relaxed);  // relaxed: a number
  record->current = &record->g0;
  record->exceptions = thread_eh_globals();
  record->float_default = float_control();
  end.record = record;
  thread_self_set(record);
  crowd_join();
  return record;
}

// True if it must wait: nobody has woken it yet.
static bool thread_goes_to_rest(machine* mp) noexcept {
  spin_guard guard(sched.lock);
  ++sched.changes;
  mp->thread_parked = mp->wake.load(std::memory_order_relaxed) == 0;  // relaxed: a waker takes the lock first
  if (mp->thread_parked) --sched.crowd;
  return mp->thread_parked;
}

void park_thread(machine* mp) noexcept {
  // acquire: pairs with ready_thread(): what the waker did before is seen. One ready, one park.
  if (mp->wake.exchange(0, std::memory_order_acquire) != 0) return;
  const bool rests = thread_goes_to_rest(mp);
  if (rests) thread_has_rested();
  // acquire: as above.
  while (mp->wake.exchange(0, std::memory_order_acquire) == 0) futex_wait(mp->wake, 0);
  if (rests) crowd_join();
}

void ready_thread(goroutine* gp) noexcept {
  machine* mp = machine_of_stand_in(gp);
  {
    // So that no thread seems to be at rest which has been woken, but does not know yet (deadlock.cpp).
    spin_guard guard(sched.lock);
    ++sched.changes;
    mp->thread_parked = false;
    // release: pairs with park_thread(). From here on the thread may be gone, the record is not.
    mp->wake.store(1, std::memory_order_release);
  }
  futex_wake(mp->wake, 1);
}

void thread_rests_begin() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody) mp = foreign_adopt();
  {
    spin_guard guard(sched.lock);
    ++sched.changes;
    mp->thread_parked = mp->helper = true;
    --sched.crowd;
  }
  thread_has_rested();
}

void thread_rests_end() noexcept {
  crowd_join();
  spin_guard guard(sched.lock);
  ++sched.changes;
  this_machine()->thread_parked = false;
}

void ready_slow(goroutine* gp) noexcept {
  if ((gp->flags & goroutine_flag::thread) != 0) {
    ready_thread(gp);
    return;
  }
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
  goroutine_list one;
  one.push_back(gp);
  global_push_list(one);
}

goroutine* current_goroutine() noexcept {
  machine* mp = this_machine();
  if (GOS_UNLIKELY(mp == &gos_thread_nobody)) mp = foreign_adopt();
  return mp->current;
}

bool on_goroutine() noexcept {
  const machine* mp = this_machine();
  return mp != &gos_thread_nobody && !mp->foreign;
}

std::uint32_t random_below(std::uint32_t bound) noexcept {
  machine* mp = this_machine();
  return mp->pp != nullptr ? mp->pp->random.below(bound) : mp->random.below(bound);
}

}  // namespace gos::rt
