// goroutine: the slab all goroutines come from, free lists, ids, texts. See goroutine.hpp.
//
// The slab is one reservation, used from its beginning and never given back: a goroutine's index and
// address never change, and walking [0, capacity) meets every goroutine.
#include "sched/goroutine.hpp"

#include <sys/mman.h>

#include <new>

#include "base/race.hpp"
#include "sched/debug_table.hpp"
#include "sched/sched.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

constinit std::atomic<goroutine*> goroutine_slab{nullptr};
constinit std::atomic<std::size_t> goroutine_slab_used{0};

namespace {

// Brings the debugger's table into every program: an archive's files come in only when somebody names them.
[[gnu::used]] const debug_table* const debug_table_linked = &gos_debug_table;

constexpr std::size_t slab_goroutines_max = std::size_t{1} << 28;
constexpr std::size_t slab_goroutines_min = std::size_t{1} << 16;
constexpr std::size_t chunk = 64;          // taken from the slab at once
constexpr std::size_t dump_step = 4096;    // a multiple of it: their bytes are whole pages of any size
constexpr std::uint64_t id_batch = 64;

std::size_t slab_size = 0;    // under scheduler::lock; immutable after the reservation
std::size_t slab_dumped = 0;  // under scheduler::lock: records that a core file would have, the used ones and some more

// Under scheduler::lock.
bool slab_ready_locked() noexcept {
  if (goroutine_slab.load(std::memory_order_relaxed) != nullptr) return true;  // relaxed: under lock
  for (std::size_t wanted = slab_goroutines_max; wanted >= slab_goroutines_min; wanted /= 2) {
    void* area = ::mmap(nullptr, wanted * sizeof(goroutine), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) continue;
    slab_size = wanted;
    // Or a core file would have the whole reservation, 64 GiB of zeroes: minutes, and where the kernel writes into a pipe, all
    // of them. Best effort.
    ::madvise(area, wanted * sizeof(goroutine), MADV_DONTDUMP);
    // release: pairs with goroutine_at().
    goroutine_slab.store(static_cast<goroutine*>(area), std::memory_order_release);
    return true;
  }
  return false;
}

// Under scheduler::lock. The records up to `used` are part of a core file.
void slab_dump_locked(goroutine* area, std::size_t used) noexcept {
  if (GOS_LIKELY(used <= slab_dumped)) return;
  ::madvise(area + slab_dumped, dump_step * sizeof(goroutine), MADV_DODUMP);
  slab_dumped += dump_step;
}

// Up to `chunk` goroutines linked through queue_next, or null.
goroutine* take_common(std::uint32_t& count) noexcept {
  spin_guard guard(sched.lock);
  count = 0;
  goroutine* first = nullptr;
  while (count < chunk && sched.free_goroutines != nullptr) {
    goroutine* gp = sched.free_goroutines;
    sched.free_goroutines = gp->queue_next;
    gp->queue_next = first;
    first = gp;
    ++count;
  }
  if (first != nullptr || !slab_ready_locked()) return first;
  const std::size_t used = goroutine_slab_used.load(std::memory_order_relaxed);  // relaxed: under lock
  if (used + chunk > slab_size) return nullptr;
  goroutine* all = goroutine_slab.load(std::memory_order_relaxed);  // relaxed: under lock
  slab_dump_locked(all, used + chunk);
  goroutine* area = all + used;
  for (std::size_t i = chunk; i-- > 0;) {
    auto* gp = ::new (area + i) goroutine;
    gp->queue_next = first;
    first = gp;
  }
  count = chunk;
  // release: pairs with goroutine_capacity(): these are constructed.
  goroutine_slab_used.store(used + chunk, std::memory_order_release);
  return first;
}

}  // namespace

goroutine* goroutine_at(std::size_t index) noexcept {
  return goroutine_slab.load(std::memory_order_acquire) + index;  // acquire: pairs with slab_ready_locked()
}

std::size_t goroutine_capacity() noexcept {
  return goroutine_slab_used.load(std::memory_order_acquire);  // acquire: pairs with take_common()
}

