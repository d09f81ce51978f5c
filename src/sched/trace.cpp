// trace: GOS_DEBUG=schedtrace=X prints what the scheduler does every X milliseconds to standard error, in Go's form (RT-11);
// scheddetail=1 adds a line for each processor, thread and goroutine.
//
// Printed by sysmon, which does not rest meanwhile. A snapshot without stopping anything, read without locks where it can
// be: its numbers need not belong to one instant. In pieces of a few KiB, without allocation.
#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "platform/clock.hpp"
#include "platform/environment.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

std::int64_t interval_ns = 0;  // 0: off; these are immutable after trace_init()
bool detailed = false;
std::int64_t start_ns = 0;

std::int64_t next_ns = 0;  // sysmon's

class error_stream {
 public:
  ~error_stream() { write_error(text_, size_); }
  void add(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    if (sizeof text_ - size_ < piece_max) {
      write_error(text_, size_);
      size_ = 0;
    }
    std::va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text_ + size_, piece_max, format, arguments);
    va_end(arguments);
    if (length > 0) size_ += std::min<std::size_t>(static_cast<std::size_t>(length), piece_max - 1);
  }

 private:
  static constexpr std::size_t piece_max = 512;
  char text_[4096];
  std::size_t size_ = 0;
};

processor* processor_at(int id) noexcept {
  return sched.processors[id].load(std::memory_order_relaxed);  // relaxed: below processor_count
}

// relaxed, all: a snapshot.
std::uint32_t waiting_at(const processor* pp) noexcept {
  return pp->queued() + (pp->next.load(std::memory_order_relaxed) != nullptr ? 1 : 0);
}
std::uint32_t ticks_at(const processor* pp) noexcept { return pp->tick.load(std::memory_order_relaxed); }
machine* owner_of(const processor* pp) noexcept { return pp->owner.load(std::memory_order_relaxed); }

int idle_machine_count() noexcept {
  spin_guard guard(sched.lock);
  return sched.idle_machine_count + (sched.poll_machine != nullptr ? 1 : 0);
}

// Work waits, a processor is idle and nobody is on the way: a fast path's wake-up was missed, see INV2 of scheduler.hpp.
bool searcher_is_missing(int procs) noexcept {
  // relaxed: a snapshot.
  const bool idle = sched.idle_processors.load(std::memory_order_relaxed) != 0;
  if (!idle || sched.searching.load(std::memory_order_relaxed) != 0) return false;
  bool any = sched.global_size.load(std::memory_order_relaxed) != 0;  // relaxed: as above
  for (int id = 0; id < procs && !any; ++id) any = processor_at(id)->queued() > 0;
  return any;
}

void print_summary(error_stream& out, std::int64_t now_ns, int procs) noexcept {
  // relaxed, all: a snapshot.
  const std::uint32_t idle = sched.idle_processors.load(std::memory_order_relaxed);
  const std::uint32_t searching = sched.searching.load(std::memory_order_relaxed);
  const std::uint32_t global = sched.global_size.load(std::memory_order_relaxed);
  out.add("SCHED %lldms: gomaxprocs=%d idleprocs=%u threads=%d ",
          static_cast<long long>((now_ns - start_ns) / 1'000'000), procs, idle, machine_total());
  out.add("spinningthreads=%u needspinning=%d idlethreads=%d runqueue=%u [ ", searching,
          searcher_is_missing(procs) ? 1 : 0, idle_machine_count(), global);
  for (int id = 0; id < procs; ++id) out.add("%u ", waiting_at(processor_at(id)));
  out.add("] schedticks=[ ");
  for (int id = 0; id < procs; ++id) out.add("%u ", ticks_at(processor_at(id)));
  out.add("]\n");
}

// "3", or "nil".
struct number_text {
  char text[24] = "nil";
  number_text() = default;
  explicit number_text(std::uint64_t number) {
    std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(number));
  }
};

