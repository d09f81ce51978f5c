// revoke: who may touch a processor. The protocol of machine.hpp, both sides of it.
#include "platform/membarrier.hpp"
#include "sched/forks.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

// The machine's side: answers what was asked. In kernel mode with a processor, on a goroutine's stack.
void serve(machine* mp) noexcept {
  // acq_rel: pairs with ask_machine(): what the asker did before is seen, and our answer after.
  const std::uint32_t asked = mp->requests.exchange(0, std::memory_order_acq_rel);
  if ((asked & request::share) != 0) {
    share_forks(mp, mp->pp);
    share(mp->pp, false);
  }
  if ((asked & request::reschedule) != 0) give_way(mp, mp->current);
}

// Settles a word that is not `none`: the processor is ours, also after we took a request back, which is then served; or gone.
enum class passage { ours, served, gone };
passage resolve(machine* mp) noexcept {
  backoff wait;
  for (;;) {
    // acquire: pairs with take_end(): what the taker did to our processor is seen.
    revoke_state state = mp->revoked.load(std::memory_order_acquire);
    switch (state) {
      case revoke_state::none:
      case revoke_state::fenced: return passage::ours;
      case revoke_state::requested:
        // acq_rel: either we take the request back or a taker has won; both see the other's past.
        if (mp->revoked.compare_exchange_strong(state, sched.normal, std::memory_order_acq_rel,
                                                std::memory_order_relaxed)) {  // relaxed: tried again
          return passage::served;
        }
        break;
      case revoke_state::taking: wait.pause(); break;
      case revoke_state::gone: return passage::gone;
    }
  }
}

// The processor was taken: get one, or queue the goroutine and let the thread rest.
void acquire_processor(machine* mp) noexcept {
  mp->pp = nullptr;
  // acquire: pairs with stop_for_exit().
  if (sched.exiting.load(std::memory_order_acquire)) {
    // relaxed: written before exiting.
    if (sched.exit_machine.load(std::memory_order_relaxed) == mp) return;  // runs the exit handlers, like a plain thread
    stop_for_good();
  }
  goroutine* gp = mp->current;
  sched.lock.lock();
  // A machine that is to leave the loop must come past it: relaxed, under lock.
  processor* pp = mp->quit.load(std::memory_order_relaxed) ? nullptr : idle_processor_take_locked();
  if (pp == nullptr) {
    gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
    sched.global.push_back(gp);
    // relaxed: readers take it as a hint; the lock orders the queue.
    sched.global_size.store(sched.global.size(), std::memory_order_relaxed);
  }
  sched.lock.unlock();
  if (pp != nullptr) {
    attach(mp, pp);
  } else {
    // relaxed: a hint; who goes idle looks at the queue under the lock.
    if (sched.idle_processors.load(std::memory_order_relaxed) != 0) wake_one();
    switch_away_slow(mp, gp, nullptr);
  }
}

}  // namespace

machine* kernel_enter_slow(machine* mp) noexcept {
  if (mp->foreign) return mp;
  if (mp == &gos_thread_nobody) return foreign_adopt();
  // seq_cst: where membarrier is refused, this is the fence of INV1 (pairs with the one in take_begin).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  switch (resolve(mp)) {
    case passage::ours: break;
    case passage::served: serve(mp); break;
    case passage::gone: acquire_processor(mp); break;
  }
  return this_machine();
}

void kernel_leave_slow(machine* mp) noexcept {
  if (mp->foreign) return;
  // relaxed: a look; nothing to do if there is no processor or no request.
  while (mp->revoked.load(std::memory_order_relaxed) == revoke_state::requested) {
    mp->in_kernel.store(1, std::memory_order_relaxed);      // relaxed: as in kernel_enter
    std::atomic_thread_fence(std::memory_order_seq_cst);  // seq_cst: pairs with take_begin(), in either mode
    const passage way = resolve(mp);
    if (way == passage::gone) {
      // Taken between our exit and the look: user mode goes on without it.
      mp->in_kernel.store(0, std::memory_order_release);  // release: as in kernel_leave
      return;
    }
    if (way == passage::served) {
      serve(mp);
      mp = this_machine();
    }
    mp->in_kernel.store(0, std::memory_order_release);      // release: as in kernel_leave
    std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst: as in kernel_leave
  }
}

