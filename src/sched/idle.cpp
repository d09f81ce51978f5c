// idle: processors and machines that have nothing to do, who wakes them, and the global queue.
// See scheduler.hpp for the invariants.
#include <algorithm>

#include "platform/clock.hpp"
#include "platform/futex.hpp"
#include "platform/thread.hpp"
#include "sched/forks.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

// Under lock. The poller's machine does not count: it is woken through the poller.
machine* idle_machine_take_locked() noexcept {
  machine* mp = sched.idle_machines;
  if (mp == nullptr) return nullptr;
  sched.idle_machines = mp->idle_next;
  --sched.idle_machine_count;
  mp->idle = false;
  return mp;
}

void idle_machine_put_locked(machine* mp) noexcept {
  mp->idle = true;
  mp->idle_next = sched.idle_machines;
  sched.idle_machines = mp;
  ++sched.idle_machine_count;
}

void idle_machine_remove_locked(machine* mp) noexcept {
  for (machine** link = &sched.idle_machines; *link != nullptr; link = &(*link)->idle_next) {
    if (*link == mp) {
      *link = mp->idle_next;
      --sched.idle_machine_count;
      mp->idle = false;
      return;
    }
  }
}

void wake_machine(machine* mp) noexcept {
  // release: pairs with the acquire in sleep_machine(): what was given is seen.
  mp->wake.store(1, std::memory_order_release);
  futex_wake(mp->wake, 1);
}

// Until woken, or the deadline.
void sleep_machine(machine* mp, std::int64_t deadline_ns) noexcept {
  // acquire: pairs with wake_machine().
  while (mp->wake.load(std::memory_order_acquire) == 0) {
    std::int64_t timeout_ns = -1;
    if (deadline_ns != never_ns) {
      timeout_ns = deadline_ns - monotonic_ns();
      if (timeout_ns <= 0) break;
    }
    mp->resting.store(true, std::memory_order_relaxed);  // relaxed: for the exit handler, a hint
    futex_wait(mp->wake, 0, timeout_ns);
    mp->resting.store(false, std::memory_order_relaxed);  // relaxed: as above
  }
}

void sleeper_clear_locked(machine* mp) noexcept {
  if (sched.sleeper == mp) {
    sched.sleeper = nullptr;
    sched.sleeper_deadline_ns = never_ns;
  }
}

// Under lock: more machines rest than there are processors to run. They come from blocking calls.
bool surplus_machines_locked() noexcept {
  return sched.idle_machine_count >
         sched.max_procs.load(std::memory_order_relaxed);  // relaxed: written under lock
}

// Under lock, for one that has just gone idle: when its thread is to end, if nobody has wanted it until then.
std::int64_t end_of_patience_locked(const machine* mp) noexcept {
  if (mp->home || !surplus_machines_locked()) return never_ns;
  return monotonic_ns() +
         sched.idle_thread_ns.load(std::memory_order_relaxed);  // relaxed: set by tests, before
}

// It has slept until the end of its patience. True: its thread ends, and nobody knows the machine as idle any more.
bool ends_now(machine* mp) noexcept {
  spin_guard guard(sched.lock);
  if (!mp->idle || !surplus_machines_locked()) return false;
  idle_machine_remove_locked(mp);
  ++sched.changes;
  mp->leaving = true;
  return true;
}

// The machine is awake again: off the idle list, what it was given becomes its own.
void wake_up(machine* mp) noexcept {
  sched.lock.lock();
  if (mp->idle) idle_machine_remove_locked(mp);
  sleeper_clear_locked(mp);
  // relaxed: nobody wakes a machine that is not in the list (under lock).
  mp->wake.store(0, std::memory_order_relaxed);
  processor* given = mp->given.exchange(nullptr, std::memory_order_relaxed);  // relaxed: under lock
  const bool searching = mp->given_searching;
  mp->given_searching = false;
  sched.lock.unlock();
  if (given != nullptr) attach(mp, given);
  mp->searching = searching;
}

// Anything in a processor's own queues? For who has just become idle. A hint.
bool queued_anywhere() noexcept {
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    const processor* pp = sched.processors[i].load(std::memory_order_relaxed);  // relaxed: behind the count
    if (pp->to_share() > 0 || forks_offered(pp)) return true;
  }
  return sched.global_size.load(std::memory_order_relaxed) != 0;  // relaxed: exact under lock, a hint here
}

// Under lock: max_procs was lowered below it.
bool surplus_locked(const processor* pp) noexcept {
  return static_cast<int>(pp->id) >= sched.max_procs.load(std::memory_order_relaxed);  // relaxed: written under lock
}

