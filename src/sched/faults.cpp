// faults: the last words of a goroutine that outgrew its stack, or touched memory that is not there (PD-20, CR-10, CR-11).
//
// Said in a signal handler, perhaps inside the allocator: what needs no memory is said here, the rest by sysmon, which has a
// stack, an arena of the allocator and standard output for itself; it is waited for only so long.
// Rejected: describing the stack in the handler (demangling a name can take more stack than the signal's); returning into a
// function that reports on the goroutine's own stack (the core dump would no longer show the fault).
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <iterator>
#include <link.h>

#include "platform/signals.hpp"
#include "sched/sched.hpp"
#include "sched/stack_use.hpp"

namespace gos::rt {

namespace {

constexpr std::int64_t describe_ns = 10'000'000'000;  // for sysmon to say what it knows

std::atomic<fault_thrower> throw_fault{nullptr};

const char* name_of(const goroutine* gp) noexcept {
  return gp->extra != nullptr && gp->extra->name[0] != '\0' ? gp->extra->name : nullptr;
}

// The rest of the report by sysmon; bare addresses if it does not come to it.
void describe(const goroutine* gp) noexcept {
  if (!sysmon_describe(gp, describe_ns) && traceback() != traceback_level::none) write_addresses(crashed_stack.frames, crashed_stack.depth);
}

// Does the code at pc belong to the module that allocates memory? Then it may hold the allocator's locks.
bool in_allocator(void* pc) noexcept {
#if __GLIBC_PREREQ(2, 35)
  dl_find_object found_pc, found_malloc;
  auto* allocate = reinterpret_cast<void*>(&std::malloc);
  if (::_dl_find_object(pc, &found_pc) != 0 || ::_dl_find_object(allocate, &found_malloc) != 0) return true;
  return found_pc.dlfo_link_map == found_malloc.dlfo_link_map && found_pc.dlfo_link_map->l_name[0] != '\0';
#else
  return pc != nullptr;  // nothing that may be asked in a signal handler
#endif
}

bool becomes_panic(const machine* mp, const goroutine* gp, const fault& f) noexcept {
  return gp->extra != nullptr && gp->extra->panic_on_fault && f.signal != SIGILL &&
         mp->in_kernel.load(std::memory_order_relaxed) == 0 &&  // relaxed: the caller's own
         !in_allocator(f.pc);
}

}  // namespace

void set_fault_thrower(fault_thrower thrower) noexcept {
  throw_fault.store(thrower, std::memory_order_release);  // release: pairs with on_fault()
}

void on_overflow(const fault& f) noexcept {
  stack_slot slot;
  if (!stack_find(f.address, &slot, nullptr)) return;
  crashed_stack.depth = fault_stack(f, crashed_stack.frames, std::size(crashed_stack.frames));
  stack_overflowed(this_machine()->current, slot, f.address);
}

void on_fault(const fault& f) {
  if (crash_is_mine()) {
    // In the report itself. Of a fault it ends by that signal, of anything else as if it were complete.
    if (crashed_stack.depth != 0) return;
    write_error("\nfatal error: ");
    write_error(fault_text(f.signal));
    write_error(" while this was written\n");
    crash_abandon(2);
  }
  const machine* mp = this_machine();
  const goroutine* gp = mp->current;
  if (gp == nullptr || gp == &mp->g0) return;  // a plain thread's, or the scheduler's own: as if we were not there
  // acquire: pairs with set_fault_thrower().
  const fault_thrower thrower = throw_fault.load(std::memory_order_acquire);
  if (thrower != nullptr && becomes_panic(mp, gp, f)) {
    fault_unblock(f);
    thrower(f.signal, f.code, f.address);
  }
  crash_begin();
  const char* name = name_of(gp);
  char text[256];
  std::snprintf(text, sizeof text, "%s\nPC=%p sigcode=%d addr=%p\n", fault_text(f.signal), f.pc, f.code, f.address);
  write_error(text);
  crashed_stack.depth = 1;
  crashed_stack.frames[0] = static_cast<char*>(f.pc) + 1;
  if (traceback() == traceback_level::none) return describe(gp);
  std::snprintf(text, sizeof text, "\ngoroutine %llu [running]:%s%s\n", static_cast<unsigned long long>(gp->id),
                name != nullptr ? " " : "", name != nullptr ? name : "");
  write_error(text);
  crashed_stack.depth = fault_stack(f, crashed_stack.frames, std::size(crashed_stack.frames));
  describe(gp);
}

void stack_overflowed(const goroutine* gp, const stack_slot& slot, const void* address) noexcept {
  crash_begin();
  const char* name = name_of(gp);
  char advice[192];
  stack_advice(advice, sizeof advice, slot.size, gp->extra != nullptr && gp->extra->home != nullptr);
  char text[640];
  std::snprintf(text, sizeof text,
                "runtime: goroutine stack exceeds %zu-byte limit\nfatal error: stack overflow\n\n"
                "goroutine %llu [running]:%s%s\n\tstack [%p, %p), fault at %p\n\t%s\n",
                slot.size, static_cast<unsigned long long>(gp->id), name != nullptr ? " " : "", name != nullptr ? name : "",
                static_cast<void*>(slot.base), static_cast<void*>(slot.top()), address, advice);
  write_error(text);
  describe(gp);
  crash_abandon(2);
}

}  // namespace gos::rt
