// See lock_check.hpp.
#include "sched/lock_check.hpp"

#include <cstring>
#include <dlfcn.h>

#include "platform/environment.hpp"
#include "platform/lockcheck.hpp"
#include "platform/unwind.hpp"
#include "sched/sched.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t counts_size = 4096;
constexpr std::size_t told_size = 1024;

std::atomic<std::uint32_t> counts[counts_size];  // INV1
std::atomic<std::uint64_t> told[told_size];      // hashes of pairs of stacks; 0: free
std::atomic<std::uint64_t> untold{0};
bool abort_at_first = false;  // immutable after start

std::atomic<std::uint32_t>& count_of(const void* lock) noexcept {
  return counts[(reinterpret_cast<std::uintptr_t>(lock) >> 3) * 0x9e3779b97f4a7c15ULL >> 52];
}

// The list of the goroutine that calls, in user mode; null for everybody else.
held_locks* own_list() noexcept {
  machine* mp = this_machine();
  if (mp == &gos_thread_nobody || mp->foreign) return nullptr;
  // relaxed: this thread's own.
  if (mp->in_kernel.load(std::memory_order_relaxed) != 0 || mp->current == &mp->g0) return nullptr;
  const goroutine_extra* extra = mp->current->extra;
  return extra != nullptr && extra->watch != nullptr ? &extra->watch->locks : nullptr;
}

// INV2. The goroutine stays on its thread: this is user mode.
class bookkeeping {
 public:
  explicit bookkeeping(held_locks* own) noexcept : own_(own) { set(true); }
  ~bookkeeping() { set(false); }
  bookkeeping(const bookkeeping&) = delete;
  bookkeeping& operator=(const bookkeeping&) = delete;

 private:
  void set(bool busy) noexcept {
    if (own_ == nullptr) return;
    own_->busy = busy;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: for a signal handler on this thread
  }
  held_locks* own_;
};

// Under guard. Null: not in the list.
held_lock* find_locked(held_locks& held, const void* address) noexcept {
  const std::uint32_t count = held.count.load(std::memory_order_relaxed);  // relaxed: under guard
  for (std::uint32_t i = count; i-- > 0;) {
    if (held.locks[i].address == address) return &held.locks[i];
  }
  return nullptr;
}

// Takes one hold of the lock out of the list; false if there is none.
bool take_out(held_locks& held, const void* address) noexcept {
  if (held.count.load(std::memory_order_relaxed) == 0) return false;  // relaxed: the caller's own, or a look
  spin_guard guard(held.guard);
  held_lock* entry = find_locked(held, address);
  if (entry == nullptr) return false;
  if (--entry->count > 0) return true;
  const std::uint32_t left = held.count.load(std::memory_order_relaxed) - 1;  // relaxed: under guard
  for (held_lock* last = &held.locks[left]; entry != last; ++entry) *entry = entry[1];
  held.count.store(left, std::memory_order_relaxed);                // relaxed: under guard
  count_of(address).fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count
  return true;
}

// Called by the interposed function, in the program's code.
void on_locked(const void* address, int kind) noexcept {
  held_locks* held = own_list();
  if (held == nullptr || held->busy) return;
  bookkeeping scope(held);
  {
    spin_guard guard(held->guard);
    if (held_lock* entry = find_locked(*held, address)) {
      ++entry->count;
      return;
    }
  }
  held_lock fresh;
  fresh.address = address;
  fresh.kind = static_cast<lock_kind>(kind);
  fresh.count = 1;
  // Without the interposed function and what is inlined into it or not of what it calls: the report begins with the caller.
  fresh.depth = static_cast<std::uint32_t>(unwind_here(fresh.frames, held_lock::frames_max, 1));
  spin_guard guard(held->guard);
  const std::uint32_t count = held->count.load(std::memory_order_relaxed);  // relaxed: under guard
  if (count == held_locks::most) return;
  held->locks[count] = fresh;
  held->count.store(count + 1, std::memory_order_relaxed);    // relaxed: under guard
  count_of(address).fetch_add(1, std::memory_order_relaxed);  // relaxed: a count; who unlocks it knows of the locking
}