// Waits in the poller. The caller set poll_machine.
void rest_in_poller(machine* mp, std::int64_t until_ns) noexcept {
  std::int64_t timeout_ns = -1;
  if (until_ns != never_ns) {
    timeout_ns = until_ns - monotonic_ns();
    if (timeout_ns < 0) timeout_ns = 0;
  }
  poll_batch batch;
  mp->resting.store(true, std::memory_order_relaxed);  // relaxed: for the exit handler, a hint
  batch.wait(timeout_ns);
  mp->resting.store(false, std::memory_order_relaxed);  // relaxed: as above
  sched.lock.lock();
  sched.poll_machine = nullptr;
  // relaxed: under lock. A visitor has left its own.
  processor* pp = mp->given.load(std::memory_order_relaxed) == nullptr ? idle_processor_take_locked() : nullptr;
  sched.lock.unlock();
  // release: pairs with poll_if_free() and rest(), of the next one who looks.
  sched.poll_busy.store(false, std::memory_order_release);
  wake_up(mp);
  if (pp != nullptr) attach(mp, pp);
  if (pp != nullptr) {
    batch.deliver();  // to the own queues
  } else {
    crowd_section crowd;
    batch.deliver();  // to the global queue
  }
}

}  // namespace

void attach(machine* mp, processor* pp) noexcept {
  mp->pp = pp;
  mp->requests.store(0, std::memory_order_relaxed);  // relaxed: old requests concern another processor
  if (pp->countdown == 0) pp->countdown = 1;  // given up when a look was due: without it, the next would be at 2^32 picks
  // release: pairs with ask(), take_begin() and watch().
  pp->owner.store(mp, std::memory_order_release);
  if (sysmon_sleeps()) sched.coarse_ns.store(monotonic_ns(), std::memory_order_relaxed);  // relaxed: told to people only
  mp->revoked.store(sched.normal, std::memory_order_release);  // release: pairs with ask_machine() and take_begin()
  sysmon_wake();
  cross();
}

processor* detach(machine* mp) noexcept {
  processor* pp = mp->pp;
  // acq_rel: in kernel mode nobody is in the middle of taking; an unanswered request is dropped.
  mp->revoked.exchange(revoke_state::gone, std::memory_order_acq_rel);
  pp->owner.store(nullptr, std::memory_order_release);  // release: pairs with cross_slow()
  mp->pp = nullptr;
  return pp;
}

processor* idle_processor_take_locked() noexcept {
  processor* pp = sched.idle_list;
  if (pp == nullptr) return nullptr;
  sched.idle_list = pp->idle_next;
  ++sched.changes;
  alone_end_locked();
  // relaxed: readers take it as a hint; the lock orders the list.
  sched.idle_processors.fetch_sub(1, std::memory_order_relaxed);
  return pp;
}

processor* idle_processor_take() noexcept {
  spin_guard guard(sched.lock);
  return idle_processor_take_locked();
}

void idle_processor_put_locked(processor* pp) noexcept {
  pp->idle_next = sched.idle_list;
  sched.idle_list = pp;
  // relaxed: readers take it as a hint; the lock orders the list.
  sched.idle_processors.fetch_add(1, std::memory_order_relaxed);
}

void retire(processor* pp) noexcept {
  share(pp, true);
  while (pp->queued() > 0) share(pp, true);
  processor* first = sched.processors[0].load(std::memory_order_relaxed);  // relaxed: set before any machine runs
  pp->timers.move_to(first->timers);
  stack_cache_flush(pp->stacks);
  bool back = false;
  {
    spin_guard guard(sched.lock);
    // relaxed: written under lock. It may have been wanted again meanwhile.
    back = static_cast<int>(pp->id) < sched.max_procs.load(std::memory_order_relaxed);
    if (back) {
      idle_processor_put_locked(pp);
    } else {
      pp->retired = true;
    }
  }
  wake_one();
}

void start_machine(processor* pp, bool searching) noexcept {
  sched.lock.lock();
  machine* mp = idle_machine_take_locked();
  if (mp != nullptr) {
    mp->given.store(pp, std::memory_order_relaxed);  // relaxed: under lock
    mp->given_searching = searching;
  }
  sched.lock.unlock();
  if (mp != nullptr) {
    wake_machine(mp);
    return;
  }
  mp = machine_new();
  mp->given.store(pp, std::memory_order_relaxed);  // relaxed: published by the thread's start
  mp->given_searching = searching;
  machine_thread_start(mp);
}

