// The frames of a stack that was left, of the own one, and of code that a signal interrupted: all of them, and the right ones.
#include "platform/unwind.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <thread>
#include <vector>

#include "platform/interrupt.hpp"
#include "platform/thread.hpp"

namespace rt = gos::rt;

namespace {

constexpr std::size_t stack_size = 256 << 10;

struct other_stack {
  std::unique_ptr<std::byte[]> memory{new std::byte[stack_size]};
  rt::switch_context home;
  rt::switch_context there;
  int depth = 0;
  std::vector<void*> returns;  // of the recursion's calls, outermost first, as the calls themselves saw them

  std::byte* top() const {
    auto end = reinterpret_cast<std::uintptr_t>(memory.get() + stack_size);
    return reinterpret_cast<std::byte*>(end & ~std::uintptr_t{63});
  }
};

// Leaves the stack at the bottom of `left` calls, each of which has a frame of another size.
[[gnu::noinline]] int descend(other_stack& s, int left) {
  s.returns.push_back(__builtin_return_address(0));
  volatile char frame[40];
  frame[left % 40] = static_cast<char>(left);
  if (left == 0) {
    rt::switch_to(&s.there, &s.home, nullptr);
  } else {
    descend(s, left - 1);
  }
  return frame[left % 40];
}

// The same in frames whose size is known only when they run, and which therefore need their frame pointer.
[[gnu::noinline]] int descend_variably(other_stack& s, int left) {
  s.returns.push_back(__builtin_return_address(0));
  auto* frame = static_cast<volatile char*>(__builtin_alloca(static_cast<std::size_t>(260 + left % 7 * 16)));
  frame[left] = static_cast<char>(left);
  if (left == 0) {
    rt::switch_to(&s.there, &s.home, nullptr);
  } else {
    descend_variably(s, left - 1);
  }
  return frame[left];
}

template <int (*Descend)(other_stack&, int)>
[[noreturn]] void entry(void* carry) noexcept {
  auto& s = *static_cast<other_stack*>(carry);
  Descend(s, s.depth);
  rt::switch_to(&s.there, &s.home, nullptr);
  __builtin_unreachable();
}

// A stack's bytes, also those between the variables, which AddressSanitizer guards.
__attribute__((no_sanitize("address"))) std::vector<std::byte> content(const other_stack& s) {
  std::vector<std::byte> copy(stack_size);
  const volatile std::byte* from = s.memory.get();
  std::byte* to = copy.data();
  for (std::size_t i = 0; i < stack_size; ++i) to[i] = from[i];
  return copy;
}

// Innermost first; what is found begins with the place where the stack was left, and ends with the entry's call.
template <int (*Descend)(other_stack&, int)>
void expect_all_found(int depth) {
  other_stack s;
  s.depth = depth;
  rt::switch_prepare(s.there, s.top(), entry<Descend>);
  rt::switch_to(&s.home, &s.there, &s);
  const std::vector<std::byte> before = content(s);
  void* found[600];
  const std::size_t count = rt::unwind_stack(s.there, found, std::size(found));
  ASSERT_EQ(count, s.returns.size() + 1) << depth;
  EXPECT_EQ(found[0], s.there.resume_address);
  for (std::size_t i = 0; i < s.returns.size(); ++i) EXPECT_EQ(found[1 + i], s.returns[s.returns.size() - 1 - i]) << i;
  EXPECT_TRUE(before == content(s)) << "it writes there";
  // It can go on afterwards, and be read from another thread meanwhile.
  std::size_t elsewhere = 0;
  std::thread([&] {
    void* again[600];
    elsewhere = rt::unwind_stack(s.there, again, std::size(again));
    EXPECT_EQ(std::memcmp(found, again, count * sizeof *found), 0);
  }).join();
  EXPECT_EQ(elsewhere, count);
  rt::switch_to(&s.home, &s.there, nullptr);
}

TEST(unwind, finds_every_frame_of_a_stack_that_was_left) {
  for (const int depth : {0, 1, 2, 7, 100, 500}) expect_all_found<descend>(depth);
}

TEST(unwind, goes_through_frames_of_variable_size) {
  for (const int depth : {0, 1, 2, 7, 100, 250}) expect_all_found<descend_variably>(depth);
}

TEST(unwind, stores_no_more_than_there_is_room_for) {
  other_stack s;
  s.depth = 20;
  rt::switch_prepare(s.there, s.top(), entry<descend>);
  rt::switch_to(&s.home, &s.there, &s);
  void* found[8] = {};
  EXPECT_EQ(rt::unwind_stack(s.there, found, 7), 7U);
  EXPECT_EQ(found[0], s.there.resume_address);
  EXPECT_EQ(found[1], s.returns.back());
  EXPECT_EQ(found[7], nullptr);
  EXPECT_EQ(rt::unwind_stack(s.there, found, 0), 0U);
  rt::switch_to(&s.home, &s.there, nullptr);
}

[[gnu::noinline]] std::size_t here(void** out, std::size_t capacity, std::size_t skip) {
  const std::size_t depth = rt::unwind_here(out, capacity, skip);
  asm volatile("");  // not a tail call
  return depth;
}

TEST(unwind, here_begins_in_its_caller) {
  void* all[64];
  const std::size_t depth = here(all, 64, 0);
  ASSERT_GT(depth, 3U);
  void* later[64];
  const std::size_t fewer = here(later, 64, 2);
  ASSERT_EQ(fewer, depth - 2);
  EXPECT_EQ(std::memcmp(all + 2, later, fewer * sizeof *all), 0);
  Dl_info place{};
  ASSERT_NE(::dladdr(all[0], &place), 0);
}

std::size_t handled_depth = 0;
void* handled[64];
void* handled_at = nullptr;

TEST(unwind, here_goes_from_a_signal_handler_to_what_it_interrupted) {
  struct sigaction ours {};
  struct sigaction before {};
  ours.sa_flags = SA_SIGINFO;
  ours.sa_sigaction = [](int, siginfo_t*, void* ucontext) {
    handled_at = rt::interrupted_pc(ucontext);
    handled_depth = rt::unwind_here(handled, 64, 0);
  };
  ASSERT_EQ(::sigaction(SIGUSR1, &ours, &before), 0);
  ::raise(SIGUSR1);
  ::sigaction(SIGUSR1, &before, nullptr);
  void** const end = handled + handled_depth;
  void** const at = std::find(handled, end, static_cast<char*>(handled_at) + 1);
  ASSERT_TRUE(at != end && at != handled);
  // Before it the handler, or a sanitizer's around it, and not the C library's way back.
  Dl_info handler{};
  Dl_info library{};
  ASSERT_TRUE(::dladdr(at[-1], &handler) != 0 && ::dladdr(reinterpret_cast<void*>(&::raise), &library) != 0);
  EXPECT_NE(handler.dli_fbase, library.dli_fbase);
}

std::atomic<int> hogs{0};
std::atomic<bool> stop{false};
void* interrupted[64];
std::atomic<std::size_t> interrupted_depth{0};
std::atomic<std::uintptr_t> hog_returns_to{0};

[[gnu::noinline]] void spin_here() {
  hog_returns_to = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  hogs = 1;
  while (!stop.load(std::memory_order_relaxed)) {
  }
}

[[gnu::noinline]] void call_spin() {
  spin_here();
  asm volatile("");  // not a tail call
}

void note(void* ucontext) noexcept { interrupted_depth = rt::unwind_interrupted(ucontext, interrupted, 64); }

void wait_for(const auto& condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(interrupt, finds_where_a_thread_spins) {
  rt::unwind_prepare();
  std::atomic<int> thread{0};
  std::thread hog([&] {
    thread = rt::thread_id();
    call_spin();
  });
  wait_for([] { return hogs.load() == 1; });
  ASSERT_TRUE(rt::interrupt_thread(thread, note));
  wait_for([] { return interrupted_depth.load() != 0; });
  const std::size_t depth = interrupted_depth;
  ASSERT_GE(depth, 3U);
  bool found = false;
  for (std::size_t i = 1; i < depth && !found; ++i) found = reinterpret_cast<std::uintptr_t>(interrupted[i]) == hog_returns_to;
  EXPECT_TRUE(found) << "the frame that called the loop";
  stop = true;
  hog.join();
}

std::atomic<int> users{0};
std::atomic<int> ours{0};
void count_ours(void*) noexcept { ++ours; }

TEST(interrupt, leaves_the_programs_own_handler_alone) {
  const int me = rt::thread_id();
  ASSERT_TRUE(rt::interrupt_thread(me, count_ours));
  wait_for([] { return ours.load() == 1; });
  struct sigaction mine {};
  struct sigaction before {};
  mine.sa_handler = [](int) { ++users; };
  ASSERT_EQ(::sigaction(SIGURG, &mine, &before), 0);
  ASSERT_TRUE(rt::interrupt_thread(me, count_ours));
  wait_for([] { return ours.load() == 2; });
  EXPECT_EQ(users.load(), 0) << "another signal was chosen";
  ::raise(SIGURG);
  EXPECT_EQ(users.load(), 1);
  EXPECT_EQ(ours.load(), 2);
  ::sigaction(SIGURG, &before, nullptr);
}

TEST(interrupt, says_that_a_thread_is_gone) {
  int thread = 0;
  std::thread([&] { thread = rt::thread_id(); }).join();
  // Its number is not given to another one so soon; and the kernel may take a moment to forget it.
  wait_for([&] { return !rt::interrupt_thread(thread, count_ours); });
}

}  // namespace
