// goroutine: G, a stack and what is needed to resume it.
//
// 256 bytes, from a slab that is never given back, so that a stale pointer is always safe to read
// and every goroutine that exists can be listed. A plain OS thread that waits on one of our objects
// has one too (flag thread): to the objects both are the same.
//
//   state diagram (who writes it: the processor's owner, or who holds the goroutine at that moment)
//
//     dead --spawn--> runnable --execute--> running --park--> waiting --ready--> runnable
//                                              |  \--yield/revoked--> runnable
//                                              \--end--> dead
//     waiting --a pass--> aged --the next--> scanned: the stack scanner's (shrink.cpp); --ready--> from each of them
//
// INV1 A goroutine is in at most one run queue, and only while runnable.
// INV2 Every park is ended by exactly one ready.
// INV3 ready may come before the parking machine has left the goroutine's stack: on_cpu says so.
//      Whoever resumes a goroutine first waits until on_cpu is 0; it is cleared by the code that
//      runs next on the machine that left, or by who held it (hold.hpp).
// INV4 A goroutine with the flag fresh has no stack yet and has never run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/align.hpp"
#include "platform/fiber_hooks.hpp"
#include "platform/stack.hpp"
#include "platform/switch.hpp"

namespace gos::rt {

struct machine;

// Why a goroutine waits. The texts (wait_reason_text) are Go's, where Go has the reason.
enum class wait_reason : std::uint8_t {
  none,
  chan_receive,
  chan_send,
  chan_receive_nil,
  chan_send_nil,
  select,
  select_no_cases,
  sleep,
  io_wait,
  mutex_lock,
  shared_mutex_lock_shared,
  shared_mutex_lock,
  wait_group_wait,
  condition_variable_wait,
  once_call,
  join,
  semaphore_acquire,
  pthread_mutex_lock,  // these and the following: in a call of the C library's that src/hook stands before
  pthread_cond_wait,
  pthread_rwlock_lock,
  sem_wait,
  pthread_join,
};
inline constexpr std::size_t wait_reason_count = static_cast<std::size_t>(wait_reason::pthread_join) + 1;
extern const char* const wait_reason_texts[wait_reason_count];
const char* wait_reason_text(wait_reason reason) noexcept;

// aged and scanned are waiting, too: since before the stack scanner's last pass; with the stack shrunk.
// examined: waiting, and somebody asks whether it still waits as it did then (report/stuck.cpp).
enum class goroutine_state : std::uint8_t { dead, runnable, running, waiting, aged, scanned, examined };

// Flags that take a goroutine off the fast path of a switch. Zero is the common case.
namespace goroutine_flag {
inline constexpr std::uint8_t fresh = 1;   // has no stack yet
inline constexpr std::uint8_t locked = 2;  // runs on locked_machine only
inline constexpr std::uint8_t thread = 4;  // stands for a plain OS thread; is never in a run queue
inline constexpr std::uint8_t watched = 8;   // a debug option looks at its passages (watch.hpp)
inline constexpr std::uint8_t forking = 16;  // offers calls to others (forks.cpp)
}  // namespace goroutine_flag

struct alignas(cache_line_size) goroutine {
  // Written at every switch: one line.
  switch_context context;
  std::atomic<std::uint32_t> on_cpu{0};  // INV3
  std::atomic<goroutine_state> state{goroutine_state::dead};
  std::uint8_t flags = 0;
  std::atomic<wait_reason> reason{wait_reason::none};
  std::uint8_t stack_class = 0;  // log2 of the slot's size
  goroutine* queue_next = nullptr;
  // Upcall slot: runs the body; every exception stays inside. A plain thread's stand-in: called at the thread's end.
  void (*entry)(goroutine*) = nullptr;
  void* closure = nullptr;              // storage of the callable: inline_closure or from the heap
  std::byte* stack_base = nullptr;

  // Identity, and what waits need.
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;
  void* spawn_pc = nullptr;               // return address of the spawn statement
  std::atomic<const void*> wait_object{nullptr};
  std::atomic<std::int64_t> since_ns{0};  // when it began to wait, by scheduler::coarse_ns
  struct goroutine_extra* extra = nullptr;  // what few goroutines have; stays with the record when the goroutine ends
  void* locals = nullptr;                   // goroutine_local's table; owned by src/api/local.cpp
  void* panics = nullptr;                   // running deferred calls and panics, innermost first; owned by src/panic

  void (*body)(void* closure) = nullptr;  // runs and destroys the callable
  // The time at which a limited wait ends on its own; written by those who set limits, around their park.
  std::atomic<std::int64_t> deadline_ns{no_deadline_ns};

  static constexpr std::int64_t no_deadline_ns = INT64_MAX;
  static constexpr std::size_t inline_closure_size = 112;
  alignas(16) std::byte inline_closure[inline_closure_size] = {};

#if defined(GOS_TSAN) || defined(GOS_ASAN)
  fiber_state fiber;
#endif

  stack_slot stack() const noexcept { return {stack_base, std::size_t{1} << stack_class}; }
};

// What few goroutines have.
struct goroutine_extra {
  char name[48] = {};
  machine* locked_machine = nullptr;
  std::uint32_t lock_count = 0;
  machine* home = nullptr;  // a main goroutine's: whose thread waits for its end
  bool returned = false;    // a main goroutine's: its function has returned
  void* thrown = nullptr;   // the last panic or goexit that was thrown and still exists; owned by src/panic
  void* throw_stack = nullptr;  // memory for where an exception was thrown; owned by src/panic, stays when the rest is reset
  bool thrown_goexit = false;
  bool describing = false;  // the texts of its panics are being asked for
  bool panic_on_fault = false;
  struct watch_record* watch = nullptr;  // what debug options keep; stays with the extra when the goroutine ends
};

#if !defined(GOS_TSAN) && !defined(GOS_ASAN)
static_assert(sizeof(goroutine) == 256);
#endif

goroutine_extra& goroutine_extra_of(goroutine& gp) noexcept;

}  // namespace gos::rt
