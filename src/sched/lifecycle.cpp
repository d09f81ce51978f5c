// lifecycle: the runtime's start at first use, the set of processors, the main goroutine, the end.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/race.hpp"
#include "platform/clock.hpp"
#include "platform/environment.hpp"
#include "platform/membarrier.hpp"
#include "platform/shadow_stack.hpp"
#include "platform/signals.hpp"
#include "platform/thread.hpp"
#include "sched/dump_request.hpp"
#include "sched/sched.hpp"
#include "sched/stalls.hpp"
#include "sched/watch.hpp"

#if defined(GOS_ASAN)
extern "C" void __lsan_register_root_region(const void* begin, std::size_t size);
#endif

namespace gos::rt {

constinit scheduler sched;

namespace {

spin_lock start_lock;

// The number of processors for a wish of 1 or more.
int within_limit(int n) noexcept { return n < max_procs_limit ? n : max_procs_limit; }

// GOS_MAXPROCS: a positive whole number, or 0: anything else means the default (RT-01).
int procs_from_environment() noexcept {
  const char* text = std::getenv("GOS_MAXPROCS");
  if (text == nullptr) return 0;
  int value = 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0 ? within_limit(value) : 0;
}

std::uint64_t seed_from_environment() noexcept {
  const char* text = std::getenv("GOS_SEED");
  if (text != nullptr && *text != '\0') return std::strtoull(text, nullptr, 0);
  return static_cast<std::uint64_t>(monotonic_ns());
}

std::uint64_t seed = 0;

processor* processor_new(int id) noexcept {
  auto* pp = new (std::nothrow) processor;
  if (pp == nullptr) fatal("out of memory: no room for processor %d", id);
  pp->id = static_cast<std::uint32_t>(id);
  pp->random = random_generator(seed + static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15ULL);
  pp->retired = true;  // until put among the idle
  return pp;
}

// The home of a main goroutine is out of its loop: sysmon need not end the process, unless it does already.
void leave_before_exit(machine* mp) noexcept {
  // relaxed: set by main_ended() before it told us to quit, under lock.
  if (sched.main_home.load(std::memory_order_relaxed) != mp) return;
  // acq_rel: pairs with end_if_held() of sysmon: either it ends the process, or we go on.
  if (sched.main_ended_ns.exchange(0, std::memory_order_acq_rel) == exit_begun) stop_for_good();
}

void start_locked() noexcept {
  if (shadow_stack_enabled()) {
    fatal("user-mode shadow stacks (Intel CET) are enabled for this process; gossamer switches stacks without them: "
          "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
  }
  membarrier_init();
  sched.normal = membarrier_available ? revoke_state::none : revoke_state::fenced;
  sched.stack_class = stack_default_class();
  sched.migrate = debug_flag("migrate");
  sched.never_alone = debug_flag("noalone");
  debug_complain();
  traceback();  // read now, while that may take its time
  crash_limit(std::int64_t{debug_number("crash_limit")} * 1'000'000);
  watch_init();
  stalls_init();
  trace_init();
  seed = seed_from_environment();
  signals_init(on_overflow, on_fault);
  dump_requests_init();
  sched.coarse_ns.store(monotonic_ns(), std::memory_order_relaxed);  // relaxed: told to people only
  const int wanted = procs_from_environment();
  const int procs = wanted != 0 ? wanted : within_limit(default_procs());
  sched.follows_default.store(wanted == 0, std::memory_order_relaxed);  // relaxed: written under start_lock
  cpu_count();  // fixed now (RT-05)
  sched.max_procs.store(procs, std::memory_order_relaxed);  // relaxed: published by started
  for (int id = 0; id < procs; ++id) {
    sched.processors[id].store(processor_new(id), std::memory_order_relaxed);  // relaxed: published by the count
  }
  sched.processor_count.store(procs, std::memory_order_release);  // release: pairs with search(), turn() and all who walk them
  {
    spin_guard guard(sched.lock);
    for (int id = procs; id-- > 0;) {
      processor* pp = sched.processors[id].load(std::memory_order_relaxed);  // relaxed: set above
      pp->retired = false;
      idle_processor_put_locked(pp);
    }
  }
  std::atexit(stop_for_exit);
  thread_on_fork(in_forked_child);
  if (!thread_start(sysmon_body, nullptr, "gos-sysmon", std::size_t{256} << 10)) {
    fatal("cannot start the watchdog thread: the system's limit on threads is reached (ulimit -u)");
  }
}

}  // namespace

// The process is about to run static destructors: every machine stops for good at its next entry
// into the runtime. Those that are inside are waited for, a second in all. User code that never enters
// cannot be stopped.
void stop_for_exit() noexcept {
  if (sched.forked.load(std::memory_order_relaxed)) return;  // relaxed: there is one thread, and no machine to stop
  machine* self_machine = this_machine();
  sched.exit_machine.store(self_machine, std::memory_order_relaxed);  // relaxed: published by exiting
  // seq_cst: pairs with find_runnable() and acquire_processor().
  if (sched.exiting.exchange(true, std::memory_order_seq_cst)) return;
  crowd_join();  // for good: exit handlers use objects without a processor
  const std::int64_t deadline_ns = monotonic_ns() + 1'000'000'000;
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    if (mp == self_machine || mp->foreign) continue;
    backoff wait;
    // Asked again and again: a request is dropped when the processor changes hands.
    while (!mp->resting.load(std::memory_order_relaxed) && monotonic_ns() < deadline_ns) {  // relaxed: a hint
      const bool asked = ask_machine(mp, request::reschedule);
      membarrier_all();
      // acquire: pairs with kernel_leave(). In user mode it will stop at its entry if it has to ask for a processor there, or
      // finds our request. Only ours: who takes a processor, or work from it, sets the same word and asks for nothing. The
      // second look is for a machine that has just got a processor, and dropped the request, on its way out.
      if (mp->in_kernel.load(std::memory_order_acquire) == 0) {
        const revoke_state state = mp->revoked.load(std::memory_order_acquire);  // acquire: as above
        if (state == revoke_state::gone || (asked && state != sched.normal)) break;
      }
      wait.pause();
    }
  }
  if (sched.watched != 0 && report_hook != nullptr) report_hook(report_kind::at_exit, nullptr);
#if defined(GOS_ASAN)
  // What goroutines that never ended still hold is reachable, not leaked.
  for (std::size_t index = goroutine_capacity(); index-- > 0;) {
    goroutine* gp = goroutine_at(index);
    __lsan_register_root_region(gp, sizeof *gp);
    if (gp->stack_base == nullptr) continue;
    const stack_slot slot = gp->stack();
    __lsan_register_root_region(slot.low(), static_cast<std::size_t>(slot.top() - slot.low()));
  }
#endif
}

void ensure_started() noexcept {
  // acquire: pairs with the release below.
  if (GOS_LIKELY(sched.started.load(std::memory_order_acquire))) return;
  spin_guard guard(start_lock);
  if (sched.started.load(std::memory_order_relaxed)) return;  // relaxed: under start_lock
  start_locked();
  sched.started.store(true, std::memory_order_release);  // release: pairs with the acquire above
}

bool poller_ensure_open() noexcept {
  if (sched.poller_open.load(std::memory_order_acquire)) return true;  // acquire: pairs with the release below
  spin_guard guard(start_lock);
  if (sched.poller_open.load(std::memory_order_relaxed)) return true;  // relaxed: under start_lock
  auto* events = ::new (sched.poller_storage) poller;
  if (!events->open()) return false;
  sched.poller_open.store(true, std::memory_order_release);  // release: pairs with the acquire above
  return true;
}

namespace {

// Under start_lock. n is 1 or more.
void resize(int n) noexcept {
  const int old = sched.max_procs.load(std::memory_order_relaxed);  // relaxed: written under start_lock
  if (n == old) return;
  const int existing = sched.processor_count.load(std::memory_order_relaxed);  // relaxed: written under start_lock
  for (int id = existing; id < n; ++id) {
    sched.processors[id].store(processor_new(id), std::memory_order_relaxed);  // relaxed: published by the count
  }
  if (n > existing) sched.processor_count.store(n, std::memory_order_release);  // release: as in start_locked()
  processor* surplus = nullptr;
  {
    spin_guard guard(sched.lock);
    sched.max_procs.store(n, std::memory_order_relaxed);  // relaxed: a processor beyond it is retired when seen
    for (int id = old; id < n; ++id) {
      processor* pp = sched.processors[id].load(std::memory_order_relaxed);  // relaxed: set above or before
      if (pp->retired) {
        pp->retired = false;
        idle_processor_put_locked(pp);
      }
    }
    // Idle ones beyond the number leave the idle list.
    processor* keep = nullptr;
    while (processor* pp = idle_processor_take_locked()) {
      processor*& list = static_cast<int>(pp->id) < n ? keep : surplus;
      pp->idle_next = list;
      list = pp;
    }
    while (keep != nullptr) {
      processor* pp = keep;
      keep = pp->idle_next;
      idle_processor_put_locked(pp);
    }
  }
  while (surplus != nullptr) {
    processor* pp = surplus;
    surplus = pp->idle_next;
    retire(pp);
  }
  // relaxed: they exist.
  for (int id = n; id < old; ++id) ask(sched.processors[id].load(std::memory_order_relaxed), request::reschedule);
  wake_one();
}

}  // namespace

int set_processor_count(int n) noexcept {
  ensure_started();
  spin_guard one_at_a_time(start_lock);
  const int old = sched.max_procs.load(std::memory_order_relaxed);  // relaxed: written under start_lock
  if (n < 1) return old;
  sched.follows_default.store(false, std::memory_order_relaxed);  // relaxed: looked at again under start_lock
  resize(within_limit(n));
  return old;
}

void set_default_processor_count() noexcept {
  ensure_started();
  // Not by this thread's affinity, which may be its own affair. relaxed: a number.
  const int n = within_limit(default_procs(sched.sysmon_thread.load(std::memory_order_relaxed)));
  spin_guard one_at_a_time(start_lock);
  sched.follows_default.store(true, std::memory_order_relaxed);  // relaxed: as above
  resize(n);
}

void follow_default_procs() noexcept {
  // relaxed: looked at again under start_lock.
  if (!sched.follows_default.load(std::memory_order_relaxed)) return;
  const int n = within_limit(default_procs());
  if (!start_lock.try_lock()) return;  // next time
  // relaxed: under start_lock. Somebody may have set it since the look above.
  if (sched.follows_default.load(std::memory_order_relaxed)) resize(n);
  start_lock.unlock();
}

// gp begins on this thread, locked to it (RT-09), and unlocks itself as its first act.
void run_main_goroutine(goroutine* gp) noexcept {
  machine* before = this_machine();
  machine* mp = machine_new();
  goroutine_extra_of(*gp).home = mp;
  static std::atomic<bool> first{true};
  // relaxed: only who is first matters.
  if (first.exchange(false, std::memory_order_relaxed)) gp->id = 1;
  race_release(gp);
  if (before->foreign) crowd_leave();  // until the thread is a plain one again
  machine_adopt_thread(mp);
  mp->home = true;
  lock_to_machine(gp, mp);
  sched.machine_count.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
  sched.foreign_started.fetch_add(1, std::memory_order_relaxed);  // relaxed: a counter
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
  processor* pp = idle_processor_take();
  if (pp != nullptr) {
    attach(mp, pp);
    mp->handoff = gp;
  } else {
    goroutine_list one;
    one.push_back(gp);
    global_push_list(one);
  }
  scheduler_loop(mp);
  signal_stack_detach();
  thread_self_set(before);
  if (before->foreign) crowd_join();
  leave_before_exit(mp);
  machine_left(mp);
  // Once more, to come before the destructors of statics that were first made while it ran (SP-11).
  std::atexit(stop_for_exit);
}

void main_has_returned() noexcept { this_machine()->current->extra->returned = true; }

void set_exit_status(int status) noexcept {
  sched.exit_status.store(status, std::memory_order_relaxed);  // relaxed: published by main_ended_ns
}

int set_thread_limit(int n) noexcept {
  ensure_started();
  // relaxed: a limit, nothing is published with it.
  if (n < 1) return sched.max_threads.load(std::memory_order_relaxed);
  const int old = sched.max_threads.exchange(n, std::memory_order_relaxed);  // relaxed: as above
  if (machine_total() > n) thread_exhaustion(n);
  return old;
}

int idle_processor_count() noexcept {
  return static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed));  // relaxed: a snapshot
}

int machine_total() noexcept {
  return sched.machine_count.load(std::memory_order_relaxed);  // relaxed: a count
}

}  // namespace gos::rt
