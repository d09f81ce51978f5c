// inspect: FRONT DOOR: goroutines as they stand, for dumps, leak reports and traces.
//
// A goroutine that does not run is held still while it is looked at (hold.hpp): who would resume it waits until it is let go.
// So its stack and what it waits on may be read. One that runs is asked by a signal to say where it is (sample.hpp), if
// that is wanted.
//
// INV1 While goroutines are held, their holder does not enter the runtime, allocates nothing and waits for nobody: a machine
//      that would resume one of them spins meanwhile, perhaps with the only processor. So a visitor gathers
//      numbers and addresses in memory it has; what they mean is found out between the batches, or afterwards.
// Where membarrier is refused nothing can be held: then a view has no stack, and what it waits on must not be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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
  bool blocking = false;                          // runs, in a section marked blocking or in a system call: `syscall`
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

inline constexpr std::size_t inspect_frames_max = 128;
inline constexpr std::size_t inspect_batch_max = 64;  // held at once

struct inspect_options {
  bool stacks = true;            // of those that can be held
  bool running_stacks = false;   // of those that run on other threads, by a signal to each
  std::size_t frames_max = 64;   // at most inspect_frames_max
  const goroutine* omit = nullptr;  // not visited: who asks knows itself best
  // Called after at most inspect_batch_max visits, while nothing is held: may do what it likes. Null: nothing.
  void (*between)(void* argument) = nullptr;
  std::int64_t patience_ns = 100'000'000;  // at most for one goroutine that cannot be held yet, or does not answer
};

// False where goroutines that do not run have no stacks in their views, for membarrier is refused.
bool inspect_sees_stacks() noexcept;

// Visits every goroutine that exists, each once and at a moment of its own, in no particular order. Any thread, in user mode;
// also from a crash. Does not allocate.
void inspect_goroutines(const inspect_options& options, void (*visit)(const goroutine_view& view, void* argument),
                        void* argument);

// Whether the address lies in a goroutine's record, other than in the callable of one that exists: the runtime's memory.
bool in_goroutine_record(const void* address) noexcept;

struct goroutine_stack {
  const std::byte* base;
  const goroutine* gp;
};

// Whose stacks they are, by address. A snapshot. Throws std::bad_alloc.
std::vector<goroutine_stack> goroutine_stacks();

}  // namespace gos::rt
