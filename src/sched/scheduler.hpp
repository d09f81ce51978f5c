// scheduler: the state that all processors share, and the verbs of this floor's own files.
//
// Private to sched. What others may use is in sched.hpp, timers.hpp and poll_source.hpp.
//
// How work finds a processor:
//   INV1 A goroutine in the global queue is found: who goes idle looks there under `lock`, the same
//        lock under which it is put, and who puts it wakes an idle processor afterwards, or looks there
//        itself before it goes idle.
//   INV2 A goroutine in a processor's own queues is found: by its owner, by a searching machine, or
//        by sysmon, which wakes a searcher when work waits beside idle processors. The fast paths
//        look at idle_processors without a fence; a wake-up missed that way is made good by sysmon
//        within one of its turns (sysmon.cpp), and sysmon turns while any processor runs.
//   INV3 At most one machine at a time is woken to search (searching 0 -> 1); the last searcher, when it
//        finds more than it can do, wakes the next one. So a burst of spawns does not become a burst of
//        system calls.
//   INV4 An idle processor has empty queues. Its timers may be pending: some machine sleeps no longer
//        than until the earliest of all timers (sleeper_deadline_ns), or polls that long.
//
// Lock order: `lock` is a leaf: under it no other lock is taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "base/fatal.hpp"
#include "base/spin.hpp"
#include "platform/poller.hpp"
#include "sched/alone.hpp"
#include "sched/local_queue.hpp"
#include "sched/machine.hpp"
#include "sched/processor.hpp"

namespace gos::rt {

struct fault;

inline constexpr int max_procs_limit = 4096;
inline constexpr std::int64_t exit_begun = -1;  // of scheduler::main_ended_ns: sysmon ends the process

struct scheduler {
  // Read at every wake-up, written seldom.
  alignas(cache_line_size) std::atomic<std::uint32_t> idle_processors{0};
  std::atomic<std::uint32_t> searching{0};
  std::atomic<std::uint32_t> global_size{0};
  std::atomic<std::int32_t> poll_waiters{0};
  // The clock as sysmon last read it, or who took an idle processor: at most some 10 ms late while anything runs. For
  // what is only told to people.
  std::atomic<std::int64_t> coarse_ns{0};
  revoke_state normal = revoke_state::none;  // of machine::revoked; immutable after start
  std::uint8_t stack_class = 0;              // default; immutable after start
  bool migrate = false;                      // GOS_DEBUG=migrate; immutable after start
  std::uint8_t watched = 0;                  // watch_option; immutable after start
  bool never_alone = false;                  // GOS_DEBUG=noalone; immutable after start
  std::int64_t alone_after_ns = 1'000'000;   // how long one processor must have been active before it is alone. Tests change it
  std::int64_t look_interval_ns = 50'000;    // while busy: between two looks at clock and poller. Tests change it
  std::atomic<int> max_procs{0};
  std::atomic<int> processor_count{0};  // processors that exist; they never go away

  alignas(cache_line_size) spin_lock lock;
  goroutine_list global;                    // under lock; global_size is its size
  processor* idle_list = nullptr;           // under lock
  machine* idle_machines = nullptr;         // under lock
  int idle_machine_count = 0;               // under lock
  machine* sleeper = nullptr;               // under lock: who sleeps until sleeper_deadline_ns
  std::int64_t sleeper_deadline_ns = never_ns;  // under lock
  machine* poll_machine = nullptr;          // under lock: blocked in the poller
  goroutine* free_goroutines = nullptr;     // under lock
  machine* births = nullptr;                // under lock: sysmon is to start their threads
  machine* foreigners = nullptr;            // under lock: the records of plain threads, linked by all_next
  std::int64_t together_ns = 0;             // under lock: how long they have been told to stay, last time
  processor* alone_processor = nullptr;     // under lock: whose machine has been alone (alone.hpp)
  std::uint64_t alone_changes = 0;          // under lock: `changes` when that was last considered
  int crowd = 0;                            // under lock: how many may take object locks without a processor
  std::uint64_t changes = 0;                // under lock: grows when a processor stops being idle, or a thread parks or is woken