void hand_off(processor* pp) noexcept {
  // relaxed: a hint; looked at again under lock.
  if (static_cast<int>(pp->id) >= sched.max_procs.load(std::memory_order_relaxed)) {
    retire(pp);
    return;
  }
  // relaxed: ours.
  if (pp->queued() > 0 || pp->next.load(std::memory_order_relaxed) != nullptr) {
    start_machine(pp, false);
    return;
  }
  sched.lock.lock();
  if (surplus_locked(pp)) {
    sched.lock.unlock();
    retire(pp);
    return;
  }
  const bool work = !sched.global.empty();
  // Somebody must wait for the timers and for I/O.
  const bool unwatched =
      earliest_timer_ns() < sched.sleeper_deadline_ns ||
      (sched.poll_machine == nullptr && sched.poll_waiters.load(std::memory_order_relaxed) > 0);  // relaxed: hint
  if (!work && !unwatched) {
    idle_processor_put_locked(pp);
    pp = nullptr;
  }
  sched.lock.unlock();
  if (pp != nullptr) start_machine(pp, false);
}

void wake_one() noexcept {
  do {
    std::uint32_t nobody = 0;
    // seq_cst: between what the caller made and the look at searching; pairs with the fence in stop_searching().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    // acq_rel: one waker at a time (INV3); relaxed on failure: somebody searches, who will find it.
    if (!sched.searching.compare_exchange_strong(nobody, 1, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
    sched.lock.lock();
    // The poller's machine finds a processor itself; starting another thread beside it would be waste.
    const bool by_poller = sched.idle_machines == nullptr && sched.poll_machine != nullptr && sched.idle_list != nullptr;
    processor* pp = by_poller ? nullptr : idle_processor_take_locked();
    sched.lock.unlock();
    if (pp != nullptr) {
      start_machine(pp, true);
      return;
    }
    // release: pairs with the exchange above, of the next waker.
    sched.searching.fetch_sub(1, std::memory_order_release);
    if (by_poller) {
      sched.events().wake();
      return;
    }
    // Another waker may have taken us for a searcher meanwhile: if a processor has gone idle since, it is our turn again.
    std::atomic_thread_fence(std::memory_order_seq_cst);  // seq_cst: pairs with the fence above, of that waker
  } while (sched.idle_processors.load(std::memory_order_relaxed) != 0);  // relaxed: behind the fence
}

void stop_searching(machine* mp, bool found) noexcept {
  if (!mp->searching) return;
  mp->searching = false;
  // acq_rel: pairs with wake_one(): who queued before sees the count, or we see the work.
  const std::uint32_t before = sched.searching.fetch_sub(1, std::memory_order_acq_rel);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // seq_cst: pairs with the fence in wake_one()
  // INV3: the last searcher that finds more work than it can do wakes the next. relaxed: hints.
  if (found && before == 1 && sched.idle_processors.load(std::memory_order_relaxed) != 0 &&
      (mp->pp->to_share() > 0 || sched.global_size.load(std::memory_order_relaxed) != 0)) {  // relaxed: a hint
    wake_one();
  }
}

namespace {

// Under lock. A processor other than the caller's is active: it looks at the global queue before it rests.
bool others_active_locked() noexcept {
  // relaxed, both: written under lock.
  return static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed)) + 1 <
         sched.max_procs.load(std::memory_order_relaxed);
}

// Under lock. Those who find that it still does not pay are told for longer each time.
void stay_together_locked() noexcept {
  constexpr std::int64_t shortest_ns = 10'000'000;
  constexpr std::int64_t longest_ns = 160'000'000;
  const std::int64_t now_ns = monotonic_ns();
  // relaxed: written under lock.
  const bool again = now_ns - sched.together_until_ns.load(std::memory_order_relaxed) < sched.together_ns;
  sched.together_ns = again ? std::min(2 * sched.together_ns, longest_ns) : shortest_ns;
  sched.together_until_ns.store(now_ns + sched.together_ns, std::memory_order_relaxed);  // relaxed: a hint
}

void sleep_until_work(machine* mp) noexcept;

}  // namespace

