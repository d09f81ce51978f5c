// machine: M, an OS thread that runs goroutines; and the words of the revocation protocol.
//
// A machine needs a processor to run goroutines. Code on it is in user mode, or in kernel mode:
// inside the runtime, between kernel_enter and kernel_leave. In kernel mode with a processor it is
// the processor's owner, and touches its state with plain loads and stores.
//
// The processor can be taken away without the machine's help, in user mode only (revoke.cpp):
//   enter:  in_kernel = 1; compiler fence; look at `revoked`
//   taker:  revoked = requested; membarrier; look at in_kernel
// After the membarrier a machine seen in user mode cannot touch processor state without first
// seeing `revoked` (INV1). Where membarrier is refused, `fenced` replaces `none` as the normal value:
// then every entry takes the slow path, which has the fence.
//
//   `revoked`, by who writes it
//     none/fenced --asker--> requested --machine, on entry or exit--> none (it serves the request)
//                            requested --taker, machine in user mode--> taking
//     taking --taker--> none (it only took work)   taking --taker--> gone (it took the processor)
//     none, requested --machine in kernel mode, giving up its processor--> gone --new one--> none
//
// INV2 Only who holds `revoker` writes requested or leaves taking; so a request that is answered and
//      made again cannot be mistaken for the first.
// Machines are never freed: a stale pointer is safe to read.
// Plain OS threads have one too (foreign): its processor is gone for ever, its g0 stands for the
// thread in wait queues.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/align.hpp"
#include "base/random.hpp"
#include "base/spin.hpp"
#include "platform/eh_globals.hpp"
#include "platform/thread_self.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

struct processor;
struct visitor;
}
namespace gos::detail {
struct fork_job;
}
namespace gos::rt {

enum class revoke_state : std::uint32_t { none = 0, requested, taking, gone, fenced };

// What a machine is asked to do at its next passage between the modes. Bits.
namespace request {
inline constexpr std::uint32_t share = 1;       // hand over half of the queues
inline constexpr std::uint32_t reschedule = 2;  // put the goroutine at the back, look at everything
inline constexpr std::uint32_t notice = 4;  // nothing: sysmon sees by its being gone that the runtime was entered (stalls.cpp)
inline constexpr std::uint32_t sign = 8;    // the same, for who searches for work
}  // namespace request

// What sysmon knows of a goroutine that has not entered the runtime for a while (stalls.cpp).
struct stall_watch {
  const goroutine* gp = nullptr;  // null: nothing
  std::uint64_t id = 0;
  std::int64_t since_ns = 0;
  std::uint64_t noted = 0;  // the sequence of its record; 0: has none yet
  std::uint32_t tries = 0;  // to see its stack
};

struct alignas(cache_line_size) machine {
  // The hot line: read or written at every entry and switch.
  std::atomic<std::uint32_t> in_kernel{0};
  std::atomic<revoke_state> revoked{revoke_state::gone};
  goroutine* current = nullptr;  // owner: the running goroutine, or &g0
  processor* pp = nullptr;       // owner: valid unless revoked is gone
  eh_globals* exceptions = nullptr;
  detail::fork_job* newest_fork = nullptr;  // owner, or who holds the processor: forks.cpp
  detail::fork_job* oldest_fork = nullptr;  // as before; others read it as a hint
  std::uint32_t float_default = 0;   // float_control() of float_initial
  float_environment float_initial{};  // what goroutines start with
  bool foreign = false;  // immutable: a plain thread
  bool home = false;     // owner: a thread that waits in run_main_goroutine, not one that we made
  bool leaving =
      false;  // owner: a goroutine ended while locked to the thread, or nobody needs it; nobody runs here any more
  bool searching = false;  // owner: counted in scheduler::searching
  std::int64_t crossing_ns = 0;  // owner, in any mode: lost to other processors since the last look, roughly (note_crossing)
  goroutine* handoff = nullptr;   // owner: for g0, run this next
  goroutine* gave_way = nullptr;  // owner: for g0, others before this one
  std::byte* left_stack = nullptr;     // owner: for g0, an ended goroutine's, to be put into the common pool
  std::uint8_t left_stack_class = 0;  // owner

  // Read by others.
  alignas(cache_line_size) std::atomic<std::uint32_t> requests{0};
  std::atomic<goroutine*> blocking{nullptr};  // the goroutine that is in a blocking section here
  std::atomic<std::uint32_t> wake{0};      // futex: 1 when a sleeping machine or thread may go on
  spin_lock revoker;                       // INV2
  std::atomic<bool> quit{false};           // the main goroutine has ended: leave the loop
  bool idle = false;                       // under scheduler::lock: in the idle list
  machine* idle_next = nullptr;            // under scheduler::lock
  std::atomic<processor*> given{nullptr};  // by the waker, before wake
  bool given_searching = false;            // by the waker, before wake
  bool parked = false;                     // under scheduler::lock: leaving, and asleep until quit
  bool waits_for_locked = false;           // under scheduler::lock: without a processor, until one comes with a goroutine
  bool thread_parked = false;              // under scheduler::lock; a plain thread's: waits, and nobody has woken it yet
  bool helper = false;                     // under scheduler::lock: a plain thread of the library's own
  std::atomic<bool> alive{false};          // has a thread; for traces
  std::uint32_t id = 0;                    // immutable after publication; for traces
  std::atomic<int> thread{0};              // the system's number of its thread; 0: it has none
  goroutine* locked = nullptr;             // owner: the goroutine that is locked to this thread
  machine* all_next = nullptr;             // immutable after publication
  std::atomic<bool> resting{false};        // asleep or in the poller, or stopped for good
  random_generator random;                 // owner: a plain thread's
  stall_watch stall;                       // sysmon's
  machine* free_next = nullptr;  // under scheduler::lock: in the list of the free, or of those to be started
  std::atomic<visitor*> visitors{nullptr};  // written under scheduler::lock: goroutines that want to go on here (home.cpp)

  goroutine g0;  // the scheduler's own context; for a plain thread, its stand-in
};

// The calling thread's.
[[gnu::always_inline]] inline machine* this_machine() noexcept { return static_cast<machine*>(thread_self()); }

}  // namespace gos::rt

// What a thread that never met the runtime points to. Its `revoked` is gone for ever.
extern "C" gos::rt::machine gos_thread_nobody;
