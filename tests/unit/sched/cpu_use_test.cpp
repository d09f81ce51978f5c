// cpu_use: a program that waits costs no CPU, and one goroutine that computes costs one.
#include "fixture.hpp"

#include <time.h>

namespace {

using namespace gos_test;

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST(CpuUse, WhoWaitsCostsNothing) {
  gos::run([] {
    auto never = gos::make_chan<int>();
    gos::mutex held;
    held.lock();
    gos::wait_group all;
    for (int i = 0; i < 100; ++i) {
      all.go([=] { static_cast<void>(never.recv()); });
      all.go([&] { const std::scoped_lock guard(held); });
      all.go([=] { gos::select(gos::recv(never), gos::after(1h, [] {})); });
    }
    ASSERT_TRUE(blocked("chan receive", 100));
    ASSERT_TRUE(blocked("sync.Mutex.Lock", 100));
    ASSERT_TRUE(blocked("select", 100));
    gos::sleep(100ms);  // what is searched for work is searched by then
    const auto before = cpu_time();
    gos::sleep(500ms);
    EXPECT_LT(cpu_time() - before, 50ms);
    held.unlock();
    never.close();
    all.wait();
  });
}

// Of which no other processor can take any: neither if it never enters the runtime nor if it does so all the time.
TEST(CpuUse, OneThatComputesCostsOne) {
  gos::run([] {
    for (const bool enters : {false, true}) {
      gos::spawn([=] {
        const auto cpu = cpu_time();
        const auto wall = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() < wall + 300ms) {
          if (enters) gos::yield();
        }
        EXPECT_LT(cpu_time() - cpu, 1.3 * (std::chrono::steady_clock::now() - wall)) << "enters: " << enters;
      }).join();
    }
  });
}

}  // namespace