void print_processor(error_stream& out, const processor* pp) noexcept {
  const machine* mp = owner_of(pp);
  out.add("  P%u: status=%s schedtick=%u m=%s runqsize=%u gfreecnt=%u\n", pp->id,
          mp != nullptr ? "running" : "idle", ticks_at(pp),
          (mp != nullptr ? number_text(mp->id) : number_text()).text, waiting_at(pp),
          __atomic_load_n(&pp->free_count, __ATOMIC_RELAXED));  // relaxed: a snapshot
}

// The goroutine that a machine runs, by a pointer that may be stale: the record is still one of a goroutine.
number_text goroutine_number(const machine* mp, goroutine* const& where) noexcept {
  const goroutine* gp = __atomic_load_n(&where, __ATOMIC_RELAXED);  // relaxed: a snapshot
  return gp != nullptr && gp != &mp->g0 ? number_text(gp->id) : number_text();
}

void print_machine(error_stream& out, const machine* mp, int procs) noexcept {
  number_text processor_id;
  for (int id = 0; id < procs; ++id) {
    if (owner_of(processor_at(id)) == mp) processor_id = number_text(static_cast<std::uint64_t>(id));
  }
  const goroutine* locked = __atomic_load_n(&mp->locked, __ATOMIC_RELAXED);  // relaxed: a snapshot
  out.add("  M%u: p=%s curg=%s spinning=%d blocked=%d lockedg=%s\n", mp->id, processor_id.text,
          goroutine_number(mp, mp->current).text, __atomic_load_n(&mp->searching, __ATOMIC_RELAXED) ? 1 : 0,
          mp->resting.load(std::memory_order_relaxed) ? 1 : 0,  // relaxed, both: a snapshot
          locked != nullptr ? number_text(locked->id).text : "nil");
}

void print_goroutine(error_stream& out, const goroutine* gp) noexcept {
  const goroutine_state state = gp->state.load(std::memory_order_relaxed);          // relaxed: a snapshot
  const char* text = wait_reason_text(gp->reason.load(std::memory_order_relaxed));  // relaxed: as above
  const machine* mp = nullptr;
  if (state == goroutine_state::dead) return;
  if (state == goroutine_state::runnable) text = "runnable";
  if (state == goroutine_state::running) {
    text = "running";
    mp = machine_that_runs(gp);
  }
  const bool locked = (gp->flags & goroutine_flag::locked) != 0 && gp->extra != nullptr;
  const machine* home = locked ? gp->extra->locked_machine : nullptr;
  out.add("  G%llu: status=%s m=%s lockedm=%s\n", static_cast<unsigned long long>(gp->id), text,
          (mp != nullptr ? number_text(mp->id) : number_text()).text,
          (home != nullptr ? number_text(home->id) : number_text()).text);
}

void print_detail(error_stream& out, int procs) noexcept {
  for (int id = 0; id < procs; ++id) print_processor(out, processor_at(id));
  // acquire: pairs with machine_new().
  for (const machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    if (mp->alive.load(std::memory_order_relaxed)) print_machine(out, mp, procs);  // relaxed: a snapshot
  }
  const std::size_t capacity = goroutine_capacity();
  for (std::size_t index = 0; index < capacity; ++index) print_goroutine(out, goroutine_at(index));
}

}  // namespace

void trace_init() noexcept {
  interval_ns = std::int64_t{debug_number("schedtrace")} * 1'000'000;
  detailed = debug_number("scheddetail") != 0;
  start_ns = monotonic_ns();
  next_ns = start_ns + interval_ns;
}

std::int64_t trace_if_due(std::int64_t now_ns) noexcept {
  if (GOS_LIKELY(interval_ns == 0)) return never_ns;
  if (now_ns >= next_ns) {
    // acquire: pairs with start_locked() and resize(). relaxed: a snapshot.
    const int existing = sched.processor_count.load(std::memory_order_acquire);
    const int procs = std::min(existing, sched.max_procs.load(std::memory_order_relaxed));
    error_stream out;
    print_summary(out, now_ns, procs);
    if (detailed) print_detail(out, procs);
    next_ns = now_ns + interval_ns;
  }
  return std::max<std::int64_t>(next_ns - now_ns, 1);
}

}  // namespace gos::rt
