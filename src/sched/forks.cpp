// forks: the list of calls that a goroutine offers while it runs. See forks.hpp and include/gossamer/detail/fork.hpp.
//
// fork_join(f, g) links g into the list, runs f, and takes g back and runs it: some sixty instructions, for nearly always nobody
// has come for it. Who searches for work asks the machine as for its queues (share() in revoke.cpp), or takes by force while
// it runs user code, and gets the oldest call, which in a tree of calls is the largest: it becomes a goroutine. The forker
// then waits for that goroutine's end as for any other.
//
// INV1 The list belongs to the machine: to the goroutine that runs on it now. It is touched by that machine in kernel mode,
//      or by who holds the machine's processor between take_begin() and take_end(), so nothing in it is atomic but what
//      others read as a hint.
// INV2 A goroutine that is left offers nothing: forks_promote_all() comes before each switch. Its flag `forking` takes it off
//      the switch's fast path. So on whichever machine it goes on, its own calls are found in the list, newest first, and
//      below them none of another goroutine.
// INV3 A call is in the list from fork_offer() to fork_take_back(), or until somebody takes it; take_back() tells the two
//      apart by the list's newest, since everything newer has been taken back or taken away before.
//
// Rejected: a deque for each processor with atomic operations at both ends (Chase-Lev): its owner pays a full fence for each
// call taken back. Calls that stay behind on the processor when their goroutine moves: each
// would have to be looked for in other processors' lists.
#include "sched/forks.hpp"

#include <gossamer/detail/fork.hpp>

#include <cstddef>
#include <exception>
#include <new>

#include "base/race.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

using detail::fork_job;

namespace {

void finish(fork_job& job) noexcept {
  race_release(&job);
  kernel_section kernel;
  goroutine* forker = job.forker;
  // acq_rel: pairs with fork_wait(): either it sees that the call has ended, or we see that it waits. After this the job is
  // gone if it did not wait.
  if (job.state.exchange(fork_job::finished, std::memory_order_acq_rel) == fork_job::waited_for) ready(forker);
}

// The body of a goroutine that a call has become.
void run_taken(void* storage) {
  fork_job& job = **static_cast<fork_job**>(storage);
  race_acquire(&job);
  try {
    job.call(job);
  } catch (...) {
    // Null: the thread is being cancelled, which nobody can be told.
    job.failure = std::current_exception();
    if (job.failure == nullptr) throw;
  }
  finish(job);
}

void set_oldest(machine* mp, fork_job* job) noexcept {
  __atomic_store_n(&mp->oldest_fork, job, __ATOMIC_RELAXED);  // relaxed: others read a hint
}

// By the goroutine on mp itself, for flags are its own in user mode, too (lock_to_thread).
void no_longer_forking(machine* mp) noexcept {
  mp->current->flags = static_cast<std::uint8_t>(mp->current->flags & ~goroutine_flag::forking);
}

}  // namespace

bool forks_offered(const processor* pp) noexcept {
  const machine* mp = pp->owner.load(std::memory_order_relaxed);  // relaxed: a hint; machines are never freed
  return mp != nullptr && __atomic_load_n(&mp->oldest_fork, __ATOMIC_RELAXED) != nullptr;  // relaxed: a hint
}

goroutine* fork_promote(machine* mp, processor* pp) noexcept {
  fork_job* job = mp->oldest_fork;
  if (job == nullptr) return nullptr;
  goroutine* gp = goroutine_make(pp, 0, job->forker->id);
  if (gp == nullptr) return nullptr;
  ::new (static_cast<void*>(gp->inline_closure)) fork_job*(job);
  gp->closure = gp->inline_closure;
  gp->body = run_taken;
  gp->entry = job->forker->entry;
  // The place that is shown as the spawn: the function behind the call itself.
  gp->spawn_pc = reinterpret_cast<std::byte*>(reinterpret_cast<void*>(job->call)) + 1;
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
  race_release(gp);
  if (pp != nullptr) {
    // relaxed: the caller's own counter.
    pp->started.store(pp->started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    sched.foreign_started.fetch_add(1, std::memory_order_relaxed);  // relaxed: a counter
  }
  (job->newer != nullptr ? job->newer->older : mp->newest_fork) = nullptr;
  set_oldest(mp, job->newer);
  return gp;
}

void forks_promote_all(machine* mp) noexcept {
  goroutine_list taken;
  while (goroutine* gp = fork_promote(mp, mp->pp)) taken.push_back(gp);
  if (mp->oldest_fork != nullptr) fatal("out of memory: no room for the goroutine of a forked call");
  no_longer_forking(mp);
  global_push_list(taken);
}

}  // namespace gos::rt

namespace gos::detail {

using namespace gos::rt;

bool fork_offer(fork_job& job) noexcept {
  machine* mp = kernel_enter();
  if (GOS_UNLIKELY(mp->pp == nullptr)) {
    kernel_leave();
    return false;
  }
  race_release(&job);  // pairs with run_taken()
  goroutine* gp = mp->current;
  job.forker = gp;
  job.older = mp->newest_fork;
  mp->newest_fork = &job;
  if (job.older != nullptr) {
    job.older->newer = &job;
  } else {
    set_oldest(mp, &job);
    gp->flags = static_cast<std::uint8_t>(gp->flags | goroutine_flag::forking);
  }
  // relaxed: hints, see INV2 of scheduler.hpp.
  if (GOS_UNLIKELY(sched.idle_processors.load(std::memory_order_relaxed) != 0) &&
      sched.searching.load(std::memory_order_relaxed) == 0) {  // relaxed: a hint
    wake_one();
  }
  kernel_leave();
  return true;
}

bool fork_take_back(fork_job& job) noexcept {
  machine* mp = kernel_enter();
  const bool there = mp->newest_fork == &job;
  if (GOS_LIKELY(there)) {
    mp->newest_fork = job.older;
    if (GOS_LIKELY(job.older != nullptr)) {
      job.older->newer = nullptr;
    } else {
      set_oldest(mp, nullptr);
    }
  }
  if (mp->newest_fork == nullptr) no_longer_forking(mp);
  kernel_leave();
  return there;
}

void fork_wait(fork_job& job) noexcept {
  {
    kernel_section kernel;
    // acq_rel: pairs with finish().
    if (job.state.exchange(fork_job::waited_for, std::memory_order_acq_rel) != fork_job::finished) {
      park(wait_reason::join, &job);
    }
  }
  race_acquire(&job);
}

int fork_width() noexcept {
  ensure_started();
  return sched.max_procs.load(std::memory_order_relaxed);  // relaxed: a number
}

}  // namespace gos::detail
