// See stack_pool.hpp.
//
// A pool is an array of slot addresses in reserved address space, so that it grows without
// allocation: [0, cold) have no pages, [cold, count) are warm. Taken from the end.
#include "sched/stack_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#include "base/align.hpp"
#include "base/fatal.hpp"
#include "base/race.hpp"
#include "base/spin.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t pool_capacity = std::size_t{1} << 24;  // stacks of one class; 128 MiB of address space
constexpr int classes = 31;
constexpr std::uint32_t batch = stack_cache::capacity / 2;

struct pool {
  spin_lock lock;
  std::byte** slots = nullptr;  // under lock
  std::size_t count = 0;        // under lock
  std::size_t cold = 0;         // under lock
};

pool pools[classes];

std::uint8_t class_from_environment() noexcept {
  constexpr std::size_t usual = std::size_t{256} << 10;
  const char* text = std::getenv("GOS_STACK_SIZE");
  std::size_t wanted = usual;
  if (text != nullptr && *text != '\0') {
    char* end = nullptr;
    const unsigned long long value = std::strtoull(text, &end, 10);
    std::size_t unit = 1;
    if (*end == 'k' || *end == 'K') unit = 1024, ++end;
    if (*end == 'm' || *end == 'M') unit = 1024 * 1024, ++end;
    if (*end == '\0' && value > 0 && value <= stack_size_max / unit) {
      wanted = value * unit;
    } else {
      write_error("gossamer: GOS_STACK_SIZE=");
      write_error(text);
      write_error(" is not a size between 1 and 1024m (say 65536, 256k or 1m); using 256k\n");
    }
  }
  return stack_class_for(wanted);
}

bool pool_ready(pool& p) noexcept {
  if (p.slots != nullptr) return true;
  void* area = ::mmap(nullptr, pool_capacity * sizeof(std::byte*), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) return false;
  p.slots = static_cast<std::byte**>(area);
  return true;
}

void pool_put(pool& p, std::byte* base) noexcept {
  // With its array full or not to be had, a stack is lost, with its pages.
  if (!pool_ready(p) || p.count == pool_capacity) return;
  p.slots[p.count++] = base;
}

std::byte* pool_get(pool& p) noexcept {
  if (p.count == 0) return nullptr;
  --p.count;
  p.cold = std::min(p.cold, p.count);
  return p.slots[p.count];
}

}  // namespace

std::uint8_t stack_class_for(std::size_t size) noexcept {
  const std::size_t rounded = stack_round_size(size);
  return static_cast<std::uint8_t>(__builtin_ctzll(rounded));
}

std::uint8_t stack_default_class() noexcept {
  static const std::uint8_t value = class_from_environment();
  return value;
}

std::byte* stack_take_slow(stack_cache& cache, std::uint8_t stack_class) noexcept {
  const bool cached = stack_class == stack_default_class();
  pool& p = pools[stack_class];
  {
    spin_guard guard(p.lock);
    std::byte* first = pool_get(p);
    if (first != nullptr) {
      while (cached && cache.count < batch) {
        std::byte* more = pool_get(p);
        if (more == nullptr) break;
        cache.base[cache.count++] = more;
      }
      return first;
    }
  }
  stack_slot fresh[batch];
  const int mapped = stack_map(std::size_t{1} << stack_class, fresh, cached ? static_cast<int>(batch) : 1);
  if (mapped == 0) return nullptr;
#if defined(VALGRIND_STACK_REGISTER)
  // Under valgrind a change of the stack pointer from one of these to another is a switch.
  for (int i = 0; i < mapped; ++i) static_cast<void>(VALGRIND_STACK_REGISTER(fresh[i].low(), fresh[i].top()));
#endif
  for (int i = 1; i < mapped; ++i) cache.base[cache.count++] = fresh[i].base;
  return fresh[0].base;
}

void stack_give_slow(stack_cache& cache, std::byte* base, std::uint8_t stack_class) noexcept {
  pool& p = pools[stack_class];
  spin_guard guard(p.lock);
  if (stack_class == stack_default_class()) {
    // The oldest half goes; the newest are the warmest.
    for (std::uint32_t i = 0; i < batch; ++i) pool_put(p, cache.base[i]);
    race_ignore_scope own;  // TSan sees the memmove
    std::copy(cache.base + batch, cache.base + cache.count, cache.base);
    cache.count -= batch;
    cache.base[cache.count++] = base;
  } else {
    pool_put(p, base);
  }
}

void stack_cache_flush(stack_cache& cache) noexcept {
  if (cache.count == 0) return;
  pool& p = pools[stack_default_class()];
  spin_guard guard(p.lock);
  while (cache.count > 0) pool_put(p, cache.base[--cache.count]);
}

std::size_t stack_pool_trim(std::size_t most) noexcept {
  constexpr std::size_t at_once = 1024;
  static spin_lock one_trimmer;
  static std::byte* taken[at_once];  // under one_trimmer
  spin_guard only(one_trimmer);
  std::size_t trimmed = 0;
  for (int stack_class = 0; stack_class < classes; ++stack_class) {
    pool& p = pools[stack_class];
    const std::size_t size = std::size_t{1} << stack_class;
    for (;;) {
      // Taken out while their pages go, so that nobody starts to use one; put back among the cold.
      std::size_t count = 0;
      {
        spin_guard guard(p.lock);
        while (count < at_once && trimmed + count < most && p.count > p.cold) taken[count++] = pool_get(p);
      }
      if (count == 0) break;
      {
        race_ignore_scope own;  // TSan sees its memmoves
        std::sort(taken, taken + count);
      }
      // Neighbours go as one.
      // (Guards survive. Unguarded slots have their canary in the lowest bytes, which come back zero, as they were.)
      stack_release pages;
      for (std::size_t i = 0; i < count;) {
        std::size_t end = i + 1;
        while (end < count && taken[end] == taken[end - 1] + size) ++end;
        pages.add(taken[i], taken[end - 1] + size);
        i = end;
      }
      pages.flush();
      {
        spin_guard guard(p.lock);
        for (std::size_t i = 0; i < count; ++i) {
          // Cold ones live at the front: the slot that is displaced moves to the end.
          p.slots[p.count++] = p.slots[p.cold];
          p.slots[p.cold++] = taken[i];
        }
      }
      trimmed += count;
    }
  }
  return trimmed;
}

}  // namespace gos::rt
