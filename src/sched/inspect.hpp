// inspect: FRONT DOOR: goroutines as they stand, for dumps, leak reports and traces.
//
// A goroutine that does not run is held still while it is looked at, by the same mark as the stack scanner's (shrink.cpp):
// who would resume it waits until it is let go. So its stack and what it waits on may be read. One that runs is asked by a
// signal to say where it is, if that is wanted.
//
// INV1 While goroutines are held, their holder does not enter the runtime and waits for nobody: a machine that would resume
//      one of them spins meanwhile, perhaps with the only processor.
// INV2 A batch is small, and a visitor gathers addresses only; names are looked up afterwards.
// Where membarrier is refused nothing can be held: then a view has no stack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/stack.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

struct goroutine_view {
  goroutine* gp = nullptr;
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;
  void* spawn_pc = nullptr;
  goroutine_state state = goroutine_state::dead;  // runnable, running or waiting
  bool fresh = false;                             // has never run: no stack
  bool blocking = false;                          // runs, in a section marked blocking or without a processor: `syscall`
  bool locked = false;                            // to a thread
  wait_reason reason = wait_reason::none;         // waiting only, as the next three
  const void* wait_object = nullptr;
  std::int64_t since_ns = 0;
  std::int64_t deadline_ns = goroutine::no_deadline_ns;
  char name[48] = {};
  bool held = false;  // parked or runnable, and stays so until the visitor returns
  // Return addresses, innermost first; of one that is held, or that ran and answered.
  void* const* frames = nullptr;
  std::size_t depth = 0;
  std::byte* stack_pointer = nullptr;  // held only
  stack_slot stack{};                  // held only
};

struct inspect_options {
  bool stacks = true;            // of those that can be held
  bool running_stacks = false;   // of those that run on other threads, by a signal to each
  std::size_t frames_max = 64;
  const goroutine* omit = nullptr;  // not visited: who asks knows itself best
};

// Visits every goroutine that exists, in the order of their records, each at a moment of its own. Any thread, in user mode;
// also from a crash. Does not allocate. visit must obey INV1; it may allocate.
void inspect_goroutines(const inspect_options& options, void (*visit)(const goroutine_view& view, void* argument),
                        void* argument);

// The goroutine in whose stack slot the address lies, or null. A snapshot.
goroutine* goroutine_of_stack(const void* address) noexcept;

}  // namespace gos::rt