  std::atomic<std::int64_t> together_until_ns{0};  // until then goroutines that talk stay on one processor; written under lock
  std::atomic<processor*> crossing{nullptr};  // whose machine must be seen outside kernel mode (alone.hpp)
  std::atomic<bool> poll_busy{false};  // somebody looks at the poller
  std::atomic<std::int64_t> last_poll_ns{0};
  std::atomic<bool> started{false};
  std::atomic<machine*> machines{nullptr};  // all, linked by all_next
  std::atomic<int> machine_count{0};
  std::atomic<bool> follows_default{false};  // max_procs changes with the default; written under start_lock
  std::atomic<int> sysmon_thread{0};         // its id; 0 before it runs
  std::atomic<int> max_threads{10000};
  // So long rest threads that nobody needs, before they end.
  std::atomic<std::int64_t> idle_thread_ns{10'000'000'000};
  std::atomic<std::uint64_t> next_id{2};  // 1 is the first main goroutine
  std::atomic<std::uint64_t> foreign_started{0};  // goroutines spawned by plain threads, and main ones
  std::atomic<bool> exiting{false};
  std::atomic<bool> forked{false};  // this is the child of a fork
  std::atomic<machine*> exit_machine{nullptr};
  std::atomic<int> exit_status{0};
  std::atomic<bool> eager_looks{false};    // tests set it: sysmon looks for a deadlock as often as it can
  std::atomic<bool> main_goexited{false};  // a main goroutine has ended by goexit: the process goes on without it
  std::atomic<std::int64_t> main_ended_ns{0};  // when a main goroutine ended whose thread is elsewhere, or exit_begun
  std::atomic<machine*> main_home{nullptr};    // that thread's machine

  alignas(poller) unsigned char poller_storage[sizeof(poller)] = {};
  std::atomic<bool> poller_open{false};
  poller& events() noexcept { return *std::launder(reinterpret_cast<poller*>(poller_storage)); }

  std::atomic<processor*> processors[max_procs_limit] = {};
};

extern constinit scheduler sched;

// Events fetched by who holds poll_busy, delivered after it is released.
class poll_batch {
 public:
  void wait(std::int64_t timeout_ns) noexcept;
  void deliver() noexcept;
  bool any() const noexcept { return count_ > 0; }