void on_unlocking(const void* address) noexcept {
  held_locks* own = own_list();
  if (own != nullptr && own->busy) return;
  bookkeeping scope(own);
  if (own != nullptr && take_out(*own, address)) return;
  if (count_of(address).load(std::memory_order_relaxed) == 0) return;  // relaxed: as in on_locked()
  for (watch_record* other = watch_records(); other != nullptr; other = other->all_next) {
    if (&other->locks != own && take_out(other->locks, address)) return;
  }
}

constexpr gos_lockcheck_callbacks callbacks = {lockcheck_version, on_locked, on_unlocking};

std::uint64_t mix(std::uint64_t hash, void* const* frames, std::size_t depth) noexcept {
  for (std::size_t i = 0; i < depth; ++i) {
    hash = (hash ^ reinterpret_cast<std::uintptr_t>(frames[i])) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  }
  return hash;
}

// True for the first who asks about these two stacks. When the table is full nothing is new any more.
bool is_new(const lock_report& report) noexcept {
  std::uint64_t hash = mix(mix(1, report.lock.frames, report.lock.depth), report.frames, report.depth);
  if (hash == 0) hash = 1;
  for (std::size_t i = 0; i < told_size; ++i) {
    std::atomic<std::uint64_t>& place = told[(hash + i) % told_size];
    std::uint64_t there = place.load(std::memory_order_relaxed);  // relaxed, both: nothing is published with it
    if (there == 0 && place.compare_exchange_strong(there, hash, std::memory_order_relaxed, std::memory_order_relaxed)) {
      return true;
    }
    if (there == hash) return false;
  }
  return false;
}

bool refuse(const char* why) noexcept {
  write_error("gossamer: GOS_DEBUG=lockcheck: ");
  write_error(why);
  write_error("\n");
  return false;
}

}  // namespace

bool lock_check_init() noexcept {
  abort_at_first = debug_flag("lockcheck=abort");
  if (!abort_at_first && !debug_flag("lockcheck")) return false;
#if defined(GOS_ASAN) || defined(GOS_TSAN)
  return refuse("not in a build with a sanitizer, which stands before the locks itself");
#else
  const auto attach = reinterpret_cast<gos_lockcheck_attach_function>(::dlsym(RTLD_DEFAULT, lockcheck_attach_name));
  if (attach == nullptr) {
    return refuse("libgossamer_lockcheck.so is not loaded: set LD_PRELOAD to its path, or link gossamer::lockcheck");
  }
  if (!attach(&callbacks)) return refuse("libgossamer_lockcheck.so is of another version of gossamer");
  return true;
#endif
}

void lock_check_parks(goroutine* gp, held_locks& held) noexcept {
  if (GOS_LIKELY(held.count.load(std::memory_order_relaxed) == 0)) return;  // relaxed: the caller's own
  // Who merely gives way is runnable. One that is made ready at this very moment is passed over, and met the next time.
  if (gp->state.load(std::memory_order_relaxed) == goroutine_state::runnable) return;  // relaxed: a look
  lock_report report;
  report.gp = gp;
  report.depth = unwind_here(report.frames, lock_report::frames_max, 2);
  for (std::uint32_t i = 0; i < held_locks::most; ++i) {
    {
      spin_guard guard(held.guard);
      if (i >= held.count.load(std::memory_order_relaxed)) return;  // relaxed: under guard
      report.lock = held.locks[i];
    }
    if (is_new(report)) {
      sysmon_report(abort_at_first ? report_kind::lock_held_abort : report_kind::lock_held, &report);
    } else {
      untold.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
    }
  }
}

void lock_check_forget(held_locks& held) noexcept {
  if (held.count.load(std::memory_order_relaxed) == 0) return;  // relaxed: the goroutine does not exist
  spin_guard guard(held.guard);
  const std::uint32_t count = held.count.load(std::memory_order_relaxed);  // relaxed, all: under guard; counts
  for (std::uint32_t i = 0; i < count; ++i) {
    count_of(held.locks[i].address).fetch_sub(1, std::memory_order_relaxed);
  }
  held.count.store(0, std::memory_order_relaxed);
}

std::uint64_t lock_check_untold() noexcept { return untold.load(std::memory_order_relaxed); }  // relaxed: a count

}  // namespace gos::rt
