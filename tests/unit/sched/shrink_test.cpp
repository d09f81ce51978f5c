// Parked goroutines give back the pages below their stack pointer, and lose nothing else, even while they are woken.
#include <gossamer/gossamer.hpp>

#include "fixture.hpp"
#include "platform/membarrier.hpp"
#include "platform/stack.hpp"
#include "sched/sched.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

// Touches about `bytes` of stack.
[[gnu::noinline]] int deep(int bytes) {
  volatile char page[2048];
  for (int i = 0; i < 2048; i += 256) page[i] = static_cast<char>(bytes);
  if (bytes <= 2048) return page[0];
  return deep(bytes - 2048) + page[256];
}

// A few KiB of known contents on the stack that must survive what f does.
template <class F>
[[gnu::noinline]] void with_contents(std::uint32_t mark, F f) {
  volatile std::uint32_t words[1500];
  for (std::uint32_t i = 0; i < 1500; ++i) words[i] = mark * 2654435761U + i;
  f();
  for (std::uint32_t i = 0; i < 1500; ++i) ASSERT_EQ(words[i], mark * 2654435761U + i);
}

// What the stack of goroutine gp occupies, or 0.
std::size_t resident(const rt::goroutine* gp) {
  return gp->stack_base == nullptr ? 0 : rt::stack_resident(gp->stack());
}

const rt::goroutine* me() { return rt::current_goroutine(); }

TEST(shrink, a_deep_stack_that_waits_gets_small) {
  if (!rt::membarrier_available && gos::runtime::num_goroutine() == 0) {
    gos::spawn([] {}).join();  // starts the runtime
    if (!rt::membarrier_available) GTEST_SKIP() << "no membarrier";
  }
  constexpr int n = 20;
  const rt::goroutine* parked[n] = {};
  auto go_on = gos::make_chan<void>();
  gos::wait_group done;
  for (int i = 0; i < n; ++i) {
    done.go([&, i] {
      with_contents(static_cast<std::uint32_t>(i), [&] {
        deep(150'000);
        parked[i] = me();
        go_on.recv();
      });
      deep(150'000);  // What was given back comes again.
    });
  }
  ASSERT_TRUE(blocked("chan receive", n));
  EXPECT_TRUE(eventually([&] {
    std::size_t shrunk = 0;
    while (rt::shrink_step(shrunk)) {
    }
    for (const rt::goroutine* gp : parked) {
      if (resident(gp) > 40'000) return false;
    }
    return true;
  })) << resident(parked[0]);
  go_on.close();
  done.wait();
}

// The watchdog does it by itself, also when the program is never at rest.
TEST(shrink, happens_beside_running_goroutines) {
  gos::spawn([] {}).join();
  if (!rt::membarrier_available) GTEST_SKIP() << "no membarrier";
  std::atomic<bool> stop{false};
  const rt::goroutine* parked = nullptr;
  auto go_on = gos::make_chan<void>();
  gos::wait_group done;
  done.go([&] {
    deep(150'000);
    parked = me();
    go_on.recv();
  });
  done.go([&] {
    while (!stop.load(std::memory_order_relaxed)) gos::yield();
  });
  ASSERT_TRUE(blocked("chan receive"));
  EXPECT_TRUE(eventually([&] { return resident(parked) < 40'000; })) << resident(parked);
  stop = true;
  go_on.close();
  done.wait();
}

// The scanner runs without pause while its goroutines are woken, park, recurse, end and begin anew.
TEST(shrink, contends_with_constant_wake_ups) {
  gos::spawn([] {}).join();
  std::atomic<bool> stop{false};
  std::atomic<long> rounds_done{0};
  gos::wait_group done;
  for (int i = 0; i < 24; ++i) {
    auto ball = gos::make_chan<int>();
    done.go([&, ball, i] {
      std::uint32_t n = static_cast<std::uint32_t>(i);
      while (!stop.load(std::memory_order_relaxed)) {
        deep(20'000 + static_cast<int>(n % 8) * 8000);
        with_contents(n, [&] { ball.send(static_cast<int>(n)); });
        ++n;
        ++rounds_done;
        if (n % 32 == 0) {
          with_contents(n, [] { gos::sleep(30us); });
        }
      }
      ball.close();
    });
    done.go([=] {
      std::uint32_t n = 0;
      for (;;) {
        bool open = true;
        with_contents(++n, [&] { open = ball.recv().has_value(); });
        if (!open) return;
      }
    });
    // Records and stacks that are used again at once.
    done.go([&, i] {
      std::uint32_t n = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        ++n;
        gos::spawn([n] { with_contents(n, [] { gos::yield(); }); }).join();
        gos::spawn([n, i] { with_contents(n + static_cast<std::uint32_t>(i), [] {}); }).join();
      }
    });
  }
  std::vector<std::thread> scanners;
  std::atomic<std::size_t> shrunk{0};
  for (int i = 0; i < 2; ++i) {
    scanners.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        std::size_t now = 0;
        rt::shrink_step(now);
        shrunk += now;
        // What was freed is trimmed under load as well.
        if (shrunk % 8 == 0) rt::stack_pool_trim(64);
        std::this_thread::yield();
      }
    });
  }
  std::this_thread::sleep_for(scaled(1500ms));
  EXPECT_TRUE(eventually([&] { return rounds_done > 0 && (shrunk > 0 || !rt::membarrier_available); }));
  stop = true;
  for (auto& thread : scanners) thread.join();
  done.wait();
}

}  // namespace
