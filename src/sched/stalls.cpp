// See stalls.hpp.
//
// INV1 What a machine's stall_watch says is sysmon's alone.
// INV2 A record in the ring is changed under ring_lock, by sysmon; it is another stall's when its sequence has changed.
// A notice that is put while the machine is just getting a processor may stay though it enters: it counts only while the
// machine's `revoked` says that the next entry is a slow one.
// Rejected: counting entries in the machine: a store more at each. Comparing the processor's ticks, as watch() of sysmon does: a
// goroutine alone enters the runtime a thousand times in one tick, and one whose processor was taken has none.
#include "sched/stalls.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "platform/clock.hpp"
#include "platform/environment.hpp"
#include "sched/sample.hpp"
#include "sched/sched.hpp"
#include "sched/watch.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t limit_min_ns = 1'000'000;
constexpr std::int64_t look_min_ns = 250'000;
constexpr std::int64_t look_max_ns = 100'000'000;
constexpr std::int64_t sample_ns = 10'000'000;  // the thread may have to wait for a CPU
constexpr std::uint32_t tries_max = 20;         // to see its stack; then it is noted without

std::atomic<std::int64_t> limit_ns{0};
bool print_at_once = false;  // immutable after start

// Sysmon's.
std::int64_t next_look_ns = 0;
bool was_on = false;

spin_lock ring_lock;
stall_record ring[stalls_max];    // under ring_lock
std::uint64_t last_sequence = 0;  // under ring_lock

std::int64_t system_ns() noexcept {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// The thread sleeps, in a system call or in the kernel otherwise: by its state in /proc, the letter behind the name.
bool thread_sleeps(int thread) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[128];
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  const char* const name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] != '\0' && name_end[2] != 'R';
}

// The goroutine that mp runs and that has not said that it may take long; else null.
const goroutine* candidate(machine* mp) noexcept {
  // relaxed, all: a look.
  if (mp->foreign || !mp->alive.load(std::memory_order_relaxed) || mp->resting.load(std::memory_order_relaxed)) return nullptr;
  const goroutine* gp = __atomic_load_n(&mp->current, __ATOMIC_RELAXED);
  if (gp == nullptr || gp == &mp->g0) return nullptr;
  return mp->blocking.load(std::memory_order_relaxed) == gp ? nullptr : gp;
}

// It has not entered the runtime since the notice was put.
bool notice_is_there(machine* mp) noexcept {
  // relaxed, both: a look; when in doubt, it has entered.
  if ((mp->requests.load(std::memory_order_relaxed) & request::notice) == 0) return false;
  return mp->revoked.load(std::memory_order_relaxed) != sched.normal;
}

void update(std::uint64_t sequence, std::int64_t lasted_ns, bool ongoing) noexcept {
  spin_guard guard(ring_lock);
  stall_record& record = ring[sequence % stalls_max];
  if (record.sequence != sequence) return;  // INV2
  record.lasted_ns = lasted_ns;
  record.ongoing = ongoing;
}

void forget(machine* mp, std::int64_t now_ns) noexcept {
  if (mp->stall.noted != 0) update(mp->stall.noted, now_ns - mp->stall.since_ns, false);
  mp->stall = stall_watch{};
}

void begin(machine* mp, const goroutine* gp, std::int64_t now_ns) noexcept {
  ask_machine(mp, request::notice);
  if (!notice_is_there(mp)) return;  // the next time
  mp->stall = {gp, __atomic_load_n(&gp->id, __ATOMIC_RELAXED), now_ns, 0, 0};  // relaxed: looked at again
}

