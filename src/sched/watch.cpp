// See watch.hpp.
#include "sched/watch.hpp"

#include <new>

#include "platform/environment.hpp"
#include "platform/futex.hpp"
#include "sched/sched.hpp"
#include "sched/stack_use.hpp"

namespace gos::rt {

report_hook_function report_hook = nullptr;

namespace {

std::atomic<watch_record*> records{nullptr};

// On the stack of who waits for it.
struct report_request {
  report_kind kind;
  const void* record;
  std::atomic<std::uint32_t> done{0};  // futex
};
std::atomic<report_request*> requested{nullptr};
report_request in_work{report_kind::at_exit, nullptr};  // in `requested` while sysmon has taken one: it cannot be withdrawn

watch_record* record_new() noexcept {
  auto* record = new (std::nothrow) watch_record;
  if (record == nullptr) fatal("out of memory: no room for what GOS_DEBUG=stackuse or lockcheck keeps of a goroutine");
  record->all_next = records.load(std::memory_order_relaxed);  // relaxed: the exchange below publishes
  // release: pairs with watch_records(). relaxed: a failure is tried again.
  while (!records.compare_exchange_weak(record->all_next, record, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return record;
}

}  // namespace

void sysmon_report(report_kind kind, const void* record) noexcept {
  constexpr std::int64_t look_ns = 100'000'000;
  report_request request{kind, record};
  backoff wait;
  report_request* expected = nullptr;
  // release: pairs with sysmon_serve_reports(). relaxed: another one's turn.
  while (!requested.compare_exchange_weak(expected, &request, std::memory_order_release, std::memory_order_relaxed)) {
    expected = nullptr;
    wait.pause();
  }
  sysmon_hurry();
  while (request.done.load(std::memory_order_acquire) == 0) {  // acquire: pairs with sysmon_serve_reports()
    futex_wait(request.done, 0, look_ns);
    expected = &request;
    // The process ends, and sysmon has stopped. relaxed, all: seen late, it does no harm; withdrawn, nobody reads it.
    if (sched.exiting.load(std::memory_order_relaxed) &&
        requested.compare_exchange_strong(expected, nullptr, std::memory_order_relaxed, std::memory_order_relaxed)) {
      return;
    }
  }
}

void sysmon_serve_reports() noexcept {
  report_request* request = requested.load(std::memory_order_relaxed);  // relaxed: a look
  if (GOS_LIKELY(request == nullptr)) return;
  // acquire: pairs with sysmon_report(). relaxed: withdrawn.
  if (!requested.compare_exchange_strong(request, &in_work, std::memory_order_acquire, std::memory_order_relaxed)) return;
  const bool last = request->kind == report_kind::lock_held_abort;
  if (last) crash_begin();
  if (report_hook != nullptr) report_hook(request->kind, request->record);
  if (last) crash_end(2);
  requested.store(nullptr, std::memory_order_relaxed);        // relaxed: the next one's own
  request->done.store(1, std::memory_order_release);  // release: pairs with sysmon_report(), which may return now
  futex_wake(request->done, 1);
}

void watch_init() noexcept {
  if (debug_flag("stackuse")) sched.watched |= watch_option::stack_use;
  if (lock_check_init()) sched.watched |= watch_option::lock_check;
}

void watch_equip(goroutine* first) noexcept {
  for (goroutine* gp = first; gp != nullptr; gp = gp->queue_next) {
    goroutine_extra& extra = goroutine_extra_of(*gp);
    if (extra.watch == nullptr) extra.watch = record_new();
  }
}

void watch_renew(goroutine* gp) noexcept {
  watch_record* const record = gp->extra->watch;
  goroutine_extra fresh;
  fresh.throw_stack = gp->extra->throw_stack;
  fresh.watch = record;
  *gp->extra = fresh;
  if (record == nullptr) return;
  record->stack_high.store(0, std::memory_order_relaxed);  // relaxed: the goroutine does not exist yet
  lock_check_forget(record->locks);
  gp->flags = static_cast<std::uint8_t>(gp->flags | goroutine_flag::watched);
}

watch_record* watch_records() noexcept { return records.load(std::memory_order_acquire); }  // acquire: pairs with record_new()

void watch_started(goroutine* gp) noexcept {
  if ((sched.watched & watch_option::stack_use) != 0) stack_use_begins(gp);
}

void watch_ended(goroutine* gp) noexcept {
  if ((sched.watched & watch_option::stack_use) != 0) stack_use_ends(gp);
}

void watch_parks(goroutine* gp) noexcept {
  if ((sched.watched & watch_option::lock_check) != 0) lock_check_parks(gp, gp->extra->watch->locks);
}

}  // namespace gos::rt
