// stack: slots, guards of all three kinds, pages given back, look-up by address.
//
// The kind of guard is chosen per arena, that is per slot size: tests of the weaker kinds run in a child with a size that no
// other test uses.
#include "platform/stack.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLATFORM_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PLATFORM_TEST_SANITIZED 1
#endif
#endif
#ifndef PLATFORM_TEST_SANITIZED
#define PLATFORM_TEST_SANITIZED 0
#endif

namespace gos::rt {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t default_size = 256 * kib;

stack_slot map_one(std::size_t size) {
  stack_slot slot;
  EXPECT_EQ(stack_map(size, &slot, 1), 1);
  return slot;
}

std::size_t mapping_count() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

void poke(std::byte* address) { *static_cast<volatile std::byte*>(address) = std::byte{1}; }

// For children: dies by the signal itself, whatever handler a sanitizer has installed.
void use_default_signals() {
  ::signal(SIGSEGV, SIG_DFL);
  ::signal(SIGBUS, SIG_DFL);
}

TEST(Stack, RoundsSizesToPowersOfTwo) {
  const std::size_t least = stack_round_size(0);
  EXPECT_GE(least, stack_size_min);
  EXPECT_TRUE(std::has_single_bit(least));
  EXPECT_EQ(stack_round_size(1), least);
  EXPECT_EQ(stack_round_size(default_size), default_size);
  EXPECT_EQ(stack_round_size(default_size + 1), 2 * default_size);
  EXPECT_EQ(stack_round_size(SIZE_MAX), stack_size_max);
}

TEST(Stack, SlotsAreAlignedZeroAndDistinct) {
  std::vector<stack_slot> slots(100);
  ASSERT_EQ(stack_map(default_size, slots.data(), 100), 100);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    EXPECT_EQ(slots[i].size, default_size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slots[i].base) % default_size, 0u);
    for (std::byte* at = slots[i].low(); at < slots[i].top(); at += 512) ASSERT_EQ(*at, std::byte{0});
    std::memset(slots[i].low(), static_cast<int>(i + 1), 64);
    std::memset(slots[i].top() - 64, static_cast<int>(i + 1), 64);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    EXPECT_EQ(*slots[i].low(), static_cast<std::byte>(i + 1));
    EXPECT_EQ(slots[i].top()[-1], static_cast<std::byte>(i + 1));
    EXPECT_TRUE(stack_canary_intact(slots[i]));
    stack_release_pages(slots[i].low(), slots[i].top());
  }
}

TEST(Stack, EverySizeClassWorks) {
  for (std::size_t size = stack_round_size(0); size <= stack_size_max; size *= 2) {
    const stack_slot slot = map_one(size);
    ASSERT_TRUE(slot) << size;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slot.base) % size, 0u);
    poke(slot.low());
    poke(slot.top() - 1);
  }
}

TEST(Stack, FindsSlotsByAddress) {
  const stack_slot slot = map_one(default_size);
  stack_slot found;
  bool in_guard = true;
  for (std::byte* address : {slot.low(), slot.low() + 1234, slot.top() - 1}) {
    ASSERT_TRUE(stack_find(address, &found, &in_guard));
    EXPECT_EQ(found.base, slot.base);
    EXPECT_EQ(found.size, slot.size);
    EXPECT_FALSE(in_guard);
  }
  for (std::byte* address : {slot.base, slot.low() - 1}) {
    ASSERT_TRUE(stack_find(address, &found, &in_guard));
    EXPECT_EQ(found.base, slot.base);
    EXPECT_TRUE(in_guard);
  }
  EXPECT_TRUE(stack_find(slot.low(), &found, nullptr));
  int on_thread_stack = 0;
  EXPECT_FALSE(stack_find(&on_thread_stack, &found, &in_guard));
  EXPECT_FALSE(stack_find(nullptr, &found, &in_guard));
  // The last slot handed out of this class: what follows is reserved, not a slot.
  EXPECT_FALSE(stack_find(map_one(default_size).top() + default_size, &found, &in_guard));
}

