// runtime: numbers, dumps and settings. Each forwards to one verb of the scheduler.
#include <gossamer/detail/raise.hpp>
#include <gossamer/runtime.hpp>

#include <csignal>
#include <utility>

#include "base/fatal.hpp"
#include "panic/stack_trace.hpp"
#include "platform/stack.hpp"
#include "platform/thread.hpp"
#include "sched/sched.hpp"

namespace gos::runtime {

namespace {

using rt::goroutine;
using rt::goroutine_state;

const char* state_text(const goroutine& g) {
  // relaxed: a dump is a snapshot.
  switch (g.state.load(std::memory_order_relaxed)) {
    case goroutine_state::dead: return "dead";
    case goroutine_state::runnable: return "runnable";
    case goroutine_state::running: return "running";
    case goroutine_state::waiting:
    case goroutine_state::aged:
    case goroutine_state::scanned: break;
  }
  return rt::wait_reason_text(g.reason.load(std::memory_order_relaxed));  // relaxed: a snapshot
}

void append_header(std::string& out, const goroutine& g) {
  out += "goroutine " + std::to_string(g.id) + " [" + state_text(g);
  if ((g.flags & rt::goroutine_flag::locked) != 0) out += ", locked to thread";
  out += "]:";
  if (g.extra != nullptr && g.extra->name[0] != '\0') out += std::string(" ") + g.extra->name;
  out += '\n';
}

void append_created_by(std::string& out, const goroutine& g) {
  if (g.spawn_pc == nullptr) return;
  out += "created by " + rt::describe_address(g.spawn_pc) + " in goroutine " + std::to_string(g.parent_id) + "\n";
}

void append_own_stack(std::string& out) {
  constexpr std::size_t deepest = 64;
  void* addresses[deepest];
  const std::size_t count = rt::capture_stack(addresses, deepest, 2);
  for (std::size_t i = 0; i < count; ++i) out += rt::describe_address(addresses[i]) + "\n";
}

}  // namespace

std::size_t num_goroutine() {
  rt::ensure_started();
  return rt::goroutine_count();
}

int num_cpu() { return rt::cpu_count(); }

int max_procs() { return rt::set_processor_count(0); }

int set_max_procs(int n) { return rt::set_processor_count(n); }

void set_default_max_procs() { rt::set_default_processor_count(); }

int set_max_threads(int n) { return rt::set_thread_limit(n); }

std::error_code set_crash_output(int fd) { return {rt::crash_output(fd), std::generic_category()}; }

void set_traceback(traceback level) { rt::set_traceback(static_cast<rt::traceback_level>(level)); }

namespace {

// On the signal's stack, as if the faulting instruction had panicked.
void panic_of_fault(int signal, int code, void* address) {
  if (signal == SIGFPE) {
    detail::raise_runtime_error(code == FPE_INTDIV ? "integer divide by zero" : "floating point error");
  }
  constexpr std::uintptr_t near_null = 4096;
  detail::raise_runtime_error(reinterpret_cast<std::uintptr_t>(address) < near_null
                                  ? "invalid memory address or nil pointer dereference"
                                  : "unexpected fault address");
}

}  // namespace

bool set_panic_on_fault(bool enabled) {
  if (!rt::on_goroutine()) return false;
  rt::set_fault_thrower(panic_of_fault);
  return std::exchange(rt::goroutine_extra_of(*rt::current_goroutine()).panic_on_fault, enabled);
}

std::string stack_dump(bool all) {
  std::string out;
  const goroutine* me = rt::current_goroutine();
  if (rt::on_goroutine()) {
    append_header(out, *me);
    append_own_stack(out);
    append_created_by(out, *me);
  } else if (!all) {
    out += "thread that is not a goroutine:\n";
    append_own_stack(out);
  }
  if (!all) return out;
  const std::size_t capacity = rt::goroutine_capacity();
  for (std::size_t i = 0; i < capacity; ++i) {
    const goroutine& g = *rt::goroutine_at(i);
    // relaxed: a snapshot.
    if (&g == me || g.state.load(std::memory_order_relaxed) == goroutine_state::dead) continue;
    if (!out.empty()) out += '\n';
    append_header(out, g);
    append_created_by(out, g);
  }
  return out;
}

statistics stats() {
  rt::ensure_started();
  statistics s;
  s.goroutines = rt::goroutine_count();
  s.goroutines_started = rt::goroutine_started();
  s.processors = max_procs();
  s.idle_processors = rt::idle_processor_count();
  s.threads = rt::machine_total();
  const rt::stack_counts stacks = rt::stack_statistics();
  s.stacks = stacks.slots;
  s.stacks_reserved_bytes = stacks.reserved_bytes;
  return s;
}

void lock_os_thread() { rt::lock_to_thread(); }
void unlock_os_thread() { rt::unlock_from_thread(); }

}  // namespace gos::runtime
