// lines, by libbacktrace, which comes with g++ and reads DWARF 2 to 5, of the program and of its shared libraries.
//
// It takes its memory from mmap, not from malloc, and is made for crash handlers. Its state is never given back. A module that
// was loaded after the first question is not known to it.
// Rejected: libdw, which knows scopes of inlined functions and modules loaded later, but brings four more libraries along and
// takes its memory from malloc; addr2line as a child process, which a crash in a container does not have.
#include "panic/lines.hpp"

#include <atomic>
#include <cstdint>

#include "base/race.hpp"

// Declared here, as its header lies in g++'s own folder, where other compilers do not look.
extern "C" {
struct backtrace_state;
using backtrace_error_callback = void (*)(void* data, const char* message, int error);
using backtrace_full_callback = int (*)(void* data, std::uintptr_t pc, const char* file, int line, const char* function);
backtrace_state* backtrace_create_state(const char* program, int threaded, backtrace_error_callback, void* data);
int backtrace_pcinfo(backtrace_state*, std::uintptr_t pc, backtrace_full_callback, backtrace_error_callback, void* data);
}

namespace gos::rt {

namespace {

void say_nothing(void*, const char*, int) {}

std::atomic<backtrace_state*> the_state{nullptr};

backtrace_state* state() noexcept {
  // acquire: pairs with the exchange below.
  backtrace_state* present = the_state.load(std::memory_order_acquire);
  if (present != nullptr) return present;
  // Two at once make two, and one of them is lost: a lock might be held by who crashes.
  backtrace_state* made = backtrace_create_state(nullptr, 1, say_nothing, nullptr);
  // acq_rel: pairs with the load above; acquire on failure: the other's is complete.
  return the_state.compare_exchange_strong(present, made, std::memory_order_acq_rel, std::memory_order_acquire) ? made
                                                                                                                : present;
}

struct visit_call {
  line_visitor visit;
  void* argument;
};

int pass_on(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  if (file == nullptr && function == nullptr) return 0;
  const auto* call = static_cast<const visit_call*>(data);
  call->visit(function, file, line, call->argument);
  return 0;
}

}  // namespace

void find_lines(void* pc, line_visitor visit, void* argument) {
  visit_call call{visit, argument};
  const race_ignore_scope quiet;  // libbacktrace synchronises in ways that TSan does not see
  if (backtrace_state* s = state()) {
    backtrace_pcinfo(s, reinterpret_cast<std::uintptr_t>(pc), pass_on, say_nothing, &call);
  }
}

}  // namespace gos::rt