TEST(Stack, ReleasedPagesAreGoneAndReadAsZero) {
  const stack_slot slot = map_one(default_size);
  const std::size_t page = stack_guard_bytes();
  EXPECT_EQ(stack_resident(slot), 0u);
  std::memset(slot.top() - 8 * page, 0x5a, 8 * page);
  EXPECT_EQ(stack_resident(slot), 8 * page);
  // Only whole pages inside of the range.
  stack_release_pages(slot.top() - 8 * page + 1, slot.top() - page + 1);
  EXPECT_EQ(stack_resident(slot), 2 * page);
  EXPECT_EQ(slot.top()[-1], std::byte{0x5a});
  EXPECT_EQ(*(slot.top() - 8 * page), std::byte{0x5a});
  EXPECT_EQ(*(slot.top() - 4 * page), std::byte{0});
  stack_release_pages(slot.low(), slot.top());
  EXPECT_EQ(stack_resident(slot), 0u);
  stack_release_pages(slot.top() - 10, slot.top() - 20);  // empty: nothing happens
}

TEST(Stack, ManyGiveTheirPagesBackAtOnce) {
  constexpr std::size_t count = stack_release::most + 3;  // so that one call is not enough
  const std::size_t page = stack_guard_bytes();
  std::vector<stack_slot> slots;
  for (std::size_t i = 0; i < count; ++i) {
    slots.push_back(map_one(default_size));
    poke(slots.back().top() - 1);
    poke(slots.back().low());
  }
  {
    stack_release pages;
    for (const stack_slot& slot : slots) pages.add(slot.low(), slot.top() - page);
    pages.add(slots[0].top(), slots[0].top());  // empty: nothing happens
  }
  for (const stack_slot& slot : slots) EXPECT_EQ(stack_resident(slot), page);
}

TEST(Stack, TheDeepestByteThatIsNotZeroTellsTheUse) {
  for (const std::size_t size : {default_size, 8 * kib * kib}) {
    const stack_slot slot = map_one(size);
    EXPECT_EQ(stack_used(slot), 0u);
    poke(slot.top() - 10);
    EXPECT_EQ(stack_used(slot), 10u);
    poke(slot.top() - 100 * kib - 3);
    EXPECT_EQ(stack_used(slot), 100 * kib + 3) << "pages between are skipped";
    // What is touched and stays zero is not used.
    *static_cast<volatile std::byte*>(slot.top() - 150 * kib) = std::byte{0};
    EXPECT_EQ(stack_used(slot), 100 * kib + 3);
    poke(slot.low());
    EXPECT_EQ(stack_used(slot), size - stack_guard_bytes());
    stack_release_pages(slot.low(), slot.top() - 50 * kib);
    EXPECT_EQ(stack_used(slot), 10u);
  }
}

TEST(StackDeathTest, TheGuardFaultsAlsoAfterARelease) {
  const stack_slot slot = map_one(default_size);
  stack_release_pages(slot.low(), slot.top());
  for (std::byte* address : {slot.base, slot.low() - 1}) {
    EXPECT_EXIT((use_default_signals(), poke(address)), testing::KilledBySignal(SIGSEGV), "");
  }
}

