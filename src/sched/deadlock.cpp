// deadlock: knows when nothing can ever run again (DL-01 to DL-10), and says so.
//
// sysmon asks once when all processors have come to rest, and again only when it is told that what stood against it may
// have changed. So an idle program has no periodic wake-ups for this, and a deadlock is found when its last goroutine
// blocks, or when the last thread ends or parks that could have helped.
//
// What is looked at. The kernel's count of this process's threads is taken between two looks under scheduler::lock. It is a
// deadlock if
//   (a) under the lock, both times: every processor is in the idle list or retired, nothing is in the global queue, no
//       thread is about to be born, no timer is pending, nobody waits in the poller, no signal is relayed, the process is
//       not ending; every machine that has a thread rests: asleep in the idle list, in the poller, for the goroutine locked
//       to it, or for the end of main; and something waits: a goroutine, a plain thread, or the place of a main goroutine
//       that left by goexit;
//   (b) scheduler::changes was the same both times;
//   (c) the count between equals that of the threads that rest: those machines, the plain threads that are parked in one of
//       our objects, the library's own that wait for work, and sysmon, which asks.
//
// Why that is enough. All of (a) is changed only by a thread that runs: by one that has a processor, or by a plain one. A
// resting thread is set going only by such a one, by a timer, the poller or a signal; and whoever wakes it changes
// `changes` first, under the lock: takes a processor from the idle list for a machine, or marks a plain thread as woken
// (ready_thread) before it can leave. By (b) no resting thread moved between the looks; so at the moment of the count all
// those that the second look counts were there and rested, and by (c) there was no other. From that moment on nobody is left
// who could change anything. A thread that is woken but has not got so far is not counted as resting; one that is about to
// be made has a maker that runs. A machine that runs a goroutine without a processor, in a call that blocks, does not rest.
// A hand-over from a timer or the poller that is under way has a machine that does not rest, or is sysmon's own.
//
// Why none is missed. Whatever stands against it ends in one of these ways, and each makes sysmon ask again:
//   - a machine gets a processor (attach() calls sysmon_wake()), or goes to rest without one (sysmon_note_locked());
//   - sysmon itself has fired a timer or delivered an event;
//   - a plain thread parks, or one that has met the runtime or is a machine's ends (thread_has_rested());
//   - any other thread ends: then it is the one that sysmon waits for (platform/thread_watch.hpp), because it was found
//     beyond those that rest. One is enough: while it runs there is no deadlock.
//   Before Linux 6.9 the end of a thread cannot be waited for. There sysmon looks again after as long as it has been waiting
//   already, up to a minute.
// Where /proc is not mounted nobody can be counted, and no deadlock is reported.
//
// Rejected: to believe plain threads that they never help (false reports; Go gives up altogether in a library); to ask
// every few milliseconds; to walk /proc/self/task for the decision, which may skip a thread while others end.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/fatal.hpp"
#include "platform/signal_relay.hpp"
#include "platform/thread.hpp"
#include "platform/thread_watch.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

// seq_cst, all uses: pairs with each other and with scheduler::lock: a thread that rests after sysmon's first look sees the
// wish, one that did before is seen by the look.
std::atomic<bool> wish_to_know{false};

struct look {
  bool still = false;          // (a)
  std::uint64_t changes = 0;   // (b)
  int resting = 0;             // (c)
};

bool rests_locked(const machine* mp) noexcept {
  if (mp->quit.load(std::memory_order_relaxed)) return false;  // relaxed: under lock
  return mp->idle || mp->parked || mp->waits_for_locked || sched.poll_machine == mp;
}

bool processors_rest_locked() noexcept {
  // acquire: pairs with set_processor_count(). Those that it adds later are retired until somebody takes the lock.
  const int count = sched.processor_count.load(std::memory_order_acquire);
  int resting = 0;
  for (const processor* pp = sched.idle_list; pp != nullptr; pp = pp->idle_next) ++resting;
  for (int i = 0; i < count; ++i) {
    if (sched.processors[i].load(std::memory_order_relaxed)->retired) ++resting;  // relaxed: behind the count
  }
  return resting == count;
}