bool leave_work_to_others(machine* mp) noexcept {
  goroutine_list all;
  sched.lock.lock();
  processor* pp = mp->pp;
  // As in rest(). Who was called for work does it.
  if (mp->searching || !others_active_locked() || mp->quit.load(std::memory_order_relaxed) ||  // relaxed: under lock
      surplus_locked(pp) || mp->visitors.load(std::memory_order_relaxed) != nullptr) {         // relaxed: as above
    sched.lock.unlock();
    return false;
  }
  mp->gave_way = nullptr;
  goroutine* next = pp->next.load(std::memory_order_relaxed);  // relaxed: ours
  pp->next.store(nullptr, std::memory_order_relaxed);          // relaxed: ours
  if (next != nullptr) all.push_back(next);
  while (!pp->ready.empty()) all.push_back(pp->ready.pop_front());
  while (!pp->fresh.empty()) all.push_back(pp->fresh.pop_front());
  sched.global.append(all);
  sched.global_size.store(sched.global.size(), std::memory_order_relaxed);  // relaxed: as in global_push
  stay_together_locked();
  idle_processor_put_locked(detach(mp));
  idle_machine_put_locked(mp);
  sched.lock.unlock();
  sleep_until_work(mp);
  return true;
}

void rest(machine* mp) noexcept {
  sched.lock.lock();
  // INV1: under the lock under which work is put there. quit: pairs with wake_for_quit(), same lock. One beyond
  // max_procs must not get into the idle list: the caller retires it.
  if (!sched.global.empty() || mp->quit.load(std::memory_order_relaxed) || surplus_locked(mp->pp) ||  // relaxed: under lock
      mp->visitors.load(std::memory_order_relaxed) != nullptr) {                                      // relaxed: as above
    sched.lock.unlock();
    return;
  }
  idle_processor_put_locked(detach(mp));
  idle_machine_put_locked(mp);
  sched.lock.unlock();
  stop_searching(mp, false);
  if (queued_anywhere()) {
    sched.lock.lock();
    processor* pp = mp->idle ? idle_processor_take_locked() : nullptr;
    if (pp != nullptr) idle_machine_remove_locked(mp);
    sched.lock.unlock();
    if (pp != nullptr) {
      attach(mp, pp);
      // The search could not get at it, since its owner is in kernel mode: perhaps without a CPU, which may be the one
      // that we run on.
      thread_yield();
      return;
    }
  }
  sleep_until_work(mp);
}

namespace {

// In the idle list, without a processor.
void sleep_until_work(machine* mp) noexcept {
  // One machine sleeps no longer than until the earliest timer, the others without a deadline (INV4).
  // Looked at no earlier than here: who added a timer and found us searching relies on this look.
  std::int64_t until_ns = never_ns;
  std::int64_t patience_ns = never_ns;
  sched.lock.lock();
  const std::int64_t deadline_ns = earliest_timer_ns();
  if (deadline_ns < sched.sleeper_deadline_ns) {
    sched.sleeper = mp;
    sched.sleeper_deadline_ns = until_ns = deadline_ns;
  } else if (mp->idle) {
    patience_ns = end_of_patience_locked(mp);
  }
  sched.lock.unlock();
  bool expected = false;
  // relaxed: a hint, made good by poll_waiters_add() and sysmon. acquire: pairs with the release of the last who looked.
  if (sched.poll_waiters.load(std::memory_order_relaxed) > 0 &&
      sched.poll_busy.compare_exchange_strong(expected, true, std::memory_order_acquire, std::memory_order_relaxed)) {
    sched.lock.lock();
    const bool still_idle = mp->idle && !mp->quit.load(std::memory_order_relaxed);  // relaxed: under lock
    if (still_idle) {
      idle_machine_remove_locked(mp);
      sched.poll_machine = mp;
    }
    sched.lock.unlock();
    if (still_idle) {
      rest_in_poller(mp, until_ns);
      return;
    }
    sched.poll_busy.store(false, std::memory_order_release);  // release: pairs with the exchange above, of the next who looks
  }
  sleep_machine(mp, until_ns != never_ns ? until_ns : patience_ns);
  if (patience_ns != never_ns && ends_now(mp)) return;
  wake_up(mp);
}

}  // namespace

void wait_for_processor(machine* mp) noexcept {
  sched.lock.lock();
  processor* pp = idle_processor_take_locked();
  const bool quit = mp->quit.load(std::memory_order_relaxed);  // relaxed: under lock, as in rest()
  std::int64_t patience_ns = never_ns;
  if (pp == nullptr && !quit) {
    idle_machine_put_locked(mp);
    patience_ns = end_of_patience_locked(mp);
  }
  sysmon_note_locked();
  sched.lock.unlock();
  if (pp != nullptr) {
    attach(mp, pp);
    return;
  }
  if (quit) return;
  sysmon_wake();
  sleep_machine(mp, patience_ns);
  if (patience_ns != never_ns && ends_now(mp)) return;
  wake_up(mp);
}

