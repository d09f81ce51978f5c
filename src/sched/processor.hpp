// processor: P, the right to run goroutines, and everything that exists once per running thread.
//
// Owned by the machine that runs it (in kernel mode), or by who took it by revocation. Unless a
// comment says otherwise every field is the owner's.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/random.hpp"
#include "sched/local_queue.hpp"
#include "sched/stack_pool.hpp"
#include "sched/timer_heap.hpp"

namespace gos::rt {

struct machine;

struct alignas(cache_line_size) processor {
  // The goroutine just made ready: runs next, within the same time slice. Others read it as a hint.
  std::atomic<goroutine*> next{nullptr};
  std::uint32_t countdown = 1;        // picks until the next look around (find_runnable). Others read it as a hint
  std::uint32_t countdown_start = 61;  // adapted to about 50 us between looks
  std::atomic<std::uint32_t> tick{0};  // grows with every time slice; sysmon compares
  std::uint32_t id = 0;                // immutable

  local_queue<256> ready;   // made ready: oldest first
  local_queue<1024> fresh;  // just spawned: newest first, which keeps trees small

  // Free goroutines and stacks, last used first.
  goroutine* free_goroutines = nullptr;
  std::uint32_t free_count = 0;
  stack_cache stacks;

  std::uint64_t id_next = 0;  // goroutine ids [id_next, id_end) are this processor's
  std::uint64_t id_end = 0;
  std::int64_t last_look_ns = 0;
  std::uint32_t last_fair_tick = 0;  // tick of the last goroutine taken out of turn
  std::int64_t last_fair_ns = 0;     // and when that was
  std::int64_t slice_ns = slice_unknown_ns;  // how long a pick has lasted of late
  std::int64_t alone_look_ns = 0;    // when to consider next whether this one is alone (alone.hpp)
  random_generator random;

  // Whether others may take what is queued here, and are woken for it (worth_sharing in find_runnable.cpp). Written by the owner
  // at its looks, and by sysmon when a slice lasts. relaxed everywhere: a hint.
  std::atomic<bool> shares{true};

  // Written by the owner, summed by anybody. relaxed everywhere: counters.
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> finished{0};

  // Shared.
  alignas(cache_line_size) timer_heap timers;
  std::atomic<machine*> owner{nullptr};  // who runs it; null: idle or in somebody's hands
  processor* idle_next = nullptr;        // under scheduler::lock
  bool retired = false;                  // under scheduler::lock: beyond max_procs, no work, in nobody's hands

  static constexpr std::int64_t slice_unknown_ns = 1'000'000;

  std::uint32_t queued() const noexcept { return ready.size() + fresh.size(); }
  // Hint: how much could be handed over.
  std::uint32_t to_share() const noexcept { return shares.load(std::memory_order_relaxed) ? queued() : 0; }  // relaxed: a hint

  // What runs next, or null: nothing here, or it is time to look around (countdown is 0 then).
  [[gnu::always_inline]] goroutine* pick() noexcept {
    const std::uint32_t left = countdown - 1;
    __atomic_store_n(&countdown, left, __ATOMIC_RELAXED);  // relaxed: sysmon compares two readings
    if (GOS_UNLIKELY(left == 0)) return nullptr;
    goroutine* gp = next.load(std::memory_order_relaxed);  // relaxed: owner only
    if (gp != nullptr) {
      next.store(nullptr, std::memory_order_relaxed);  // relaxed: owner only
      return gp;  // inherits the time slice: no tick
    }
    if (!ready.empty()) {
      new_slice();
      return ready.pop_front();
    }
    if (!fresh.empty()) {
      new_slice();
      return fresh.pop_back();
    }
    return nullptr;
  }

  // After a pick that gave nothing: because it is time to look around.
  bool look_is_due() const noexcept { return countdown == 0; }

  void new_slice() noexcept {
    // relaxed: sysmon only compares two readings.
    tick.store(tick.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

}  // namespace gos::rt
