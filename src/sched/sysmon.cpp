// sysmon: the watchdog thread. It runs no goroutines; it sees to it that nobody is held up.
//
// Each turn it looks at every processor that runs. One whose tick has not moved for a time slice
// (10 ms) while work waits is asked to give way; if that is not answered (user code that never enters
// the runtime, or a blocking call nobody told us of) the processor is taken from the thread and
// handed on. In a section marked blocking 20 us from its first sight are enough, if work waits. If
// nothing waits it is taken after the slice, too, and put to rest, so that a lone computation keeps nobody awake.
// It also makes good what the fast paths may miss: work beside idle processors, late timers, I/O that
// nobody looked at for 10 ms. It gives memory back (shrink.cpp, stack_pool.cpp), ends the process when
// run's thread is held at the end (end_if_held), and says what it knows of a stack that overflowed. It starts the threads
// that others must not (machine.cpp), sees to changes of the default number of processors, prints traces (trace.cpp) and the
// dumps that a signal asks for (dump_request.cpp), and notes goroutines that stall (stalls.cpp).
//
// When everything has come to rest it looks whether that is for good (deadlock.cpp).
//
// It is no machine: fire and on_event run here, too, without a processor.
//
// It turns every 20 us while something happens, then more and more seldom: up to 10 ms, or 1 ms while
// processors are idle beside running ones. When all processors have been idle for a while it sleeps
// until attach() wakes it: an idle program has no periodic wake-ups.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "platform/clock.hpp"
#include "platform/futex.hpp"
#include "platform/thread.hpp"
#include "platform/thread_watch.hpp"
#include "sched/dump_request.hpp"
#include "sched/forks.hpp"
#include "sched/poll_source.hpp"
#include "sched/sched.hpp"
#include "sched/stalls.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t slice_ns = 10'000'000;
constexpr std::int64_t blocking_ns = 20'000;
constexpr std::int64_t answer_ns = 200'000;  // for a polite request
constexpr std::int64_t turn_min_ns = 20'000;
constexpr std::int64_t together_held_ns = 2'000'000;
constexpr std::int64_t turn_max_ns = 10'000'000;
constexpr std::int64_t turn_max_idle_beside_ns = 1'000'000;
constexpr std::int64_t poll_late_ns = 10'000'000;
constexpr std::int64_t rest_after_ns = 50'000'000;
constexpr std::int64_t shrink_interval_ns = 1'000'000'000;
constexpr std::int64_t default_interval_ns = 1'000'000'000;
constexpr std::size_t trim_max = 64;  // free stacks in one turn
#if defined(GOS_TSAN)
constexpr std::int64_t exit_patience_ns = 3'000'000'000;  // a report takes long
#else
constexpr std::int64_t exit_patience_ns = 100'000'000;
#endif

// futex: sysmon waits to be woken, on this word, or in by_watch.
std::atomic<std::uint32_t> sleeping{0};
constexpr std::uint32_t on_word = 1;
constexpr std::uint32_t by_watch = 2;
thread_watch watch_of_threads;
std::atomic<bool> look_again{false};     // a plain thread has parked or ended
std::atomic<bool> stirred{true};         // a machine has got a processor, perhaps only between two turns

// What the last turn saw of a processor.
struct observation {
  std::uint32_t tick = 0;
  std::uint32_t countdown = 0;  // as wake_for_missed_work() saw it
  machine* owner = nullptr;
  std::int64_t since_ns = 0;
  std::int64_t asked_ns = 0;
};
observation seen[max_procs_limit];

bool work_waits(const processor* pp, std::int64_t now_ns) noexcept {
  // relaxed: hints; a wrong one costs a needless hand-over or a turn.
  return pp->queued() > 0 || pp->next.load(std::memory_order_relaxed) != nullptr ||
         sched.global_size.load(std::memory_order_relaxed) != 0 || pp->timers.next_ns() <= now_ns ||
         (sched.poll_waiters.load(std::memory_order_relaxed) > 0 &&
          now_ns - sched.last_poll_ns.load(std::memory_order_relaxed) > slice_ns);
}

bool take_processor(processor* pp) noexcept {
  machine* mp = take_begin(pp);
  if (mp == nullptr) return false;
  pp->new_slice();
  take_end(mp, false);
  hand_off(pp);
  return true;
}

// A goroutine that parks inside its blocking section and ends it on another machine leaves its mark here.
void forget_blocking_elsewhere(machine* mp) noexcept {
  // relaxed: hints, both.
  goroutine* marked = mp->blocking.load(std::memory_order_relaxed);
  if (marked == nullptr || marked == __atomic_load_n(&mp->current, __ATOMIC_RELAXED)) return;
  mp->blocking.compare_exchange_strong(marked, nullptr, std::memory_order_relaxed, std::memory_order_relaxed);  // relaxed: a hint
}