bool ask(processor* victim, std::uint32_t what) noexcept {
  // acquire: pairs with attach(): the machine's fields are set.
  machine* mp = victim->owner.load(std::memory_order_acquire);
  return mp != nullptr && ask_machine(mp, what);
}

bool ask_machine(machine* mp, std::uint32_t what) noexcept {
  if (!mp->revoker.try_lock()) return false;
  mp->requests.fetch_or(what, std::memory_order_acq_rel);  // acq_rel: pairs with serve()
  revoke_state expected = sched.normal;
  // acq_rel: pairs with resolve().
  const bool asked = mp->revoked.compare_exchange_strong(expected, revoke_state::requested, std::memory_order_acq_rel,
                                                         std::memory_order_relaxed) ||  // relaxed: a failure is only looked at
                     expected == revoke_state::requested;
  mp->revoker.unlock();
  return asked;
}

bool is_silent(const processor* pp) noexcept {
  // acquire: pairs with attach().
  const machine* mp = pp->owner.load(std::memory_order_acquire);
  return mp != nullptr && mp->requests.load(std::memory_order_relaxed) != 0;  // relaxed: a hint
}

machine* take_begin(processor* victim) noexcept {
  // acquire: pairs with attach().
  machine* mp = victim->owner.load(std::memory_order_acquire);
  if (mp == nullptr || !mp->revoker.try_lock()) return nullptr;
  revoke_state expected = sched.normal;
  // acq_rel: pairs with resolve().
  if (mp->revoked.compare_exchange_strong(expected, revoke_state::requested, std::memory_order_acq_rel,
                                          std::memory_order_relaxed) ||  // relaxed: a failure is only looked at
      expected == revoke_state::requested) {
    membarrier_all();
    // acquire: pairs with kernel_leave(): all that the machine did to its processor is seen.
    if (mp->in_kernel.load(std::memory_order_acquire) == 0) {
      expected = revoke_state::requested;
      // acq_rel: pairs with resolve(); from here on the machine waits at its next entry.
      if (mp->revoked.compare_exchange_strong(expected, revoke_state::taking, std::memory_order_acq_rel,
                                              std::memory_order_relaxed)) {  // relaxed: then it is not ours
        if (mp->pp == victim) return mp;
        take_end(mp, true);
        return nullptr;
      }
    }
  }
  mp->revoker.unlock();
  return nullptr;
}

void take_end(machine* mp, bool keep) noexcept {
  if (!keep) mp->pp->owner.store(nullptr, std::memory_order_release);  // release: pairs with cross_slow()
  // Kept: what others have asked for is still to be served. relaxed: they ask under revoker, which is held; a request that
  // is none any more costs the machine a look.
  const bool asked = mp->requests.load(std::memory_order_relaxed) != 0;
  // release: pairs with resolve(): what we did to the processor is seen by the machine.
  mp->revoked.store(keep ? (asked ? revoke_state::requested : sched.normal) : revoke_state::gone,
                    std::memory_order_release);
  mp->revoker.unlock();
}

void share_forks(machine* mp, processor* pp) noexcept {
  if (mp->pp->queued() > 0) return;
  goroutine_list one;
  if (goroutine* gp = fork_promote(mp, pp)) one.push_back(gp);
  if (!one.empty()) global_push_list(one);
}

void share(processor* pp, bool with_next) noexcept {
  goroutine_list half;
  // The oldest of the fresh are the largest subtrees, the oldest of the ready have waited longest.
  for (std::uint32_t n = (pp->fresh.size() + 1) / 2; n > 0; --n) half.push_back(pp->fresh.pop_front());
  for (std::uint32_t n = (pp->ready.size() + 1) / 2; n > 0; --n) half.push_back(pp->ready.pop_front());
  if (with_next) {
    goroutine* gp = pp->next.load(std::memory_order_relaxed);  // relaxed: ours
    if (gp != nullptr) {
      pp->next.store(nullptr, std::memory_order_relaxed);  // relaxed: ours
      half.push_back(gp);
    }
  }
  if (!half.empty()) global_push_list(half);
}

}  // namespace gos::rt
