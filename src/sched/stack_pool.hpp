// stack_pool: free stacks, last used first.
//
// A processor keeps a few of the default size, whose top pages are still warm. What it has too many
// goes to a pool per size class, from which others take. Pages of stacks that stay unused go back to
// the kernel (trim), the address space stays.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/stack.hpp"

namespace gos::rt {

// The size of a goroutine's stack unless its spawn says otherwise: GOS_STACK_SIZE, or 256 KiB. As log2.
std::uint8_t stack_default_class() noexcept;
std::uint8_t stack_class_for(std::size_t size) noexcept;

// A processor's own: default size only. Owner only.
struct stack_cache {
  static constexpr std::uint32_t capacity = 64;
  std::uint32_t count = 0;
  std::byte* base[capacity];
};

// A stack of 2^stack_class bytes, or null when address space or memory is exhausted. Kernel mode.
std::byte* stack_take_slow(stack_cache& cache, std::uint8_t stack_class) noexcept;
void stack_give_slow(stack_cache& cache, std::byte* base, std::uint8_t stack_class) noexcept;

inline std::byte* stack_take(stack_cache& cache, std::uint8_t stack_class, std::uint8_t default_class) noexcept {
  if (stack_class == default_class && cache.count > 0) return cache.base[--cache.count];
  return stack_take_slow(cache, stack_class);
}

inline void stack_give(stack_cache& cache, std::byte* base, std::uint8_t stack_class, std::uint8_t default_class) noexcept {
  if (stack_class == default_class && cache.count < stack_cache::capacity) {
    cache.base[cache.count++] = base;
    return;
  }
  stack_give_slow(cache, base, stack_class);
}

// Moves a cache's stacks to the common pool. The cache's owner, or who holds its processor.
void stack_cache_flush(stack_cache& cache) noexcept;

// Gives the pages of at most so many stacks in the common pools back to the kernel. Returns how many it did.
// Any thread; not for a hot path.
std::size_t stack_pool_trim(std::size_t most) noexcept;

}  // namespace gos::rt