// The goroutine on mp is in a section marked blocking.
bool is_blocking(const machine* mp) noexcept {
  // relaxed: hints, both.
  const goroutine* blocking = mp->blocking.load(std::memory_order_relaxed);
  return blocking != nullptr && blocking == __atomic_load_n(&mp->current, __ATOMIC_RELAXED);
}

// True if something was done, or is to be done soon.
bool watch(processor* pp, observation& last, std::int64_t now_ns) noexcept {
  machine* mp = pp->owner.load(std::memory_order_acquire);  // acquire: pairs with attach()
  if (mp != nullptr) forget_blocking_elsewhere(mp);
  const std::uint32_t tick = pp->tick.load(std::memory_order_relaxed);  // relaxed: compared with itself
  if (mp != last.owner || tick != last.tick) {
    last = {tick, last.countdown, mp, now_ns, 0};
    return mp != nullptr && is_blocking(mp) && work_waits(pp, now_ns);
  }
  // A timer that was firing when its processor went away came back to a heap that nobody has.
  if (mp == nullptr) {
    if (pp->timers.next_ns() >= now_ns - slice_ns) return false;
    crowd_section crowd;
    return pp->timers.run(now_ns) > 0;
  }
  const std::int64_t held_ns = now_ns - last.since_ns;
  if (is_blocking(mp) && held_ns >= blocking_ns && work_waits(pp, now_ns)) return take_processor(pp);
  if (held_ns < slice_ns) return false;
  if (!work_waits(pp, now_ns)) return take_processor(pp);
  if (last.asked_ns == 0) {
    last.asked_ns = now_ns;
    ask(pp, request::reschedule);
    return true;
  }
  return now_ns - last.asked_ns >= answer_ns && take_processor(pp);
}

// Since the last call. Goroutines that hand over to each other share a slice: the tick stays, and nobody is held up.
bool has_picked(const processor* pp, observation& last) noexcept {
  const std::uint32_t countdown = __atomic_load_n(&pp->countdown, __ATOMIC_RELAXED);  // relaxed: compared with itself
  return std::exchange(last.countdown, countdown) != countdown;
}

// Work beside idle processors, which the fast paths did not see or a goroutine made before a long
// computation; late timers.
bool wake_for_missed_work(int count, std::int64_t now_ns) noexcept {
  // relaxed: hints.
  if (sched.idle_processors.load(std::memory_order_relaxed) == 0 || sched.searching.load(std::memory_order_relaxed) != 0) {
    return false;
  }
  // Those who have been told to stay on one processor may well run for a while between two picks.
  const bool together = now_ns < sched.together_until_ns.load(std::memory_order_relaxed);  // relaxed: a hint
  const std::int64_t held_ns = together ? together_held_ns : turn_min_ns;
  bool missed = sched.global_size.load(std::memory_order_relaxed) != 0;  // relaxed: a hint
  for (int i = 0; i < count && !missed; ++i) {
    processor* pp = sched.processors[i].load(std::memory_order_relaxed);  // relaxed: behind the count
    const bool held = pp->tick.load(std::memory_order_relaxed) == seen[i].tick &&  // relaxed: compared with itself
                      now_ns - seen[i].since_ns > held_ns && !has_picked(pp, seen[i]);
    // relaxed: a hint
    missed = (held && (pp->queued() > 0 || pp->next.load(std::memory_order_relaxed) != nullptr || forks_offered(pp))) ||
             pp->timers.next_ns() < now_ns - turn_min_ns;
    if (missed) pp->shares.store(true, std::memory_order_relaxed);  // relaxed: a hint
  }
  if (missed) wake_one();
  return missed;
}

// A main goroutine has ended, and its thread is not back in run(). If it is held, the program ends all the
// same (SP-04): by user code that does not come back, or by a goroutine that is pinned to it, also one
// that waits, for then the thread sleeps in wait_for_locked() for it alone. A thread that is merely on its
// way, on a loaded computer, is in kernel mode; one whose goroutines enter the runtime answers the request.
void end_if_held(std::int64_t main_ended_ns, std::int64_t now_ns) noexcept {
  machine* home = sched.main_home.load(std::memory_order_relaxed);  // relaxed: written before main_ended_ns
  ask_machine(home, request::reschedule);  // again: an earlier one may have been dropped
  if (now_ns - main_ended_ns <= exit_patience_ns) return;
  const bool pinned = __atomic_load_n(&home->locked, __ATOMIC_RELAXED) != nullptr;  // relaxed: a look
  // acquire: pairs with kernel_leave().
  const bool held = pinned || home->in_kernel.load(std::memory_order_acquire) == 0;
  // acq_rel: pairs with leave_before_exit(). relaxed: then it is back.
  if (held && sched.main_ended_ns.compare_exchange_strong(main_ended_ns, exit_begun, std::memory_order_acq_rel,
                                                          std::memory_order_relaxed)) {
    // Now, for it is not yet the first of the exit handlers: run_main_goroutine() has not come to see to that.
    stop_for_exit();
    std::exit(sched.exit_status.load(std::memory_order_relaxed));  // relaxed: written before main_ended_ns
  }
}