 private:
  static constexpr int capacity = 128;
  int count_ = 0;
  poll_event events_[capacity];
};

// lifecycle.cpp
void ensure_started() noexcept;  // thread-safe
void follow_default_procs() noexcept;  // on sysmon's thread, seldom: reads files
void stop_for_exit() noexcept;  // the process is about to end
bool poller_ensure_open() noexcept;

// machine.cpp
machine* machine_that_runs(const goroutine* gp) noexcept;  // or null: a snapshot
machine* machine_new() noexcept;
void machine_adopt_thread(machine* mp) noexcept;  // the calling thread works as mp from now on
void machine_thread_start(machine* mp) noexcept;  // its given processor is set
void machine_threads_born() noexcept;             // on sysmon's thread: starts those that wait to be started
void machine_left(machine* mp) noexcept;          // by its thread's last act: counts, and frees mp
[[noreturn]] void thread_exhaustion(int limit) noexcept;

// idle.cpp: who has which processor
void attach(machine* mp, processor* pp) noexcept;
processor* detach(machine* mp) noexcept;               // in kernel mode: gives up the own one
processor* idle_processor_take() noexcept;             // takes lock
processor* idle_processor_take_locked() noexcept;
void idle_processor_put_locked(processor* pp) noexcept;
void retire(processor* pp) noexcept;                   // in the caller's hands, beyond max_procs: hands on work, timers, stacks
void hand_off(processor* pp) noexcept;                 // a processor in the caller's hands: to work or to rest
void wake_one() noexcept;                              // if a processor is idle and nobody searches
void start_machine(processor* pp, bool searching) noexcept;
void stop_searching(machine* mp, bool found) noexcept;
void rest(machine* mp) noexcept;                       // no work: gives the processor up, sleeps or polls until there may be some
bool leave_work_to_others(machine* mp) noexcept;       // the same with work, if another processor is active; false: none is
void wait_for_processor(machine* mp) noexcept;         // without a processor: sleeps until given one
void wait_for_quit(machine* mp) noexcept;  // without a processor: sleeps until told to leave the loop
bool wake_for_quit(machine* mp) noexcept;
void wait_for_locked(machine* mp) noexcept;            // until the goroutine locked to mp is handed over
void give_to_locked(machine* mp, goroutine* gp) noexcept;
// How `host` is told that somebody wants to go on there. invite_locked: gives it the processor of mp, if it has none and sleeps.
enum class invitation { ask, wake, poller };
invitation invite_locked(machine* mp, machine* host) noexcept;
void send_invitation(machine* host, invitation kind) noexcept;

// home.cpp
goroutine* take_visitor(machine* mp) noexcept;  // one that wants to go on on mp, or null

// global queue (idle.cpp)
void global_push(goroutine* gp) noexcept;
void global_push_list(goroutine_list& list) noexcept;
template <class Queue> void overflow(processor* pp, Queue& queue) noexcept;  // a full one of pp: the oldest half goes to the global queue

// alone.cpp: before the first object_lock of a machine that has just got a processor, or of who has joined the crowd. Without
// locks.
[[gnu::always_inline]] inline void cross() noexcept {
  // acquire: pairs with cross_slow() of who was here before.
  processor* first = sched.crossing.load(std::memory_order_acquire);
  if (GOS_UNLIKELY(first != nullptr)) cross_slow(first);
}

// find_runnable.cpp
goroutine* find_runnable(machine* mp) noexcept;  // null: look at quit and leaving
bool poll_if_free() noexcept;                    // looks at the poller without waiting; true if events came
std::int64_t earliest_timer_ns() noexcept;

// worker.cpp
void scheduler_loop(machine* mp) noexcept;  // on g0
void attach_stack(processor* pp, goroutine* gp) noexcept;
bool is_prepared(const goroutine* gp) noexcept;  // has a stack, but nothing has run on it; gp is held
void give_way(machine* mp, goroutine* gp) noexcept;  // to the back of the global queue
[[noreturn]] void stop_for_good() noexcept;

// blocking.cpp
void lock_to_machine(goroutine* gp, machine* mp) noexcept;  // gp runs there in user mode, or has yet to run

// revoke.cpp
bool ask(processor* victim, std::uint32_t what) noexcept;  // polite: answered at the next passage
bool ask_machine(machine* mp, std::uint32_t what) noexcept;
bool is_silent(const processor* pp) noexcept;              // has been asked, and has not come past the runtime since
machine* take_begin(processor* victim) noexcept;           // forced: the processor is the caller's until take_end
void take_end(machine* mp, bool keep) noexcept;
void share(processor* pp, bool with_next) noexcept;        // half of what waits goes to the global queue
void share_forks(machine* mp, processor* pp) noexcept;     // a call that the goroutine on mp offers, if no queue has work

// sysmon.cpp
void sysmon_body(void*) noexcept;
bool sysmon_sleeps() noexcept;  // until a processor runs: a hint
void sysmon_wake() noexcept;  // a processor begins to run
void sysmon_note_locked() noexcept;  // a machine goes to rest that had no processor; sysmon_wake() follows, without lock
void sysmon_hurry() noexcept;  // there is work for sysmon itself: it turns at once
void sysmon_look_again() noexcept;  // a plain thread has parked or ended: see deadlock.cpp
// What is known of a goroutine that crashed, as the level has it: by crash_hook on sysmon's thread, which also writes out
// standard output. False: it has not come to it in that time.
bool sysmon_describe(const goroutine* crashed, std::int64_t timeout_ns) noexcept;

// faults.cpp
using fault_thrower = void (*)(int signal, int code, void* address);  // upcall slot: throws a panic
void set_fault_thrower(fault_thrower thrower) noexcept;
void on_overflow(const fault& f) noexcept;
void on_fault(const fault& f);
// The last words of who overflowed. On its own thread, perhaps in a signal handler, or on that of who found out.
[[noreturn]] void stack_overflowed(const goroutine* gp, const stack_slot& slot, const void* address) noexcept;

// deadlock.cpp
enum class standstill { none, by_threads, for_good };
// On sysmon's thread. by_threads: nothing but the thread with this number keeps it from being for good; 0: it is not known
// which. Who asks is told by sysmon_look_again() when that may have changed.
standstill look_for_deadlock(int& thread) noexcept;
[[noreturn]] void report_deadlock() noexcept;
void thread_has_rested() noexcept;  // a plain thread has just parked, or is about to end

// trace.cpp
void trace_init() noexcept;
// On sysmon's thread. Returns in how many nanoseconds to come again, or never_ns.
std::int64_t trace_if_due(std::int64_t now_ns) noexcept;

// foreign.cpp
machine* foreign_adopt() noexcept;  // the calling plain thread meets the runtime
void in_forked_child() noexcept;

// shrink.cpp
// Adds to shrunk what it gave back or will, next pass. False: the pass over all goroutines is complete, or cannot be made.
bool shrink_step(std::size_t& shrunk) noexcept;

// goroutine.cpp
goroutine* goroutine_at(std::size_t index) noexcept;
std::size_t goroutine_capacity() noexcept;  // indices below this exist
// Kernel mode. As goroutine_prepare(), for the owner of pp; null for a plain thread.
goroutine* goroutine_make(processor* pp, std::uint8_t stack_class, std::uint64_t parent_id) noexcept;
// A processor keeps at most so many; the rest goes to the common list.
inline constexpr std::uint32_t free_goroutines_max = 1024;
void goroutine_give_slow(processor* pp, goroutine* gp) noexcept;
[[gnu::always_inline]] inline void goroutine_give(processor* pp, goroutine* gp) noexcept {
  if (GOS_UNLIKELY(pp == nullptr || pp->free_count + 1 == free_goroutines_max)) return goroutine_give_slow(pp, gp);
  gp->queue_next = pp->free_goroutines;
  pp->free_goroutines = gp;
  ++pp->free_count;
}

}  // namespace gos::rt