// relaxed, all: what others have written is seen through the lock, under which they came to rest.
bool nothing_due_locked() noexcept {
  return sched.global.empty() && sched.births == nullptr && earliest_timer_ns() == never_ns &&
         sched.poll_waiters.load(std::memory_order_relaxed) <= 0 && !relay_enabled() &&
         !sched.exiting.load(std::memory_order_relaxed) && sched.main_ended_ns.load(std::memory_order_relaxed) == 0;
}

// Calls each(record) for every thread that rests. False: some machine does not.
template <class F> bool for_each_resting_locked(F each) noexcept {
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    if (!mp->alive.load(std::memory_order_relaxed)) continue;  // relaxed: its thread, if there is one yet, is not counted
    if (!rests_locked(mp)) return false;
    each(mp);
  }
  for (machine* mp = sched.foreigners; mp != nullptr; mp = mp->all_next) {
    if (mp->thread_parked) each(mp);
  }
  return true;
}

look take_look() noexcept {
  look now;
  spin_guard guard(sched.lock);
  now.changes = sched.changes;
  if (!processors_rest_locked() || !nothing_due_locked()) return now;
  bool waits = goroutine_count() != 0 || sched.main_goexited.load(std::memory_order_relaxed);  // relaxed: as above
  now.still = for_each_resting_locked([&](const machine* mp) {
    ++now.resting;
    if (mp->foreign && !mp->helper) waits = true;
  });
  if (!waits) now.still = false;
  return now;
}

// The numbers of the threads that rest, and sysmon's.
std::vector<int> resting_threads(int about) {
  std::vector<int> ids;
  ids.reserve(static_cast<std::size_t>(about) + 64);  // more have come since: then one of those is taken for one that runs
  ids.push_back(thread_id());
  {
    spin_guard guard(sched.lock);
    // relaxed: a number.
    for_each_resting_locked([&](const machine* mp) {
      if (ids.size() < ids.capacity()) ids.push_back(mp->thread.load(std::memory_order_relaxed));
    });
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Plain threads have no stack to show.
void describe_plain_threads() noexcept {
  for (const machine* mp = sched.foreigners; mp != nullptr; mp = mp->all_next) {
    if (!mp->thread_parked || mp->helper) continue;
    char text[128];
    // relaxed: it rests for good.
    std::snprintf(text, sizeof text, "\nthread %d [%s]: not a goroutine\n", mp->thread.load(std::memory_order_relaxed),
                  wait_reason_text(mp->g0.reason.load(std::memory_order_relaxed)));
    write_error(text);
  }
}

}  // namespace

standstill look_for_deadlock(int& thread) noexcept {
  wish_to_know.store(true, std::memory_order_seq_cst);  // seq_cst: see there
  thread = 0;
  const look first = take_look();
  if (!first.still) return standstill::none;
  const int resting = first.resting + 1;
  const int threads = running_threads(resting);
  if (threads == 0) return standstill::none;  // there is no telling
  if (threads != resting) {
    const std::vector<int> ids = resting_threads(resting);
    thread = thread_beyond(ids.data(), ids.size());
    return standstill::by_threads;
  }
  const look second = take_look();
  if (!second.still || second.changes != first.changes) return standstill::by_threads;
  return standstill::for_good;
}

void report_deadlock() noexcept {
  crash_begin();
  // relaxed: nobody runs who could change it.
  const bool nobody_waits = goroutine_count() == 0 && sched.main_goexited.load(std::memory_order_relaxed);
  write_error(nobody_waits ? "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
                           : "fatal error: all goroutines are asleep - deadlock!\n");
  describe_plain_threads();
  if (crash_hook != nullptr && goroutine_count() != 0) crash_hook(nullptr, crash_part::the_others);
  crash_end(2);
}

void thread_has_rested() noexcept {
  // seq_cst, both: see wish_to_know.
  if (wish_to_know.load(std::memory_order_seq_cst) && wish_to_know.exchange(false, std::memory_order_seq_cst)) {
    sysmon_look_again();
  }
}

}  // namespace gos::rt
