// machine: making them, and their threads. See machine.hpp.
//
// A new thread inherits the state of the one that makes it: affinity, priority, signal mask, namespaces. A goroutine that
// is locked to its thread may have changed that; so may the program's own threads. Those ask sysmon, whose thread no user
// code ever sees, to make it (RT-08). The end of a goroutine that is still locked is the end of its thread.
#include "sched/machine.hpp"

#include <cstdio>
#include <new>
#include <utility>

#include "platform/signals.hpp"
#include "platform/thread.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

// g0 of a machine's thread: small, the runtime's own code only, but on_event and fire run here too.
constexpr std::size_t thread_stack_size = std::size_t{256} << 10;

machine* free_machines = nullptr;  // under scheduler::lock
std::atomic<std::uint32_t> last_id{0};

void thread_body(void* argument) noexcept {
  auto* mp = static_cast<machine*>(argument);
  machine_adopt_thread(mp);
  attach(mp, mp->given.exchange(nullptr, std::memory_order_relaxed));  // relaxed: set before the thread was started
  mp->searching = std::exchange(mp->given_searching, false);
  scheduler_loop(mp);
  // The loop was left: a locked goroutine has ended here, or nobody has needed the thread for long. The destructors of
  // thread-locals are yet to come.
  // relaxed: seen late, it does no harm.
  if (sched.exiting.load(std::memory_order_relaxed)) stop_for_good();
  race_acquire(&mp->locked);  // pairs with ended()
  signal_stack_detach();
  thread_self_set(&gos_thread_nobody);
  machine_left(mp);
}

// The state of this thread is the runtime's own: safe to inherit.
bool clean_thread() noexcept {
  const machine* mp = this_machine();
  return mp != &gos_thread_nobody && !mp->foreign && !mp->leaving && mp->locked == nullptr;
}

void start_thread(machine* mp) noexcept {
  if (thread_start(thread_body, mp, "gossamer", thread_stack_size)) return;
  fatal("cannot start thread %d: the system's limit is reached (ulimit -u, cgroup pids.max); "
        "a goroutine that blocks its thread holds one",
        machine_total());
}

}  // namespace

machine* machine_new() noexcept {
  {
    spin_guard guard(sched.lock);
    if (free_machines != nullptr) {
      machine* mp = free_machines;
      free_machines = mp->free_next;
      return mp;
    }
  }
  auto* mp = new (std::nothrow) machine;
  if (mp == nullptr) fatal("out of memory: no room for another thread");
  mp->id = last_id.fetch_add(1, std::memory_order_relaxed);  // relaxed: ids are unique, nothing more
  // relaxed: the exchange below publishes.
  mp->all_next = sched.machines.load(std::memory_order_relaxed);
  // release: pairs with hold_settle() and stop_for_exit(), which walk the list. relaxed: a failure is tried again.
  while (!sched.machines.compare_exchange_weak(mp->all_next, mp, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return mp;
}

machine* machine_that_runs(const goroutine* gp) noexcept {
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    if (__atomic_load_n(&mp->current, __ATOMIC_RELAXED) == gp) return mp;  // relaxed: a snapshot
  }
  return nullptr;
}

void machine_left(machine* mp) noexcept {
  mp->thread.store(0, std::memory_order_relaxed);               // relaxed: nobody is asked any more
  mp->in_kernel.store(0, std::memory_order_relaxed);            // relaxed: nobody's, and without a processor
  mp->alive.store(false, std::memory_order_relaxed);            // relaxed: for traces
  sched.machine_count.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count
  {
    spin_guard guard(sched.lock);
    mp->free_next = free_machines;
    free_machines = mp;
  }
  thread_has_rested();
}

void machine_adopt_thread(machine* mp) noexcept {
  mp->exceptions = thread_eh_globals();
  float_save(mp->float_initial);
  mp->float_default = float_control();
  mp->g0.flags = goroutine_flag::thread;
  mp->g0.state.store(goroutine_state::running, std::memory_order_relaxed);  // relaxed: own
  mp->current = &mp->g0;
  mp->in_kernel.store(1, std::memory_order_relaxed);  // relaxed: it has no processor yet
  mp->quit.store(false, std::memory_order_relaxed);   // relaxed: own until it rests
  mp->alive.store(true, std::memory_order_relaxed);   // relaxed: for traces
  mp->thread.store(thread_id(), std::memory_order_relaxed);  // relaxed: a number
  mp->home = mp->leaving = false;
  mp->locked = nullptr;
#if defined(GOS_TSAN) || defined(GOS_ASAN)
  mp->g0.fiber = fiber_state{};
  fiber_adopt_thread(mp->g0.fiber);
#endif
  thread_self_set(mp);
  signal_stack_attach();
  race_release(mp);  // pairs with finish_switch(): thread-locals are initialised before any goroutine runs here
}

void machine_thread_start(machine* mp) noexcept {
  // relaxed: a limit, not a lock.
  const int threads = sched.machine_count.fetch_add(1, std::memory_order_relaxed) + 1;
  const int limit = sched.max_threads.load(std::memory_order_relaxed);  // relaxed: a limit
  if (threads > limit) thread_exhaustion(limit);
  if (clean_thread()) {
    start_thread(mp);
    return;
  }
  {
    spin_guard guard(sched.lock);
    mp->free_next = sched.births;
    sched.births = mp;
  }
  sysmon_hurry();
}

void machine_threads_born() noexcept {
  for (;;) {
    machine* mp = nullptr;
    {
      spin_guard guard(sched.lock);
      mp = sched.births;
      if (mp == nullptr) return;
      sched.births = mp->free_next;
    }
    start_thread(mp);
  }
}

void thread_exhaustion(int limit) noexcept {
  crash_begin();
  char text[96];
  std::snprintf(text, sizeof text, "runtime: program exceeds %d-thread limit\n", limit);
  write_error(text);
  fatal("thread exhaustion");
}

}  // namespace gos::rt