namespace {

// A plain thread takes one and leaves the others.
goroutine* take_without_processor() noexcept {
  std::uint32_t count = 0;
  goroutine* first = take_common(count);
  if (first == nullptr) return nullptr;
  if (GOS_UNLIKELY(sched.watched != 0)) watch_equip(first);
  goroutine* rest = first->queue_next;
  spin_guard guard(sched.lock);
  while (rest != nullptr) {
    goroutine* gp = rest;
    rest = gp->queue_next;
    gp->queue_next = sched.free_goroutines;
    sched.free_goroutines = gp;
  }
  return first;
}

bool refill(processor* pp) noexcept {
  pp->free_goroutines = take_common(pp->free_count);
  if (pp->free_goroutines == nullptr) return false;
  if (GOS_UNLIKELY(sched.watched != 0)) watch_equip(pp->free_goroutines);
  return true;
}

[[gnu::always_inline]] inline goroutine* take(processor* pp) noexcept {
  if (GOS_UNLIKELY(pp == nullptr)) return take_without_processor();
  if (GOS_UNLIKELY(pp->free_goroutines == nullptr) && !refill(pp)) return nullptr;
  goroutine* gp = pp->free_goroutines;
  pp->free_goroutines = gp->queue_next;
  --pp->free_count;
  return gp;
}

}  // namespace

void goroutine_give_slow(processor* pp, goroutine* gp) noexcept {
  if (GOS_UNLIKELY(pp == nullptr)) {
    spin_guard guard(sched.lock);
    gp->queue_next = sched.free_goroutines;
    sched.free_goroutines = gp;
    return;
  }
  // Half of them to the common list, but not gp itself: its machine may still be on its stack.
  goroutine* first = pp->free_goroutines;
  goroutine* last = first;
  for (std::uint32_t i = 1; i < free_goroutines_max / 2; ++i) last = last->queue_next;
  gp->queue_next = last->queue_next;
  pp->free_goroutines = gp;
  pp->free_count -= free_goroutines_max / 2 - 1;
  spin_guard guard(sched.lock);
  last->queue_next = sched.free_goroutines;
  sched.free_goroutines = first;
}

namespace {

// In the body of goroutine_prepare, which each spawn calls.
[[gnu::always_inline]] inline goroutine* make(processor* pp, std::uint8_t stack_class,
                                              std::uint64_t parent_id) noexcept {
  goroutine* gp = take(pp);
  if (GOS_UNLIKELY(gp == nullptr)) return nullptr;
  race_acquire(&gp->closure);  // pairs with the end of its last user
  if (pp != nullptr) {
    if (GOS_UNLIKELY(pp->id_next == pp->id_end)) {
      // relaxed: ids are unique, nothing more.
      pp->id_next = sched.next_id.fetch_add(id_batch, std::memory_order_relaxed);
      pp->id_end = pp->id_next + id_batch;
    }
    gp->id = pp->id_next++;
  } else {
    gp->id = sched.next_id.fetch_add(1, std::memory_order_relaxed);  // relaxed: as above
  }
  gp->parent_id = parent_id;
  gp->stack_class = stack_class != 0 ? stack_class : sched.stack_class;
  gp->flags = goroutine_flag::fresh;
  if (GOS_UNLIKELY(gp->extra != nullptr)) watch_renew(gp);
  return gp;
}

}  // namespace

goroutine* goroutine_make(processor* pp, std::uint8_t stack_class, std::uint64_t parent_id) noexcept {
  return make(pp, stack_class, parent_id);
}

goroutine* goroutine_prepare(std::uint8_t stack_class) noexcept {
  machine* mp = kernel_enter();
  goroutine* gp = make(mp->pp, stack_class, mp->current->id);
  kernel_leave();
  return gp;
}

void goroutine_discard(goroutine* gp) noexcept {
  machine* mp = kernel_enter();
  goroutine_give(mp->pp, gp);
  kernel_leave();
}

