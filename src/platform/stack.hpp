// stack: memory for goroutine stacks.
//
// A slot is a power of two in size and aligned to it, so a stack pointer masked by the size is the slot's base. Its lowest
// page is the guard, the rest is the stack, which grows down from top(). Slots of one size are cut from large reservations
// (arenas) that belong to the process for ever: a slot is never unmapped, its owner pools it and gives its pages back with
// stack_release_pages(). An untouched slot costs address space only.
//
// Which guard a slot has depends on the kernel: MADV_GUARD_INSTALL (any number of slots, a whole batch by one process_madvise
// where the kernel allows it), else mprotect while vm.max_map_count allows, else none but a canary, which
// stack_canary_intact() looks at: when the goroutine ends, and when the stack scanner visits it.
#pragma once

#include <atomic>
#include <cstddef>

namespace gos::rt {

inline constexpr std::size_t stack_size_min = std::size_t{16} << 10;
inline constexpr std::size_t stack_size_max = std::size_t{1} << 30;

// Bytes of the guard on this machine: one page.
std::size_t stack_guard_bytes() noexcept;

// A value: owns nothing, copies freely.
struct stack_slot {
  std::byte* base = nullptr;  // aligned to size; the guard begins here
  std::size_t size = 0;       // power of two; the stack is [low(), top())

  std::byte* low() const noexcept { return base + stack_guard_bytes(); }
  std::byte* top() const noexcept { return base + size; }
  explicit operator bool() const noexcept { return base != nullptr; }
};

// The slot size that serves a stack of `wanted` bytes: the next power of two, from 16 KiB (four pages, where pages are
// larger than 4 KiB) to 1 GiB.
std::size_t stack_round_size(std::size_t wanted) noexcept;

// Takes up to `count` fresh slots of `size` bytes (a result of stack_round_size()) with their guards and writes them to
// `out`. Returns how many: fewer when memory runs short, 0 when there is none. The stacks read as zero. Any thread.
int stack_map(std::size_t size, stack_slot* out, int count) noexcept;

// Gives the whole pages within [low, high) back to the kernel; they read as zero afterwards. Guards survive. The range lies
// within one slot or covers neighbours of one arena, and nobody may use it meanwhile.
void stack_release_pages(std::byte* low, std::byte* high) noexcept;

// The same for many ranges, by flush() at the latest, in one system call for up to `most` where the kernel allows it: each that
// gives pages back interrupts every processor (19 us for one stack beside a busy processor, 0.6 us each for 64 at once).
class stack_release {
 public:
  static constexpr std::size_t most = 64;

  stack_release() noexcept = default;
  ~stack_release() { flush(); }
  stack_release(const stack_release&) = delete;
  stack_release& operator=(const stack_release&) = delete;

  void add(std::byte* low, std::byte* high) noexcept;
  void flush() noexcept;

 private:
  struct range {
    std::byte* low;
    std::size_t bytes;
  };
  std::size_t count_ = 0;
  range ranges_[most];
};

namespace stack_impl {
extern std::atomic<bool> unguarded_exist;
bool canary_intact_slow(const stack_slot& slot) noexcept;
}  // namespace stack_impl

// False when the stack has grown over its end and has no guard that would have caught it. Costs one load where all slots
// are guarded. May miss an overflow that jumps over the canary. The owner of the slot only.
inline bool stack_canary_intact(const stack_slot& slot) noexcept {
  // relaxed: a slot without a guard reaches its owner after the flag was set, in the same thread or through a hand-over.
  if (!stack_impl::unguarded_exist.load(std::memory_order_relaxed)) return true;
  return stack_impl::canary_intact_slow(slot);
}

// The slot that holds `address`, whether in use or not; false when the address is in no slot. `in_guard` (may be null) tells
// whether it lies in the guard page. Any thread, also inside a signal handler.
bool stack_find(const void* address, stack_slot* out, bool* in_guard) noexcept;

// Bytes of the slot that have a page of memory behind them now. One system call; for statistics.
std::size_t stack_resident(const stack_slot& slot) noexcept;

// Bytes from the top of the slot down to the deepest byte that is not zero; pages that were never touched, or were given back,
// are not. One system call, or several for a large slot. Any thread: of a stack that is in use it is a snapshot.
std::size_t stack_used(const stack_slot& slot) noexcept;

// Totals since the start, for statistics and tests.
struct stack_counts {
  std::size_t arenas = 0;          // reservations made
  std::size_t reserved_bytes = 0;  // their address space
  std::size_t slots = 0;           // slots handed out by stack_map()
  std::size_t unguarded = 0;       // of these, slots without a guard
};
stack_counts stack_statistics() noexcept;

}  // namespace gos::rt
