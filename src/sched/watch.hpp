// watch: what debug options keep about each goroutine, and the passages at which they look.
//
// With GOS_DEBUG=stackuse or lockcheck every goroutine has the flag `watched`, a watch_record, and so the slow path of every
// switch, start and end; the calls below are made there only. Without them no path has an instruction more: a goroutine is
// watched because its record has an `extra` from the slab on, and who has one is looked at when it is spawned in any case.
//
// INV1 While an option is on, every goroutine that can be spawned has an extra with a watch_record; it stays with the
//      goroutine's record, is linked into a list that only grows, and is never freed: a stale pointer is safe to read.
// Rejected: a look at a global at each switch and end: two instructions that nearly nobody needs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sched/goroutine.hpp"
#include "sched/lock_check.hpp"

namespace gos::rt {

// Of scheduler::watched. Bits.
namespace watch_option {
inline constexpr std::uint8_t stack_use = 1;
inline constexpr std::uint8_t lock_check = 2;
}  // namespace watch_option

struct watch_record {
  // The deepest that the stack has been seen so far: before pages went back. By who holds the goroutine; read by anybody.
  std::atomic<std::size_t> stack_high{0};
  held_locks locks;
  watch_record* all_next = nullptr;  // immutable after publication
};

// What is worth telling while the program goes on. The record is a stall_record, a lock_report, or null.
enum class report_kind { stall, lock_held, lock_held_abort, at_exit };

// Upcall slot: writes a report with write_error(). On sysmon's thread, or in an exit handler; may allocate.
using report_hook_function = void (*)(report_kind kind, const void* record) noexcept;
extern report_hook_function report_hook;

// Has sysmon write the report, and waits for that: its thread has a large stack and no locks. Kernel mode, no locks.
void sysmon_report(report_kind kind, const void* record) noexcept;

// On sysmon's thread: writes what is asked for.
void sysmon_serve_reports() noexcept;

// Reads GOS_DEBUG; at the start.
void watch_init() noexcept;

// A chain of free goroutines, linked by queue_next, before the first is spawned: gives those records that lack one.
void watch_equip(goroutine* first) noexcept;

// gp is being spawned and has an extra, of which only what belongs to the record stays.
void watch_renew(goroutine* gp) noexcept;

// The newest record, linked by all_next; null when nothing is watched.
watch_record* watch_records() noexcept;

// Kernel mode. gp has just got its stack, on which nobody runs; has ended, and runs on it; is about to wait.
void watch_started(goroutine* gp) noexcept;
void watch_ended(goroutine* gp) noexcept;
void watch_parks(goroutine* gp) noexcept;

}  // namespace gos::rt
