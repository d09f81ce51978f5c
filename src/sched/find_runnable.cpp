// find_runnable: where work is looked for, in which order, and why.
//
//   1. due timers of this processor, and I/O if nobody looked for 50 us: they make goroutines ready
//   2. every 61st time slice one from the global queue: nobody starves there (SC-05). Slices, not
//      picks: goroutines that hand over to each other share one, and others wait for its end (SC-06)
//   3. or the oldest fresh goroutine: newest-first must not starve the first
//   4. the own queues: next (when it is time to look around and others are ready: behind them), ready, fresh
//   5. the global queue, a fair share
//   6. I/O, without waiting
//   7. other processors, as a searching machine: ask, wait a little, take by force
//   8. nothing: rest (idle.cpp)
#include <utility>

#include "base/spin.hpp"
#include "platform/clock.hpp"
#include "platform/thread.hpp"
#include "sched/forks.hpp"
#include "sched/poll_source.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t look_interval_ns = 50'000;   // while busy: between two looks at clock and poller
constexpr std::int64_t search_patience_ns = 3'000;  // for a polite request, before force
constexpr std::int64_t search_bound_ns = 20'000;    // of looking around before resting
constexpr std::uint32_t countdown_max = 61;
constexpr std::uint32_t fair_slices = 61;
constexpr std::uint32_t global_batch_max = 128;

goroutine* own_queues(processor* pp) noexcept {
  goroutine* gp = pp->next.load(std::memory_order_relaxed);  // relaxed: owner only
  if (gp != nullptr) {
    pp->next.store(nullptr, std::memory_order_relaxed);  // relaxed: owner only
    return gp;
  }
  if (!pp->ready.empty()) {
    pp->new_slice();
    return pp->ready.pop_front();
  }
  if (!pp->fresh.empty()) {
    pp->new_slice();
    return pp->fresh.pop_back();
  }
  return nullptr;
}

// The first of a fair share of the global queue; the rest goes to this processor's ready queue. Who has
// just given way (`behind`) is not the first if there is another.
goroutine* from_global(processor* pp, bool only_one, const goroutine* behind) noexcept {
  if (sched.global_size.load(std::memory_order_relaxed) == 0) return nullptr;  // relaxed: exact under lock below
  spin_guard guard(sched.lock);
  goroutine* first = sched.global.pop_front();
  if (first != nullptr && first == behind) {
    sched.global.push_back(first);
    first = only_one && sched.global.size() == 1 ? nullptr : sched.global.pop_front();
  }
  if (first != nullptr && !only_one) {
    const auto procs = static_cast<std::uint32_t>(sched.max_procs.load(std::memory_order_relaxed));  // relaxed: a divisor
    std::uint32_t share = sched.global.size() / procs;
    if (share > global_batch_max) share = global_batch_max;
    for (; share > 0 && !pp->ready.full() && !pp->fresh.full(); --share) {
      goroutine* gp = sched.global.pop_front();
      ((gp->flags & goroutine_flag::fresh) != 0 ? pp->fresh : pp->ready).push_back(gp);
    }
  }
  sched.global_size.store(sched.global.size(), std::memory_order_relaxed);  // relaxed: as in global_push
  if (first != nullptr) pp->new_slice();
  return first;
}

}  // namespace

bool poll_if_free() noexcept {
  bool expected = false;
  // relaxed: a hint. acquire: pairs with the release of the last who looked, here or in rest().
  if (sched.poll_waiters.load(std::memory_order_relaxed) <= 0 ||
      !sched.poll_busy.compare_exchange_strong(expected, true, std::memory_order_acquire, std::memory_order_relaxed)) {
    return false;
  }
  poll_batch batch;
  batch.wait(0);
  sched.poll_busy.store(false, std::memory_order_release);  // release: pairs with the exchange of the next
  batch.deliver();
  return batch.any();
}

