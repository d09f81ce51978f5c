// See alone.hpp.
#include "sched/alone.hpp"

#include "platform/membarrier.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

alignas(cache_line_size) constinit std::atomic<bool> alone{false};

namespace {

// Under scheduler::lock: all processors but one, the caller's, rest.
bool others_rest_locked() noexcept {
  const int count = sched.processor_count.load(std::memory_order_acquire);  // acquire: pairs with set_processor_count()
  int resting = static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed));  // relaxed: written under lock
  for (int i = 0; i < count; ++i) {
    if (sched.processors[i].load(std::memory_order_relaxed)->retired) ++resting;  // relaxed: behind the count
  }
  return resting == count - 1;
}

}  // namespace

void object_lock::lock_slow() noexcept {
  note_crossing(crossing_lock_ns);
  word_.lock_slow();
}

void alone_consider(processor* pp, std::int64_t now_ns) noexcept {
  if (now_ns < pp->alone_look_ns) return;
  pp->alone_look_ns = now_ns + sched.alone_after_ns;
  // relaxed, all: a look before the lock is taken.
  if (alone.load(std::memory_order_relaxed) ||
      static_cast<int>(sched.idle_processors.load(std::memory_order_relaxed)) + 1 <
          sched.max_procs.load(std::memory_order_relaxed)) {
    return;
  }
  if (!membarrier_available || sched.never_alone) return;
  spin_guard guard(sched.lock);
  // No processor has become active, and no thread has come, since the last look: it will last.
  const bool quiet = sched.changes == sched.alone_changes;
  sched.alone_changes = sched.changes;
  if (!quiet || sched.crowd != 0 || !others_rest_locked()) return;
  sched.alone_processor = pp;
  sched.crossing.store(nullptr, std::memory_order_relaxed);  // relaxed: whoever gets in takes the lock first
  alone.store(true, std::memory_order_relaxed);  // relaxed: for this thread, until cross()
}

void alone_end_locked() noexcept {
  if (!alone.load(std::memory_order_relaxed)) return;  // relaxed: written under lock
  alone.store(false, std::memory_order_relaxed);       // relaxed: pairs with the membarrier in cross_slow()
  const machine* mp = this_machine();
  // relaxed, both: its own words. In kernel mode the processor is its own; this very thread needs no telling.
  const bool by_itself = mp->in_kernel.load(std::memory_order_relaxed) != 0 &&
                         sched.alone_processor->owner.load(std::memory_order_relaxed) == mp;
  // relaxed: published by the lock.
  if (!by_itself) sched.crossing.store(sched.alone_processor, std::memory_order_relaxed);
}

void cross_slow(processor* first) noexcept {
  membarrier_all();
  // acquire: pairs with attach(), detach() and take_end(). Another owner than one that is seen here came after the barrier.
  machine* mp = first->owner.load(std::memory_order_acquire);
  backoff wait;
  while (mp != nullptr && mp != this_machine() &&
         mp->in_kernel.load(std::memory_order_acquire) != 0 &&  // acquire: pairs with kernel_leave()
         first->owner.load(std::memory_order_acquire) == mp &&  // acquire: as above
         !mp->resting.load(std::memory_order_relaxed)) {        // relaxed: it has stopped for good
    wait.pause();
  }
  // relaxed: who fails has been here with others. Nobody can have become alone again meanwhile: we are active, or in the crowd.
  sched.crossing.compare_exchange_strong(first, nullptr, std::memory_order_release, std::memory_order_relaxed);
}

void crowd_join() noexcept {
  {
    spin_guard guard(sched.lock);
    ++sched.crowd;
    alone_end_locked();
  }
  cross();
}

void crowd_leave() noexcept {
  spin_guard guard(sched.lock);
  --sched.crowd;
}

}  // namespace gos::rt
