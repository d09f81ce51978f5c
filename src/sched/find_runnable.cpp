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

constexpr std::int64_t search_patience_ns = 3'000;  // for a polite request, before force
constexpr std::int64_t search_bound_ns = 20'000;    // of looking around before resting
constexpr std::int64_t lost_least_ns = 1'000;       // to other processors, between two looks: below that it is chance
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
      if ((gp->flags & goroutine_flag::fresh) != 0) {
        pp->fresh.push_back(gp);
      } else {
        pp->ready.push_back(gp);
      }
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

// Whether another processor should come for what is queued here. To wake one takes 30 us, and what goes there takes 0.1 us for each
// line of memory that it shares with what stays. So not while all that waits is done sooner here, if it has been seen that it
// talks to others (together_until_ns), or if it has just been spawned. The oldest of many that were spawned since is another
// matter: in a tree it stands for all that will grow from it.
bool worth_sharing(const processor* pp, std::int64_t now_ns) noexcept {
  constexpr std::int64_t slice_long_ns = 300;
  constexpr std::int64_t wait_long_ns = 20'000;
  constexpr std::int64_t spawned_since_many = 2000;
  if (pp->queued() * pp->slice_ns >= wait_long_ns) return true;
  if (!pp->fresh.empty() && static_cast<std::int64_t>(pp->id_next - pp->fresh.front()->id) >= spawned_since_many) return true;
  if (now_ns < sched.together_until_ns.load(std::memory_order_relaxed)) return false;  // relaxed: a hint
  return pp->slice_ns >= slice_long_ns || !pp->ready.empty();
}

// Of `picks` that lasted passed_ns. What is shorter than before counts at once; what is longer may be the system's doing.
void measure_slices(processor* pp, std::int64_t now_ns, std::uint32_t picks) noexcept {
  const std::int64_t passed_ns = now_ns - pp->last_look_ns;
  const std::int64_t one_ns = passed_ns / picks;
  pp->slice_ns = one_ns < pp->slice_ns ? one_ns : (pp->slice_ns + one_ns) / 2;
  pp->shares.store(worth_sharing(pp, now_ns), std::memory_order_relaxed);  // relaxed: a hint
}

// Adapts how many picks lie between two looks to about look_interval_ns.
void adapt_countdown(processor* pp, std::int64_t now_ns) noexcept {
  const std::int64_t passed_ns = now_ns - pp->last_look_ns;
  if (passed_ns > sched.look_interval_ns) {
    pp->countdown_start = pp->countdown_start > 2 ? pp->countdown_start / 2 : 1;
  } else if (pp->countdown_start < countdown_max) {
    pp->countdown_start = pp->countdown_start * 2 < countdown_max ? pp->countdown_start * 2 : countdown_max;
  }
}

// Steps 1 to 6.
goroutine* look_here(processor* pp, const goroutine* behind) noexcept {
  const bool due = pp->look_is_due();
  const std::int64_t now_ns = monotonic_ns();
  if (due) {
    measure_slices(pp, now_ns, pp->countdown_start);
    adapt_countdown(pp, now_ns);
  }
  pp->last_look_ns = now_ns;
  pp->countdown = pp->countdown_start + 1;
  if (pp->timers.next_ns() <= now_ns) pp->timers.run(now_ns);
  if (now_ns - sched.last_poll_ns.load(std::memory_order_relaxed) > sched.look_interval_ns) poll_if_free();  // relaxed: a hint
  if (due) {
    alone_consider(pp, now_ns);
    // Others may be hungry although they were not when this was queued. relaxed: hints.
    if (pp->to_share() > 1 && sched.idle_processors.load(std::memory_order_relaxed) != 0 &&
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
  if (tick - pp->last_fair_tick >= fair_slices && now_ns - pp->last_fair_ns >= sched.look_interval_ns) {
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

// Whether a quarter of the time since the last look went into dealings with other processors: then what runs here runs faster on
// one with what it talks to.
bool talks_too_much(machine* mp, const processor* pp) noexcept {
  const std::int64_t lost_ns = std::exchange(mp->crossing_ns, 0);
  return lost_ns > lost_least_ns && 4 * lost_ns > monotonic_ns() - pp->last_look_ns;
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

// The other processors, beginning with a random one.
template <class F> void for_each_other(processor* pp, int count, F f) noexcept {
  std::uint32_t at = pp->random.below(static_cast<std::uint32_t>(count));
  for (int i = 0; i < count; ++i, at = at + 1 < static_cast<std::uint32_t>(count) ? at + 1 : 0) {
    processor* other = sched.processors[at].load(std::memory_order_relaxed);  // relaxed: behind the count
    if (other != pp) f(other);
  }
}

// relaxed, both: hints.
bool offers(const processor* pp) noexcept { return pp->to_share() > 0 || forks_offered(pp); }
bool keeps_next(const processor* pp) noexcept {
  return pp->shares.load(std::memory_order_relaxed) && pp->next.load(std::memory_order_relaxed) != nullptr;
}

// Asks for work, politely: who enters the runtime hands it over there. Who has nothing but his next goroutine keeps it, but
// shows by the sign whether he enters the runtime at all.
void ask_all(processor* pp, int count) noexcept {
  for_each_other(pp, count, [](processor* other) {
    run_late_timers(other);
    if (offers(other)) {
      ask(other, request::share);
    } else if (keeps_next(other)) {
      ask(other, request::sign);
    }
  });
}

// From who has not come past the runtime since he was asked, work is taken. That interrupts him: it is no way to deal with
// those who only have not much to give.
void take_from_silent(processor* pp, int count) noexcept {
  for_each_other(pp, count, [pp](processor* other) {
    if ((offers(other) || keeps_next(other)) && is_silent(other)) take_half(other, pp);
  });
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
  const std::int64_t until_ns = monotonic_ns() + search_bound_ns;
  do {
    ask_all(pp, count);
    if (goroutine* gp = own_queues(pp)) return gp;
    const std::int64_t patient_until_ns = monotonic_ns() + search_patience_ns;
    do {
      if (goroutine* gp = from_global(pp, false, nullptr)) return gp;
      if (mp->quit.load(std::memory_order_relaxed)) return nullptr;  // relaxed: looked at again under lock
      for (int i = 0; i < 20; ++i) cpu_relax();
    } while (monotonic_ns() < patient_until_ns);
    take_from_silent(pp, count);
    if (goroutine* gp = from_global(pp, false, nullptr)) return gp;
  } while (monotonic_ns() < until_ns);
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
    if (GOS_UNLIKELY(talks_too_much(mp, pp)) && leave_work_to_others(mp)) continue;
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