namespace {

[[gnu::always_inline]] inline void start(processor* pp, goroutine* gp) noexcept {
  race_release(gp);
  gp->state.store(goroutine_state::runnable, std::memory_order_relaxed);  // relaxed: for dumps
  if (GOS_UNLIKELY(pp == nullptr || sched.migrate)) {
    // relaxed: counters.
    if (pp == nullptr) {
      sched.foreign_started.fetch_add(1, std::memory_order_relaxed);
    } else {
      pp->started.store(pp->started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // relaxed: counter
    }
    goroutine_list one;
    one.push_back(gp);
    global_push_list(one);
  } else {
    pp->started.store(pp->started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // relaxed: owner's counter
    if (GOS_UNLIKELY(pp->fresh.full())) overflow(pp, pp->fresh);
    pp->fresh.push_back(gp);
    // relaxed: a hint, see INV2 of scheduler.hpp.
    if (GOS_UNLIKELY(sched.idle_processors.load(std::memory_order_relaxed) != 0) &&
        sched.searching.load(std::memory_order_relaxed) == 0 &&
        pp->shares.load(std::memory_order_relaxed)) {  // relaxed: a hint
      wake_one();
    }
  }
}

}  // namespace

void goroutine_start_in_kernel(goroutine* gp) noexcept { start(this_machine()->pp, gp); }

void goroutine_start(goroutine* gp) noexcept {
  start(kernel_enter()->pp, gp);
  kernel_leave();
}

goroutine_extra& goroutine_extra_of(goroutine& gp) noexcept {
  if (gp.extra == nullptr) gp.extra = new (std::nothrow) goroutine_extra;
  if (gp.extra == nullptr) {
    fatal("out of memory: no room for the name or lock of goroutine %llu", static_cast<unsigned long long>(gp.id));
  }
  return *gp.extra;
}

std::uint64_t goroutine_started() noexcept {
  std::uint64_t started = sched.foreign_started.load(std::memory_order_relaxed);  // relaxed: a counter
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    started += sched.processors[i].load(std::memory_order_relaxed)->started.load(std::memory_order_relaxed);  // relaxed: counters
  }
  return started;
}

std::size_t goroutine_count() noexcept {
  // Finished first: a goroutine that ends meanwhile is counted rather than missed.
  std::uint64_t finished = 0;
  // acquire: pairs with start_locked() and set_processor_count().
  const int count = sched.processor_count.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    // relaxed: behind the count. acquire: pairs with ended().
    finished += sched.processors[i].load(std::memory_order_relaxed)->finished.load(std::memory_order_acquire);
  }
  const std::uint64_t started = goroutine_started();
  return started > finished ? static_cast<std::size_t>(started - finished) : 0;
}

constinit const char* const wait_reason_texts[wait_reason_count] = {
    "waiting",                 // none
    "chan receive",            // chan_receive
    "chan send",               // chan_send
    "chan receive (nil chan)", // chan_receive_nil
    "chan send (nil chan)",    // chan_send_nil
    "select",                  // select
    "select (no cases)",       // select_no_cases
    "sleep",                   // sleep
    "IO wait",                 // io_wait
    "sync.Mutex.Lock",         // mutex_lock
    "sync.RWMutex.RLock",      // shared_mutex_lock_shared
    "sync.RWMutex.Lock",       // shared_mutex_lock
    "sync.WaitGroup.Wait",     // wait_group_wait
    "sync.Cond.Wait",          // condition_variable_wait
    "sync.Once.Do",            // once_call
    "join",                    // join
    "semaphore acquire",       // semaphore_acquire
    "pthread_mutex_lock",      // pthread_mutex_lock
    "pthread_cond_wait",       // pthread_cond_wait
    "pthread_rwlock_lock",     // pthread_rwlock_lock
    "sem_wait",                // sem_wait
    "pthread_join",            // pthread_join
};

const char* wait_reason_text(wait_reason reason) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  return wait_reason_texts[index < wait_reason_count ? index : 0];
}

}  // namespace gos::rt