namespace {

// Adapts how many picks lie between two looks to about look_interval_ns.
void adapt_countdown(processor* pp, std::int64_t now_ns) noexcept {
  const std::int64_t passed_ns = now_ns - pp->last_look_ns;
  if (passed_ns > look_interval_ns) {
    pp->countdown_start = pp->countdown_start > 2 ? pp->countdown_start / 2 : 1;
  } else if (pp->countdown_start < countdown_max) {
    pp->countdown_start = pp->countdown_start * 2 < countdown_max ? pp->countdown_start * 2 : countdown_max;
  }
}

// Steps 1 to 6.
goroutine* look_here(processor* pp, const goroutine* behind) noexcept {
  const bool due = pp->look_is_due();
  const std::int64_t now_ns = monotonic_ns();
  if (due) adapt_countdown(pp, now_ns);
  pp->last_look_ns = now_ns;
  pp->countdown = pp->countdown_start + 1;
  if (pp->timers.next_ns() <= now_ns) pp->timers.run(now_ns);
  if (now_ns - sched.last_poll_ns.load(std::memory_order_relaxed) > look_interval_ns) poll_if_free();  // relaxed: a hint
  if (due) {
    alone_consider(pp, now_ns);
    // Others may be hungry although they were not when this was queued. relaxed: hints.
    if (pp->queued() > 1 && sched.idle_processors.load(std::memory_order_relaxed) != 0 &&
        sched.searching.load(std::memory_order_relaxed) == 0) {  // relaxed: hint
      wake_one();
    }
    // Goroutines that hand over to each other through `next` have had their turn, if others wait.
    goroutine* next = pp->next.load(std::memory_order_relaxed);  // relaxed: owner only
    if (next != nullptr && !pp->ready.empty() && !pp->ready.full()) {
      pp->next.store(nullptr, std::memory_order_relaxed);  // relaxed: owner only
      pp->ready.push_back(next);
    }
  }
  const std::uint32_t tick = pp->tick.load(std::memory_order_relaxed);  // relaxed: owner only
  if (tick - pp->last_fair_tick >= fair_slices && now_ns - pp->last_fair_ns >= look_interval_ns) {
    pp->last_fair_tick = tick;
    pp->last_fair_ns = now_ns;
    if (goroutine* gp = from_global(pp, true, behind)) return gp;
    if (!pp->fresh.empty()) {
      pp->new_slice();
      return pp->fresh.pop_front();
    }
  }
  if (goroutine* gp = own_queues(pp)) return gp;
  if (goroutine* gp = from_global(pp, false, behind)) return gp;
  if (poll_if_free()) return own_queues(pp);
  return nullptr;
}

// Runs timers that are due on another processor, whose machine may be in user mode, or which has none.
bool run_late_timers(processor* victim) noexcept {
  return victim->timers.next_ns() <= monotonic_ns() && victim->timers.run(monotonic_ns()) > 0;
}

void take_half(processor* victim, processor* mine) noexcept {
  machine* owner = take_begin(victim);
  if (owner == nullptr) return;
  share_forks(owner, mine);
  share(victim, true);
  take_end(owner, true);
}

// Step 7. While the searchers are half of the processors that are not idle nobody joins them.
goroutine* search(machine* mp, processor* pp) noexcept {
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  const auto running =
      sched.max_procs.load(std::memory_order_relaxed) -
      static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed));  // relaxed: both are hints
  if (running <= 1) {
    // Nobody else runs: nothing to ask for, but timers of resting processors may be due.
    for (int i = 0; i < count; ++i) {
      run_late_timers(sched.processors[i].load(std::memory_order_relaxed));  // relaxed: behind the count
    }
    return own_queues(pp);
  }
  if (!mp->searching) {
    // relaxed: a bound, not exact.
    if (2 * static_cast<int>(sched.searching.load(std::memory_order_relaxed)) >= running) return nullptr;
    mp->searching = true;
    sched.searching.fetch_add(1, std::memory_order_acq_rel);  // acq_rel: pairs with wake_one(), stop_searching()
  }
  const std::int64_t started_ns = monotonic_ns();
  std::int64_t passed_ns = 0;
  do {
    bool seen = false;
    std::uint32_t at = pp->random.below(static_cast<std::uint32_t>(count));
    for (int i = 0; i < count; ++i, at = at + 1 < static_cast<std::uint32_t>(count) ? at + 1 : 0) {
      processor* victim = sched.processors[at].load(std::memory_order_relaxed);  // relaxed: behind the count
      if (victim == pp) continue;
      if (run_late_timers(victim)) {
        if (goroutine* gp = own_queues(pp)) return gp;
      }
      const bool has_next = victim->next.load(std::memory_order_relaxed) != nullptr;  // relaxed: a hint
      const bool has_more = victim->queued() > 0 || forks_offered(victim);
      if (!has_more && !has_next) continue;
      seen = true;
      if (passed_ns < search_patience_ns) {
        if (has_more) ask(victim, request::share);
      } else {
        take_half(victim, pp);
      }
    }
    if (goroutine* gp = from_global(pp, false, nullptr)) return gp;
    if (mp->quit.load(std::memory_order_relaxed)) return nullptr;  // relaxed: looked at again under lock
    for (int i = 0; i < (seen ? 5 : 20); ++i) cpu_relax();
    if (goroutine* gp = from_global(pp, false, nullptr)) return gp;
    passed_ns = monotonic_ns() - started_ns;
  } while (passed_ns < search_bound_ns);
  return nullptr;
}

}  // namespace

