// signals: overflows reach our handler, everything else goes where it would have gone without us.
#include "platform/signals.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "platform/stack.hpp"

namespace gos::rt {
namespace {

constexpr std::size_t default_size = std::size_t{256} << 10;

void use_default_signals() {
  ::signal(SIGSEGV, SIG_DFL);
  ::signal(SIGBUS, SIG_DFL);
}

stack_slot map_one() {
  stack_slot slot;
  if (stack_map(default_size, &slot, 1) != 1) std::abort();
  return slot;
}

// Exits with 42 when the fault is where it should be.
std::byte* expected_slot = nullptr;
void report_and_exit(const fault& f) noexcept {
  stack_slot slot;
  bool in_guard = false;
  const bool right = f.ucontext != nullptr && stack_find(f.address, &slot, &in_guard) && in_guard && slot.base == expected_slot;
  std::_Exit(right ? 42 : 1);
}

void unexpected(const fault&) noexcept { std::_Exit(2); }

std::byte* forbidden_page() {
  void* page = ::mmap(nullptr, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return static_cast<std::byte*>(page);
}

void poke(std::byte* address) { *static_cast<volatile std::byte*>(address) = std::byte{1}; }

// Fills its stack frame by frame until the guard.
__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

ucontext_t slot_context;
ucontext_t thread_context;
volatile int sink = 0;
void overflow_body() { sink = recurse(0); }

void overflow_on_slot() {
  const stack_slot slot = map_one();
  expected_slot = slot.base;
  ::getcontext(&slot_context);
  slot_context.uc_stack.ss_sp = slot.low();
  slot_context.uc_stack.ss_size = static_cast<std::size_t>(slot.top() - slot.low());
  slot_context.uc_link = &thread_context;
  ::makecontext(&slot_context, overflow_body, 0);
  ::swapcontext(&thread_context, &slot_context);
}

TEST(SignalsDeathTest, AnOverflowReachesTheHandler) {
  EXPECT_EXIT(
      {
        use_default_signals();
        signals_init(report_and_exit, nullptr);
        signal_stack_attach();
        overflow_on_slot();
      },
      testing::ExitedWithCode(42), "");
}

TEST(SignalsDeathTest, AnOverflowOnAnotherThreadReachesTheHandler) {
  EXPECT_EXIT(
      {
        use_default_signals();
        signals_init(report_and_exit, nullptr);
        std::thread([] {
          signal_stack_attach();
          overflow_on_slot();
        }).join();
      },
      testing::ExitedWithCode(42), "");
}

TEST(SignalsDeathTest, LaterInitExchangesTheHandler) {
  EXPECT_EXIT(
      {
        use_default_signals();
        signals_init(unexpected, nullptr);
        signals_init(report_and_exit, nullptr);
        expected_slot = map_one().base;
        poke(expected_slot);
      },
      testing::ExitedWithCode(42), "");
}

TEST(SignalsDeathTest, OtherFaultsKillAsEver) {
  EXPECT_EXIT((use_default_signals(), signals_init(unexpected, nullptr), poke(forbidden_page())), testing::KilledBySignal(SIGSEGV), "");
}

TEST(SignalsDeathTest, SentSignalsKillAsEver) {
  EXPECT_EXIT((use_default_signals(), signals_init(unexpected, nullptr), ::raise(SIGSEGV)), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT((use_default_signals(), signals_init(unexpected, nullptr), ::kill(::getpid(), SIGBUS), ::pause()),
              testing::KilledBySignal(SIGBUS), "");
}

TEST(SignalsDeathTest, IgnoredSentSignalsStayIgnored) {
  EXPECT_EXIT((::signal(SIGSEGV, SIG_IGN), signals_init(unexpected, nullptr), ::raise(SIGSEGV), std::_Exit(3)),
              testing::ExitedWithCode(3), "");
}

TEST(SignalsDeathTest, TheHandlerBeforeUsStillGetsItsFaults) {
  EXPECT_EXIT(
      {
        static std::byte* page = forbidden_page();
        struct sigaction theirs {};
        theirs.sa_flags = SA_SIGINFO;
        theirs.sa_sigaction = [](int, siginfo_t* info, void*) { std::_Exit(info->si_addr == page ? 7 : 8); };
        ::sigaction(SIGSEGV, &theirs, nullptr);
        signals_init(unexpected, nullptr);
        poke(page);
      },
      testing::ExitedWithCode(7), "");
}

TEST(SignalsDeathTest, TheHandlerBeforeUsMayRepairAndReturn) {
  EXPECT_EXIT(
      {
        static std::byte* page = forbidden_page();
        struct sigaction theirs {};
        ::sigaddset(&theirs.sa_mask, SIGUSR1);
        theirs.sa_handler = [](int) {
          sigset_t blocked;
          ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
          if (::sigismember(&blocked, SIGUSR1) != 1) std::_Exit(9);
          ::mprotect(page, 65536, PROT_READ | PROT_WRITE);
        };
        ::sigaction(SIGSEGV, &theirs, nullptr);
        signals_init(unexpected, nullptr);
        poke(page);
        sigset_t blocked;
        ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
        std::_Exit(*page == std::byte{1} && ::sigismember(&blocked, SIGUSR1) == 0 ? 6 : 5);
      },
      testing::ExitedWithCode(6), "");
}

TEST(SignalsDeathTest, TheHandlerBeforeUsMayJumpOut) {
  EXPECT_EXIT(
      {
        static sigjmp_buf back;
        struct sigaction theirs {};
        theirs.sa_handler = [](int) { ::siglongjmp(back, 1); };
        ::sigaction(SIGSEGV, &theirs, nullptr);
        signals_init(unexpected, nullptr);
        static volatile int jumps = 0;
        static std::byte* page = forbidden_page();
        if (sigsetjmp(back, 1) != 0) jumps = jumps + 1;
        if (jumps < 3) poke(page);
        std::_Exit(jumps);
      },
      testing::ExitedWithCode(3), "");
}

TEST(SignalsDeathTest, BusErrorsKillAsEver) {
  EXPECT_EXIT(
      {
        use_default_signals();
        signals_init(unexpected, nullptr);
        const int fd = ::memfd_create("empty", 0);
        void* beyond_end = ::mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        poke(static_cast<std::byte*>(beyond_end));
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST(Signals, AlternateStackIsAttachedAndDetached) {
  std::thread([] {
    stack_t before{};
    ::sigaltstack(nullptr, &before);
    signal_stack_attach();
    stack_t during{};
    ::sigaltstack(nullptr, &during);
    EXPECT_EQ(during.ss_flags & SS_DISABLE, 0);
    const bool had_one = (before.ss_flags & SS_DISABLE) == 0;  // a sanitizer's
    EXPECT_TRUE(had_one || during.ss_size >= std::size_t{32} << 10);
    signal_stack_attach();  // has one: nothing changes
    stack_t again{};
    ::sigaltstack(nullptr, &again);
    EXPECT_EQ(again.ss_sp, during.ss_sp);
    signal_stack_detach();
    signal_stack_detach();
    stack_t after{};
    ::sigaltstack(nullptr, &after);
    EXPECT_EQ(after.ss_flags & SS_DISABLE, before.ss_flags & SS_DISABLE);
  }).join();
}

TEST(Signals, AForeignAlternateStackStays) {
  std::thread([] {
    static char memory[65536];
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    none.ss_size = sizeof memory;
    stack_t original{};
    ::sigaltstack(&none, &original);
    stack_t foreign{};
    foreign.ss_sp = memory;
    foreign.ss_size = sizeof memory;
    ASSERT_EQ(::sigaltstack(&foreign, nullptr), 0);
    signal_stack_attach();
    signal_stack_detach();
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    EXPECT_EQ(now.ss_sp, memory);
    ::sigaltstack(&original, nullptr);
  }).join();
}

}  // namespace
}  // namespace gos::rt
