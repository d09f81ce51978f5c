// waiting: goroutines that wait for a lock of the C library, found by its address, and who wakes them.
//
// The lock itself stays the C library's: threads sleep on it as ever. A goroutine that may not block its thread tries it,
// queues here, tries once more, and parks. Whoever gives the lock back does so by the C library's function first and looks
// here afterwards.
//
// INV1 Queue, then look: who waits is counted before its last try (the recheck); who wakes has released before it looks at
//      the count. A fence on both sides: one of the two sees the other. On x86-64 the C library's release is one, an atomic
//      read-modify-write.
// INV2 A wake-up is the wake-up of one: who was woken and does not take what it was woken for (its time is up) passes the
//      wake-up on by calling wake_one().
// INV3 After a wake_up has been taken the address is a number: what was there may be gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "park/park.hpp"
#include "sync/sleep_table.hpp"

namespace gos::rt {

// How many wait at addresses of the same hash. Looked at by threads that know nothing of goroutines.
struct alignas(cache_line_size) waiting_count {
  std::atomic<std::uint32_t> waiting{0};
};
inline constexpr std::size_t waiting_bits = 8;
extern waiting_count waiting_counts[std::size_t{1} << waiting_bits];

inline waiting_count& waiting_count_of(const void* address) noexcept {
  const std::uint64_t hash = reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U;
  return waiting_counts[hash >> (64 - waiting_bits)];
}

enum class waited : std::uint8_t { woken, timed_out, not_needed };

// One wait. The three steps are made in kernel mode, in this order; a wait that has begun must go on to finish().
class address_wait {
 public:
  // at_front: it was woken before, and others overtook it.
  address_wait(const void* address, bool at_front) noexcept;
  address_wait(const address_wait&) = delete;
  address_wait& operator=(const address_wait&) = delete;

  // needed: what the recheck said. deadline_ns: never_ns for none.
  waited finish(bool needed, wait_reason reason, std::int64_t deadline_ns) noexcept;

 private:
  static constexpr std::uint32_t by_waker = 0;
  static constexpr std::uint32_t by_clock = 1;
  static constexpr std::uint32_t by_itself = 2;

  const void* const address_;
  claim shared_;
  sleeper me_;
};

// Waits for a wake-up at the address, unless recheck(), called in kernel mode, says that there is no need to. not_needed:
// nobody has woken the caller. User mode, on a goroutine.
template <class Recheck>
waited wait_at(const void* address, wait_reason reason, std::int64_t deadline_ns, bool at_front, Recheck recheck) noexcept {
  kernel_section kernel;
  address_wait wait(address, at_front);
  return wait.finish(recheck(), reason, deadline_ns);
}

// A look around for about two microseconds: whoever has the lock may be about to give it up on another processor. User mode.
template <class Try> bool spin_for(Try try_once) noexcept {
  if (single_processor()) return false;
  for (std::uint32_t pauses = 1; pauses <= 64; pauses *= 2) {
    for (std::uint32_t i = 0; i < pauses; ++i) cpu_relax();
    if (try_once()) return true;
  }
  return false;
}

void wake_at(const void* address, bool all) noexcept;

// After a release. A goroutine in either mode, or any thread.
[[gnu::always_inline]] inline void wake(const void* address, bool all) noexcept {
  // seq_cst, both: INV1, pairs with the fence of address_wait. relaxed: behind it.
#if defined(__x86_64__)
  std::atomic_signal_fence(std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  if (waiting_count_of(address).waiting.load(std::memory_order_relaxed) != 0) [[unlikely]]
    wake_at(address, all);
}
inline void wake_one(const void* address) noexcept { wake(address, false); }
inline void wake_all(const void* address) noexcept { wake(address, true); }

}  // namespace gos::rt