std::int64_t earliest_timer_ns() noexcept {
  std::int64_t earliest = never_ns;
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    const std::int64_t next = sched.processors[i].load(std::memory_order_relaxed)->timers.next_ns();  // relaxed: behind the count
    if (next < earliest) earliest = next;
  }
  return earliest;
}

void poll_batch::wait(std::int64_t timeout_ns) noexcept {
  count_ = sched.events().wait(events_, capacity, timeout_ns);
  sched.last_poll_ns.store(monotonic_ns(), std::memory_order_relaxed);  // relaxed: a hint
}

void poll_batch::deliver() noexcept {
  for (int i = 0; i < count_; ++i) {
    auto* source = static_cast<poll_source*>(events_[i].user);
    source->on_event(source, events_[i].readiness);
  }
}

goroutine* find_runnable(machine* mp) noexcept {
  for (;;) {
    if (sched.exiting.load(std::memory_order_acquire)) stop_for_good();  // acquire: pairs with stop_for_exit()
    if (mp->leaving) return nullptr;
    if (mp->quit.load(std::memory_order_relaxed)) {  // relaxed: own machine's word, decided under lock
      stop_searching(mp, false);
      if (mp->pp != nullptr) {
        hand_off(detach(mp));
      } else {
        wake_one();  // it may have watched the timers or the poller; now somebody else must
      }
      return nullptr;
    }
    if (mp->pp == nullptr) {
      wait_for_processor(mp);
      continue;
    }
    processor* pp = mp->pp;
    // relaxed: seen sooner or later.
    if (GOS_UNLIKELY(static_cast<int>(pp->id) >= sched.max_procs.load(std::memory_order_relaxed))) {
      stop_searching(mp, false);
      retire(detach(mp));
      continue;
    }
    // relaxed: a hint, made good by rest().
    goroutine* gp = mp->visitors.load(std::memory_order_relaxed) != nullptr ? take_visitor(mp) : nullptr;
    if (gp == nullptr) gp = look_here(pp, std::exchange(mp->gave_way, nullptr));
    if (gp == nullptr) gp = search(mp, pp);
    if (gp != nullptr) {
      stop_searching(mp, true);
      return gp;
    }
    rest(mp);
  }
}

}  // namespace gos::rt