TEST(StackDeathTest, MprotectGuardsFault) {
  EXPECT_EXIT(
      {
        use_default_signals();
        ::setenv("GOS_DEBUG", "mprotectguards", 1);
        const stack_slot slot = map_one(8192 * kib);
        poke(slot.low());
        poke(slot.low() - 1);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST(StackDeathTest, WithoutGuardsTheCanaryTells) {
  EXPECT_EXIT(
      {
        ::setenv("GOS_DEBUG", "noguards", 1);
        const stack_slot slot = map_one(8192 * kib);
        bool ok = stack_statistics().unguarded == 1;
        std::memset(slot.low(), 0x5a, 64 * kib);
        ok = ok && stack_canary_intact(slot);
        stack_slot found;
        bool in_guard = true;
        ok = ok && stack_find(slot.low() - 1, &found, &in_guard) && !in_guard;
        std::memset(slot.low() - 8, 0x5a, 8);
        ok = ok && !stack_canary_intact(slot);
        std::_Exit(ok ? 0 : 1);
      },
      testing::ExitedWithCode(0), "have only a canary");
}

// More mprotect guards than the kernel has mappings: guards until the bound, canaries after, and room left for others.
TEST(StackDeathTest, MprotectGuardsEndBeforeTheMappingsDo) {
  EXPECT_EXIT(
      {
        ::setenv("GOS_DEBUG", "mprotectguards", 1);
        constexpr int count = 40'000;
        static stack_slot slots[count];
        std::size_t map_count_max = 65530;
        std::ifstream("/proc/sys/vm/max_map_count") >> map_count_max;
        bool ok = stack_map(32 * kib, slots, count) == count;
        const std::size_t guarded = stack_statistics().slots - stack_statistics().unguarded;
        if (map_count_max <= 65530) ok = ok && stack_statistics().unguarded > 0 && guarded * 2 < map_count_max;
        for (const stack_slot& slot : slots) poke(slot.top() - 1);
        ok = ok && stack_canary_intact(slots[0]) && stack_canary_intact(slots[count - 1]);
        // A later thread still gets its mappings.
        std::thread([] {}).join();
        std::_Exit(ok ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Stack, ManyGuardedSlotsNeedFewMappings) {
  constexpr int count = 70'000;
  auto slots = std::make_unique<stack_slot[]>(count);
  const std::size_t mappings_before = mapping_count();
  ASSERT_EQ(stack_map(16 * kib, slots.get(), 1), 1);
  if (mapping_count() > mappings_before + 4) GTEST_SKIP() << "no MADV_GUARD_INSTALL here";
  ASSERT_EQ(stack_map(16 * kib, slots.get(), count), count);
  for (int i = 0; i < 1000; ++i) poke(slots[static_cast<std::size_t>(i)].top() - 1);
  const stack_counts counts = stack_statistics();
  if (mapping_count() > mappings_before + 10'000) GTEST_SKIP() << "no MADV_GUARD_INSTALL here";
  EXPECT_EQ(counts.unguarded, 0u);
  EXPECT_LT(mapping_count(), mappings_before + 50);
  EXPECT_GE(counts.slots, std::size_t{count});
  EXPECT_GE(counts.reserved_bytes, counts.slots * 16 * kib);
}

TEST(Stack, ThreadsGetDifferentSlots) {
  constexpr int thread_count = 4;
  constexpr int each = 500;
  std::vector<std::vector<stack_slot>> taken(thread_count, std::vector<stack_slot>(each));
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < each; i += 5) ASSERT_EQ(stack_map(64 * kib, &mine[static_cast<std::size_t>(i)], 5), 5);
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<std::byte*> bases;
  for (const auto& mine : taken) {
    for (const stack_slot& slot : mine) bases.push_back(slot.base);
  }
  std::sort(bases.begin(), bases.end());
  EXPECT_EQ(std::adjacent_find(bases.begin(), bases.end()), bases.end());
}

#if !PLATFORM_TEST_SANITIZED

// A limit on address space: stacks take a part of it and end with 0, the rest of the program lives on.
TEST(StackDeathTest, ALimitOnAddressSpaceIsShared) {
  EXPECT_EXIT(
      {
        rlimit limit{};
        limit.rlim_cur = limit.rlim_max = rlim_t{2} << 30;
        ::setrlimit(RLIMIT_AS, &limit);
        // Emulators accept the limit and ignore it.
        const bool limited = ::mmap(nullptr, std::size_t{4} << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
        stack_slot slot;
        int slots = 0;
        bool heap_works = true;
        while (stack_map(8192 * kib, &slot, 1) == 1 && slots < 1000) {
          if (++slots == 1) heap_works = static_cast<bool>(std::make_unique<char[]>(256 << 20));
        }
        std::fprintf(stderr, "limited %d slots %d heap %d\n", limited, slots, heap_works);
        std::_Exit(!limited || (slots >= 16 && slots < 256 && heap_works) ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

#endif

}  // namespace
}  // namespace gos::rt
