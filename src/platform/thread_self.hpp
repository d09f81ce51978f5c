// thread_self: one pointer per OS thread, "who am I".
//
// Read through inline assembly on purpose: a compiler (most of all a whole-program optimiser) that
// knew it for a thread-local variable might compute its address once and use it after a switch, on
// another thread (llvm#98479). The assembly is volatile, so no read moves over a switch, and the
// variable is defined in assembly, so no optimiser sees it. Costs one or two loads.
// Rejected: a noinline accessor (a call more); the stack pointer masked to its slot (plain threads
// and the scheduler's own stacks have no slot).
#pragma once

namespace gos::rt {

// The pointer set by this thread; before, the address of gos_thread_nobody.
[[gnu::always_inline]] inline void* thread_self() noexcept {
  void* self;
#if defined(__x86_64__)
  __asm__ volatile(
      "movq gos_thread_self@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=&r"(self));
#elif defined(__aarch64__)
  void* offset;
  __asm__ volatile(
      "mrs %0, tpidr_el0\n\t"
      "adrp %1, :gottprel:gos_thread_self\n\t"
      "ldr %1, [%1, #:gottprel_lo12:gos_thread_self]\n\t"
      "ldr %0, [%0, %1]"
      : "=&r"(self), "=&r"(offset));
#endif
  return self;
}

[[gnu::always_inline]] inline void thread_self_set(void* self) noexcept {
#if defined(__x86_64__)
  void* offset;
  __asm__ volatile(
      "movq gos_thread_self@gottpoff(%%rip), %0\n\t"
      "movq %1, %%fs:(%0)"
      : "=&r"(offset)
      : "r"(self)
      : "memory");
#elif defined(__aarch64__)
  void* base;
  void* offset;
  __asm__ volatile(
      "mrs %0, tpidr_el0\n\t"
      "adrp %1, :gottprel:gos_thread_self\n\t"
      "ldr %1, [%1, #:gottprel_lo12:gos_thread_self]\n\t"
      "str %2, [%0, %1]"
      : "=&r"(base), "=&r"(offset)
      : "r"(self)
      : "memory");
#endif
}

}  // namespace gos::rt
