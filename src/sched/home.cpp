// home: a goroutine goes on on the thread where it has been before, without being locked to it.
//
// For what belongs to a thread and was looked up there: the compiler keeps the address of errno over a call, and so a hooked
// call that has waited and fails sets errno on the thread on which it was made.
//
// The goroutine leaves its machine and is a visitor of the other one, which takes visitors before all else. If that machine
// sleeps it is woken with the visitor's own processor, if it runs another goroutine that one is asked to give way. It may be
// stuck in user code, be given to a locked goroutine, or end: so the visitor waits for a while only, and goes on anywhere then.
//
// INV1 Who takes a visitor out of the list, under scheduler::lock, runs it or makes it ready: its machine, or its timer.
// INV2 A machine with visitors does not go to rest: rest() looks under the same lock.
#include "platform/clock.hpp"
#include "platform/thread.hpp"
#include "sched/sched.hpp"
#include "sched/timers.hpp"

namespace gos::rt {

namespace {
constexpr std::int64_t patience_ns = 50'000'000;        // with a machine whose thread sleeps in somebody's call
constexpr std::int64_t patience_most_ns = 500'000'000;  // with one that computes, or waits for a CPU
}

struct visitor : timer {
  goroutine* gp = nullptr;
  machine* host = nullptr;
  std::int64_t since_ns = 0;
  visitor* next = nullptr;  // under scheduler::lock, as the next
  bool arrived = false;
};

namespace {

// Under lock. False: it is not there any more.
bool take_out_locked(visitor& v) noexcept {
  // relaxed, all in this file: changed under lock, and read without it as a hint.
  visitor* other = v.host->visitors.load(std::memory_order_relaxed);
  if (other == &v) {
    v.host->visitors.store(v.next, std::memory_order_relaxed);
    return true;
  }
  while (other != nullptr && other->next != &v) other = other->next;
  if (other != nullptr) other->next = v.next;
  return other != nullptr;
}

std::int64_t patience_ends(timer* due, std::int64_t now_ns) noexcept {
  auto& v = *static_cast<visitor*>(due);
  const bool late = now_ns - v.since_ns > patience_most_ns;
  const bool awake = !late && thread_runs(v.host->thread.load(std::memory_order_relaxed));  // relaxed: a hint
  {
    spin_guard guard(sched.lock);
    if (v.arrived) return 0;
    if (awake || !take_out_locked(v)) return now_ns + patience_ns;  // or it is not yet in the list
  }
  ready(v.gp);
  return 0;
}

}  // namespace

goroutine* take_visitor(machine* mp) noexcept {
  spin_guard guard(sched.lock);
  visitor* const first = mp->visitors.load(std::memory_order_relaxed);  // relaxed, both: as above
  if (first == nullptr) return nullptr;
  mp->visitors.store(first->next, std::memory_order_relaxed);
  first->arrived = true;
  return first->gp;
}

bool continue_on(machine* host) noexcept {
  machine* const mp = this_machine();
  if (mp == host) return true;
  goroutine* const gp = mp->current;
  if (mp->pp == nullptr || (gp->flags & goroutine_flag::locked) != 0) return false;
  visitor me;
  me.gp = gp;
  me.host = host;
  me.fire = patience_ends;
  // relaxed, all: for dumps; the list is changed under the lock.
  gp->reason.store(wait_reason::none, std::memory_order_relaxed);
  gp->state.store(goroutine_state::waiting, std::memory_order_relaxed);
  me.since_ns = monotonic_ns();
  timer_start(me, me.since_ns + patience_ns);
  invitation kind = invitation::ask;
  {
    spin_guard guard(sched.lock);
    me.next = host->visitors.load(std::memory_order_relaxed);
    host->visitors.store(&me, std::memory_order_relaxed);
    kind = invite_locked(mp, host);
  }
  send_invitation(host, kind);
  switch_away_slow(mp, gp, nullptr);
  timer_stop(me);
  return me.arrived;
}

}  // namespace gos::rt