void note(machine* mp, std::int64_t now_ns) noexcept {
  static stall_record record;  // sysmon's
  const goroutine* gp = mp->stall.gp;
  record = stall_record{};
  record.id = mp->stall.id;
  record.parent_id = gp->parent_id;
  record.spawn_pc = gp->spawn_pc;
  if (gp->extra != nullptr) std::memcpy(record.name, gp->extra->name, sizeof record.name - 1);
  record.since_ns = mp->stall.since_ns;
  record.since_system_ns = system_ns() - (now_ns - record.since_ns);
  record.lasted_ns = now_ns - record.since_ns;
  record.ongoing = true;
  record.in_call = thread_sleeps(mp->thread.load(std::memory_order_relaxed));  // relaxed: a number
  record.depth = sample_running(mp, gp, record.frames, stall_record::frames_max, sample_ns);
  // relaxed: a look. It may have ended, and another have its record.
  if (__atomic_load_n(&gp->id, __ATOMIC_RELAXED) != record.id) return;
  if (record.depth == 0 && ++mp->stall.tries < tries_max) return;  // it has entered the runtime, or wants a CPU
  // First: who sees it in the ring may end the process.
  if (print_at_once && report_hook != nullptr) report_hook(report_kind::stall, &record);
  spin_guard guard(ring_lock);
  record.sequence = ++last_sequence;
  ring[record.sequence % stalls_max] = record;
  mp->stall.noted = record.sequence;
}

// True while it may yet be noted.
bool look_at(machine* mp, std::int64_t now_ns, std::int64_t limit) noexcept {
  const goroutine* gp = candidate(mp);
  stall_watch& seen = mp->stall;
  // relaxed: a look.
  const bool same = gp != nullptr && gp == seen.gp && __atomic_load_n(&gp->id, __ATOMIC_RELAXED) == seen.id;
  if (seen.gp != nullptr && (!same || !notice_is_there(mp))) forget(mp, now_ns);
  if (gp == nullptr) return false;
  if (seen.gp == nullptr) {
    begin(mp, gp, now_ns);
    return true;
  }
  if (seen.noted != 0) {
    update(seen.noted, now_ns - seen.since_ns, true);
    return false;
  }
  if (now_ns - seen.since_ns >= limit) note(mp, now_ns);
  return seen.noted == 0;
}

}  // namespace

std::int64_t set_stall_limit(std::int64_t limit) noexcept {
  const std::int64_t wanted = limit > 0 ? std::max(limit, limit_min_ns) : 0;
  const std::int64_t before = limit_ns.exchange(wanted, std::memory_order_relaxed);  // relaxed: a number
  sysmon_hurry();
  return before;
}

std::int64_t stall_limit() noexcept { return limit_ns.load(std::memory_order_relaxed); }  // relaxed: a number

std::size_t stalls_copy(stall_record* out, std::size_t capacity) noexcept {
  const std::int64_t now_ns = monotonic_ns();
  std::size_t count = 0;
  std::uint64_t from = 0;
  {
    spin_guard guard(ring_lock);
    from = last_sequence > stalls_max ? last_sequence - stalls_max + 1 : 1;
  }
  for (std::uint64_t sequence = from; count < capacity; ++sequence) {
    spin_guard guard(ring_lock);  // for each: a record is large
    if (sequence > last_sequence) break;
    const stall_record& record = ring[sequence % stalls_max];
    if (record.sequence != sequence) continue;  // overtaken
    out[count] = record;
    if (record.ongoing) out[count].lasted_ns = std::max(record.lasted_ns, now_ns - record.since_ns);
    ++count;
  }
  return count;
}

void stalls_init() noexcept {
  print_at_once = debug_flag("printstalls");
  limit_ns.store(std::int64_t{debug_number("stalls")} * 1'000'000, std::memory_order_relaxed);  // relaxed: a number
}

std::int64_t stalls_look(std::int64_t now_ns, bool& pending) noexcept {
  const std::int64_t limit = limit_ns.load(std::memory_order_relaxed);  // relaxed: seen late, it does no harm
  pending = false;
  if (GOS_LIKELY(limit <= 0 && !was_on)) return never_ns;
  if (now_ns < next_look_ns && limit > 0 && was_on) {
    pending = true;
    return next_look_ns - now_ns;
  }
  was_on = limit > 0;
  const std::int64_t interval_ns = std::clamp(limit / 8, look_min_ns, look_max_ns);
  next_look_ns = now_ns + interval_ns;
  // acquire: pairs with machine_new().
  for (machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    if (!was_on) {
      forget(mp, now_ns);
    } else if (look_at(mp, now_ns, limit)) {
      pending = true;
    }
  }
  return was_on ? interval_ns : never_ns;
}

}  // namespace gos::rt
