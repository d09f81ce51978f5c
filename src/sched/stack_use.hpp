// stack_use: FRONT DOOR: how much of their stacks goroutines have used, by the place that spawned them.
//
// A stack is memory that reads as zero before it is used. So the deepest byte that is not zero is how far it was used:
// exactly so with GOS_DEBUG=stackuse, which gives every goroutine a stack of zeroes; without it at most so far, for the slot may
// have had other users before.
//
// What a goroutine wrote as zeroes at its very deepest is not seen, nor what was written out to swap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/goroutine.hpp"

namespace gos::rt {

// The goroutines that one statement spawned with one size of stack.
struct stack_use_record {
  void* spawn_pc = nullptr;       // null: unknown
  bool main = false;              // the goroutines of gos::run
  std::uint64_t goroutines = 0;   // looked at, alive or ended
  std::size_t highest_bytes = 0;  // of the one that used most
  std::size_t limit_bytes = 0;    // what spawn_options::stack_size or GOS_STACK_SIZE says
  std::uint64_t highest_id = 0;   // that goroutine
};

// GOS_DEBUG=stackuse: goroutines that have ended are counted, and what is found is exact.
bool stack_use_exact() noexcept;

// Visits what is known of those that have ended, and then each living one that has a stack, as a record of its own. Stops
// nothing; a goroutine that ends meanwhile may be met twice or not at all. Any thread.
void stack_use_visit(void (*visit)(const stack_use_record& record, void* argument), void* argument);

// Writes which setting to raise for a goroutine whose stack of `limit_bytes` is, or is nearly, too small: a sentence, cut to
// what fits. Async-signal-safe enough for a crash: no memory.
void stack_advice(char* out, std::size_t size, std::size_t limit_bytes, bool main) noexcept;

// See watch.hpp.
void stack_use_begins(goroutine* gp) noexcept;
void stack_use_ends(goroutine* gp) noexcept;

// Held: its pages below the stack pointer are about to go.
void stack_use_shrinks(goroutine* gp) noexcept;

}  // namespace gos::rt