// True if a processor runs.
bool turn(std::int64_t now_ns, bool& acted) noexcept {
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  bool running = false;
  acted = false;
  for (int i = 0; i < count; ++i) {
    processor* pp = sched.processors[i].load(std::memory_order_relaxed);  // relaxed: behind the count
    if (pp->owner.load(std::memory_order_relaxed) != nullptr) running = true;  // relaxed: a look
    if (watch(pp, seen[i], now_ns)) acted = true;
  }
  // relaxed: hints.
  if (running && now_ns - sched.last_poll_ns.load(std::memory_order_relaxed) > poll_late_ns &&
      sched.poll_waiters.load(std::memory_order_relaxed) > 0) {
    crowd_section crowd;
    if (poll_if_free()) acted = true;
  }
  // All rest, and the last to do so found the poller busy, with us.
  if (!running && sched.poll_waiters.load(std::memory_order_relaxed) > 0 &&
      !sched.poll_busy.load(std::memory_order_relaxed)) {  // relaxed: hints
    wake_one();
    acted = true;
  }
  if (wake_for_missed_work(count, now_ns)) acted = true;
  std::int64_t main_ended_ns = sched.main_ended_ns.load(std::memory_order_acquire);  // acquire: pairs with main_ended()
  if (main_ended_ns != 0) {
    running = true;
    end_if_held(main_ended_ns, now_ns);
  }
  return running;
}

// When to look for a deadlock: once when everything has come to rest, and when that was said to make sense again.
class deadlock_watch {
 public:
  void stirred(std::int64_t now_ns) noexcept {
    due_ = true;
    pause_ns_ = pause_min_ns;
    if (next_ns_ > now_ns + pause_min_ns) next_ns_ = now_ns + pause_min_ns;
    waited_ns_ = pause_min_ns;
    forget_thread();
  }
  void again() noexcept { due_ = true; }
  bool due() const noexcept { return due_; }
  std::int64_t next_ns() const noexcept { return next_ns_; }

  void look_if_due(std::int64_t now_ns, bool eager) noexcept {
    if (thread_ != 0 && watch_of_threads.ended()) due_ = true;
    if (!due_ || (now_ns < next_ns_ && !eager)) return;
    forget_thread();
    due_ = false;
    // Plain threads that pass each other things may make it sensible again and again.
    next_ns_ = now_ns + pause_ns_;
    pause_ns_ = pause_ns_ * 2 < pause_max_ns ? pause_ns_ * 2 : pause_max_ns;
    switch (look_for_deadlock(thread_)) {
      case standstill::none: break;
      case standstill::for_good: report_deadlock();
      case standstill::by_threads:
        // Not to be waited for: next time it will be another one, or nobody.
        if (thread_ == 0 || !watch_of_threads.open() || !watch_of_threads.choose(thread_)) due_ = true;
        break;
    }
  }

  // Until sysmon is wanted again.
  void sleep() noexcept {
    if (thread_ == 0) {
      // acquire: pairs with sysmon_wake().
      while (sleeping.load(std::memory_order_acquire) == on_word) futex_wait(sleeping, on_word);
      return;
    }
    // Kernels that cannot say when a thread ends: after as long as it has run already.
    const bool blind = !watch_of_threads.notices();
    const std::int64_t timeout_ns = blind ? waited_ns_ : -1;
    if (blind) waited_ns_ = waited_ns_ * 2 < blind_max_ns ? waited_ns_ * 2 : blind_max_ns;
    // acquire: pairs with sysmon_wake().
    while (sleeping.load(std::memory_order_acquire) == by_watch) {
      if (watch_of_threads.sleep(timeout_ns) || blind) {
        due_ = true;
        return;
      }
      if (!watch_of_threads.open()) {
        due_ = true;
        return;
      }
    }
  }
  std::uint32_t way_to_sleep() const noexcept { return thread_ == 0 ? on_word : by_watch; }

