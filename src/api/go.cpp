// go: the public calls that start, end and yield goroutines. Each forwards to one verb of the scheduler.
#include <gossamer/go.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "api/local.hpp"
#include "base/race.hpp"
#include "panic/body.hpp"
#include "platform/clock.hpp"
#include "report/leaks.hpp"
#include "platform/stack.hpp"
#include "platform/thread.hpp"
#include "report/crash.hpp"
#include "report/hook.hpp"
#include "sched/sched.hpp"

namespace gos {

namespace {

using rt::goroutine;

// goroutine::entry of every goroutine: in user mode, on its stack.
void goroutine_entry(goroutine* gp) {
  rt::race_acquire(gp);  // MM-01: pairs with goroutine_start_in_kernel() and run_main_goroutine()
  rt::race_acquire(gp->stack_base);  // TSan cannot be told that a stack is new: its users come one after the other
  rt::run_goroutine_body(gp);
  if (gp->locals != nullptr) rt::destroy_locals(gp);
  if (gp->closure != gp->inline_closure) std::free(gp->closure);
  rt::race_release(gp->stack_base);
  rt::race_release(&gp->closure);  // so do the users of the record; pairs with goroutine_prepare()
}

struct main_call {
  detail::main_function body;
  void* callable;
  int result;
};

void run_main_body(void* storage) {
  auto* call = *static_cast<main_call**>(storage);
  rt::unlock_from_thread();  // as run_main_goroutine() wants it; user mode until the body's own first call
  call->result = call->body(call->callable);
  rt::report_leaks_at_end();
  rt::main_has_returned();
  rt::set_exit_status(call->result);
  // SP-06: a goroutine that panics right now is given the time to end the process. On another processor a yield gives
  // it none: so by the clock, a thousand sleeps of 100 us, about a tenth of a second.
  for (int round = 0; round < 1000 && rt::panicking(); ++round) {
    rt::yield_goroutine();
    rt::kernel_section kernel;
    rt::sleep_until(rt::monotonic_ns() + 100'000);
  }
  rt::crash_wait();  // a report that has begun may take longer
  rt::race_release(call);
}

// Whoever starts goroutines links this file.
[[maybe_unused]] const bool crash_hook_set = [] {
  rt::crash_hook = rt::describe_crash;
  rt::report_hook = rt::write_report;
  return true;
}();

static_assert(detail::small_callable_size == goroutine::inline_closure_size);

constexpr std::size_t main_stack_size = std::size_t{8} << 20;

}  // namespace

namespace detail {

spawn_ticket spawn_begin(std::size_t size, std::size_t alignment, const spawn_options* options) {
  std::uint8_t stack_class = 0;
  if (options != nullptr && options->stack_size != 0) stack_class = rt::stack_class_for(options->stack_size);
  const bool fits = size <= goroutine::inline_closure_size && alignment <= alignof(std::max_align_t);
  // From malloc's family: who frees it no longer knows its alignment.
  const std::size_t aligned = std::max(alignment, alignof(std::max_align_t));
  void* storage = fits ? nullptr : std::aligned_alloc(aligned, (size + aligned - 1) / aligned * aligned);
  if (!fits && storage == nullptr) throw std::bad_alloc();
  goroutine* gp = rt::goroutine_prepare(stack_class);
  if (gp == nullptr) {
    std::free(storage);
    throw std::bad_alloc();
  }
  gp->closure = fits ? gp->inline_closure : storage;
  if (options != nullptr && !options->name.empty()) {
    char* name = rt::goroutine_extra_of(*gp).name;
    const std::size_t length = std::min(options->name.size(), sizeof rt::goroutine_extra::name - 1);
    std::memcpy(name, options->name.data(), length);
    name[length] = '\0';
  }
  return {gp->closure, gp};
}

spawn_ticket spawn_begin_small() {
  goroutine* gp = rt::goroutine_prepare(0);
  if (gp == nullptr) throw std::bad_alloc();
  gp->closure = gp->inline_closure;
  return {gp->closure, gp};
}

void spawn_commit(spawn_ticket ticket, body_function body, void* site) noexcept {
  auto* gp = static_cast<goroutine*>(ticket.gp);
  gp->body = body;
  gp->entry = goroutine_entry;
  gp->spawn_pc = site != nullptr ? site : __builtin_return_address(0);
  rt::goroutine_start(gp);
}

void spawn_commit_in_kernel(spawn_ticket ticket, body_function body, void* site) noexcept {
  auto* gp = static_cast<goroutine*>(ticket.gp);
  gp->body = body;
  gp->entry = goroutine_entry;
  gp->spawn_pc = site;
  rt::goroutine_start_in_kernel(gp);
}

void spawn_abort(spawn_ticket ticket) noexcept {
  auto* gp = static_cast<goroutine*>(ticket.gp);
  if (ticket.storage != gp->inline_closure) std::free(ticket.storage);
  rt::goroutine_discard(gp);
}

void spawn_empty_callable() noexcept { rt::fatal("go of nil func value"); }

int run_main(main_function body, void* callable) {
  if (rt::on_goroutine()) rt::fatal("gos::run called from a goroutine: it starts the main one; use gos::go or gos::spawn here");
  main_call call{body, callable, 0};
  goroutine* gp = rt::goroutine_prepare(rt::stack_class_for(main_stack_size));
  if (gp == nullptr) throw std::bad_alloc();
  ::new (static_cast<void*>(gp->inline_closure)) main_call*(&call);
  gp->closure = gp->inline_closure;
  gp->body = run_main_body;
  gp->entry = goroutine_entry;
  gp->spawn_pc = nullptr;
  rt::run_main_goroutine(gp);
  rt::race_acquire(&call);
  return call.result;
}

void blocking_begin() noexcept { rt::blocking_enter(); }
void blocking_end() noexcept { rt::blocking_exit(); }

}  // namespace detail

void yield() {
  if (!rt::yield_goroutine()) rt::thread_yield();
}

pin::pin() { rt::lock_to_thread(); }
pin::~pin() { rt::unlock_from_thread(); }

}  // namespace gos