bool wake_for_quit(machine* mp) noexcept {
  sched.lock.lock();
  mp->quit.store(true, std::memory_order_relaxed);  // relaxed: sleepers read it under lock
  const bool sleeping = mp->idle || mp->parked;
  if (mp->idle) idle_machine_remove_locked(mp);
  const bool polling = sched.poll_machine == mp;
  sched.lock.unlock();
  if (sleeping) wake_machine(mp);
  if (polling) sched.events().wake();
  return sleeping || polling;
}

void wait_for_quit(machine* mp) noexcept {
  for (;;) {
    sched.lock.lock();
    mp->parked = !mp->quit.load(std::memory_order_relaxed);  // relaxed: under lock
    const bool done = !mp->parked;
    sysmon_note_locked();
    sched.lock.unlock();
    if (done) return;
    sysmon_wake();
    sleep_machine(mp, never_ns);
    mp->wake.store(0, std::memory_order_relaxed);  // relaxed: what woke us is told under lock
  }
}

void wait_for_locked(machine* mp) noexcept {
  if (mp->pp != nullptr) hand_off(detach(mp));
  const auto say = [mp](bool waits) {
    spin_guard guard(sched.lock);
    mp->waits_for_locked = waits;
    sysmon_note_locked();
  };
  say(true);
  sysmon_wake();
  processor* given = nullptr;
  do {
    sleep_machine(mp, never_ns);
    // acquire: pairs with wake_machine(). A wake-up without a processor is a late one from before.
    mp->wake.exchange(0, std::memory_order_acquire);
    // acquire: pairs with give_to_locked(), whose wake-up may be yet to come when a late one brought us here.
    given = mp->given.exchange(nullptr, std::memory_order_acquire);
  } while (given == nullptr);
  say(false);
  if (sched.exiting.load(std::memory_order_acquire)) stop_for_good();  // acquire: pairs with stop_for_exit()
  attach(mp, given);
}

void give_to_locked(machine* mp, goroutine* gp) noexcept {
  machine* target = gp->extra->locked_machine;
  target->given.store(detach(mp), std::memory_order_release);  // release: pairs with wait_for_locked()
  wake_machine(target);
}

invitation invite_locked(machine* mp, machine* host) noexcept {
  // relaxed: under lock. Somebody else has given it a processor: it is about to wake, and finds us all.
  const bool invited = host->given.load(std::memory_order_relaxed) != nullptr;
  if (invited || (!host->idle && sched.poll_machine != host)) return invitation::ask;
  const bool sleeps = host->idle;
  if (sleeps) idle_machine_remove_locked(host);
  host->given.store(detach(mp), std::memory_order_relaxed);  // relaxed: under lock
  host->given_searching = false;
  return sleeps ? invitation::wake : invitation::poller;
}

void send_invitation(machine* host, invitation kind) noexcept {
  switch (kind) {
    case invitation::ask: ask_machine(host, request::reschedule); break;
    case invitation::wake: wake_machine(host); break;
    case invitation::poller: sched.events().wake(); break;
  }
}

void global_push(goroutine* gp) noexcept {
  spin_guard guard(sched.lock);
  sched.global.push_back(gp);
  // relaxed: readers take it as a hint; the lock orders the queue.
  sched.global_size.store(sched.global.size(), std::memory_order_relaxed);
}

static void global_append(goroutine_list& list) noexcept {
  spin_guard guard(sched.lock);
  sched.global.append(list);
  // relaxed: as in global_push.
  sched.global_size.store(sched.global.size(), std::memory_order_relaxed);
}

void global_push_list(goroutine_list& list) noexcept {
  global_append(list);
  // relaxed: exact for what was just put, because the lock lies between (INV1).
  if (sched.idle_processors.load(std::memory_order_relaxed) != 0) wake_one();
}

template <class Queue> void overflow(processor* pp, Queue& queue) noexcept {
  goroutine_list half;
  for (std::uint32_t n = Queue::capacity / 2; n > 0; --n) half.push_back(queue.pop_front());
  // relaxed: a hint. Nobody need come for it: pp's own machine looks there before it rests.
  if (pp->shares.load(std::memory_order_relaxed)) {
    global_push_list(half);
  } else {
    global_append(half);
  }
}
template void overflow(processor* pp, decltype(processor::ready)& queue) noexcept;
template void overflow(processor* pp, decltype(processor::fresh)& queue) noexcept;

}  // namespace gos::rt