 private:
  static constexpr std::int64_t pause_min_ns = 50'000'000;
  static constexpr std::int64_t pause_max_ns = 1'000'000'000;
  static constexpr std::int64_t blind_max_ns = 60'000'000'000;

  void forget_thread() noexcept {
    if (thread_ != 0) watch_of_threads.forget();
    thread_ = 0;
  }

  bool due_ = true;
  std::int64_t next_ns_ = 0;
  std::int64_t pause_ns_ = pause_min_ns;
  std::int64_t waited_ns_ = pause_min_ns;
  int thread_ = 0;  // keeps it from being a deadlock, and is waited for
};

// Sleeps until a processor runs again; not if one does already.
void sleep_until_needed(deadlock_watch& deadlock) noexcept {
  // seq_cst: pairs with sysmon_wake(): either it sees us sleeping, or we see its processor taken (under lock).
  sleeping.store(deadlock.way_to_sleep(), std::memory_order_seq_cst);
  bool idle = false;
  {
    spin_guard guard(sched.lock);
    // relaxed: under lock; and who ended a main goroutine has a processor.
    const int idle_processors = static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed));
    idle = idle_processors >= sched.max_procs.load(std::memory_order_relaxed) &&
           sched.main_ended_ns.load(std::memory_order_relaxed) == 0 && sched.births == nullptr &&
           !stirred.load(std::memory_order_relaxed) &&
           !look_again.load(std::memory_order_seq_cst) &&  // seq_cst: pairs with sysmon_look_again()
           !dump_requested();
  }
  if (idle) deadlock.sleep();
  sleeping.store(0, std::memory_order_relaxed);  // relaxed: only sysmon and its wakers look
}

std::atomic<const goroutine*> crashed_goroutine{nullptr};
std::atomic<std::uint32_t> described{0};  // futex: 1 when sysmon has said what it knows

std::atomic<std::uint32_t> hurried{0};  // futex: 1 when there is work for sysmon itself

void nap(std::int64_t ns) noexcept {
  futex_wait(hurried, 0, ns);
  // seq_cst: before the looks at what it may be about, which come next.
  hurried.exchange(0, std::memory_order_seq_cst);
}

void describe_now(const goroutine* gp) noexcept {
  if (crash_hook != nullptr && traceback() > traceback_level::none) crash_hook(gp, crash_part::the_goroutine);
  crash_others(gp);
  crash_flush();
}

void wake_sleeping() noexcept {
  // acq_rel: pairs with deadlock_watch::sleep(), and with the wakers before.
  const std::uint32_t way = sleeping.exchange(0, std::memory_order_acq_rel);
  if (way == on_word) futex_wake(sleeping, 1);
  if (way == by_watch) watch_of_threads.wake();
}

void describe_crashed() noexcept {
  // acquire: pairs with sysmon_describe().
  const goroutine* gp = crashed_goroutine.load(std::memory_order_acquire);
  if (GOS_LIKELY(gp == nullptr)) return;
  describe_now(gp);
  described.store(1, std::memory_order_release);  // release: pairs with sysmon_describe()
  futex_wake(described, 1);
  stop_for_good();
}

}  // namespace

bool sysmon_sleeps() noexcept { return sleeping.load(std::memory_order_relaxed) != 0; }  // relaxed: a hint

void sysmon_wake() noexcept {
  if (!stirred.load(std::memory_order_relaxed)) stirred.store(true, std::memory_order_relaxed);  // relaxed: see sysmon_body()
  // relaxed: the processor was taken under scheduler::lock, which orders this look after sysmon's store.
  if (GOS_LIKELY(sleeping.load(std::memory_order_relaxed) == 0)) return;
  wake_sleeping();
}

void sysmon_note_locked() noexcept { stirred.store(true, std::memory_order_relaxed); }  // relaxed: under lock

void sysmon_look_again() noexcept {
  // seq_cst, both: pairs with sleep_until_needed(): either it sees the wish, or we see it sleeping.
  look_again.store(true, std::memory_order_seq_cst);
  hurried.store(1, std::memory_order_release);  // release: pairs with nap()
  futex_wake(hurried, 1);
  if (sleeping.load(std::memory_order_seq_cst) != 0) wake_sleeping();  // seq_cst: as above
}

void sysmon_hurry() noexcept {
  // release: pairs with nap(); and the work was put under scheduler::lock.
  hurried.store(1, std::memory_order_release);
  futex_wake(hurried, 1);
  sysmon_wake();
}

