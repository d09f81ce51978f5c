// runtime: numbers, dumps and settings. Each forwards to one verb of the scheduler.
#include <gossamer/detail/raise.hpp>
#include <gossamer/runtime.hpp>

#include <csignal>
#include <iterator>
#include <utility>

#include "base/fatal.hpp"
#include "platform/stack.hpp"
#include "platform/thread.hpp"
#include "platform/unwind.hpp"
#include "report/dump.hpp"
#include "sched/sched.hpp"

namespace gos::runtime {

namespace {

void append(const char* text, std::size_t size, void* out) { static_cast<std::string*>(out)->append(text, size); }

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
  rt::ensure_started();
  std::string out;
  const rt::goroutine* me = rt::on_goroutine() ? rt::current_goroutine() : nullptr;
  if (me != nullptr || !all) {
    void* frames[64];
    const std::size_t depth = rt::unwind_here(frames, std::size(frames), 1);
    out = rt::describe_caller(frames, depth, false);
  }
  if (all) rt::write_dump({.omit = me}, out.empty(), append, &out);
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