bool sysmon_describe(const goroutine* crashed, std::int64_t timeout_ns) noexcept {
  if (sched.sysmon_thread.load(std::memory_order_relaxed) == thread_id()) {  // relaxed: our own number, if it is ours
    describe_now(crashed);
    return true;
  }
  crashed_goroutine.store(crashed, std::memory_order_release);  // release: pairs with describe_crashed()
  sysmon_wake();
  // acquire: pairs with describe_crashed().
  if (described.load(std::memory_order_acquire) == 0) futex_wait(described, 0, timeout_ns);
  return described.load(std::memory_order_acquire) != 0;  // acquire: as above
}

void sysmon_body(void*) noexcept {
  std::int64_t delay_ns = turn_min_ns;
  int quiet_turns = 0;
  std::int64_t idle_since_ns = 0;
  std::int64_t last_shrink_ns = 0;
  std::int64_t last_default_ns = monotonic_ns();
  std::int64_t trace_ns = never_ns;   // until the next trace
  std::int64_t stalls_ns = never_ns;  // until the next look for stalls
  bool active_since_shrink = false;
  bool shrinking = false;  // a pass is under way
  bool trimming = false;
  deadlock_watch deadlock;
  sched.sysmon_thread.store(thread_id(), std::memory_order_relaxed);  // relaxed: a number
  for (;;) {
    nap(std::min({delay_ns, trace_ns, stalls_ns}));
    describe_crashed();
    dump_requests_serve();
    sysmon_serve_reports();
    machine_threads_born();
    // relaxed: seen late, it does no harm.
    if (sched.exiting.load(std::memory_order_relaxed)) stop_for_good();
    const std::int64_t now_ns = monotonic_ns();
    sched.coarse_ns.store(now_ns, std::memory_order_relaxed);  // relaxed: told to people only
    trace_ns = trace_if_due(now_ns);
    bool stall_pending = false;
    stalls_ns = stalls_look(now_ns, stall_pending);
    if (now_ns - last_default_ns >= default_interval_ns) {
      last_default_ns = now_ns;
      follow_default_procs();
    }
    bool acted = false;
    const bool running = turn(now_ns, acted);
    // relaxed: a note; made before the processor that it tells of became idle again (under lock).
    if (stirred.exchange(false, std::memory_order_relaxed) || running) {
      active_since_shrink = true;
      deadlock.stirred(now_ns);
    }
    // seq_cst: pairs with sysmon_look_again(). acted: timers or events, on this thread.
    if (look_again.exchange(false, std::memory_order_seq_cst) || acted) deadlock.again();
    if (running) {
      idle_since_ns = 0;
    } else if (idle_since_ns == 0) {
      idle_since_ns = now_ns;
    }
    if (now_ns - last_shrink_ns > shrink_interval_ns && active_since_shrink) {
      last_shrink_ns = now_ns;
      // What was parked or freed since the last time has now rested for up to an interval. One more
      // pass comes after the last activity.
      active_since_shrink = running;
      shrinking = trimming = true;
    }
    if (shrinking) {
      std::size_t shrunk = 0;
      shrinking = shrink_step(shrunk);
      if (shrunk > 0) active_since_shrink = true;
    }
    if (trimming) trimming = stack_pool_trim(trim_max) == trim_max;
    if (shrinking || trimming) acted = true;
    quiet_turns = acted ? 0 : quiet_turns + 1;
    if (acted) {
      delay_ns = turn_min_ns;
    } else if (quiet_turns > 50) {
      // relaxed: a hint.
      const bool idle_beside = sched.idle_processors.load(std::memory_order_relaxed) != 0 && running;
      const std::int64_t bound_ns = idle_beside ? turn_max_idle_beside_ns : turn_max_ns;
      delay_ns = delay_ns * 2 < bound_ns ? delay_ns * 2 : bound_ns;
    }
    const bool eager = sched.eager_looks.load(std::memory_order_relaxed);  // relaxed: set by tests, before
    const bool at_rest = idle_since_ns != 0 && (now_ns - idle_since_ns > rest_after_ns || eager);
    if (eager) {
      deadlock.again();
      delay_ns = turn_min_ns;
    }
    if (at_rest) deadlock.look_if_due(now_ns, eager);
    if (at_rest && !eager && !active_since_shrink && !shrinking && !trimming && trace_ns == never_ns &&
        !stall_pending) {
      if (deadlock.due()) {
        delay_ns = deadlock.next_ns() > now_ns ? deadlock.next_ns() - now_ns : turn_min_ns;
        continue;
      }
      sleep_until_needed(deadlock);
      delay_ns = turn_min_ns;
      quiet_turns = 0;
      idle_since_ns = 0;
    }
  }
}

}  // namespace gos::rt
