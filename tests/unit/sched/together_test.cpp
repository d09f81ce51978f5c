// Goroutines that are told to stay on one processor (leave_work_to_others in sched/idle.cpp, worth_sharing in
// sched/find_runnable.cpp): nothing is lost when a processor leaves its work, and nobody waits for ever behind who computes.
#include <gossamer/gossamer.hpp>

#include "fixture.hpp"
#include "sched/sched.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

// Every processor believes at each look that its dealings with others have cost it all its time.
void suffer() {
  rt::kernel_section kernel;
  rt::note_crossing(1'000'000'000);
}

TEST(together, nothing_is_lost_by_who_leaves_its_work) {
  constexpr int pairs = 8;
  const int turns = rounds(3000);
  gos::run([&] {
    std::atomic<long> sum{0};
    std::atomic<long> children{0};
    gos::wait_group done;
    for (int pair = 0; pair < pairs; ++pair) {
      auto there = gos::make_chan<int>(pair % 3);
      auto back = gos::make_chan<int>();
      done.go([there, back] {
        for (int v : there) back.send(v + 1);
        back.close();
      });
      done.go([&, there, back] {
        for (int i = 0; i < turns; ++i) {
          suffer();
          there.send(i);
          sum += *back.recv() - i;
          if (i % 16 == 0) done.go([&] { ++children; });
        }
        there.close();
      });
    }
    done.wait();
    EXPECT_EQ(sum.load(), static_cast<long>(pairs) * turns);
    EXPECT_EQ(children.load(), static_cast<long>(pairs) * ((turns + 15) / 16));
  });
}

// Whose queue nobody is woken for, as long as goroutines run for moments only.
void keep_to_itself() {
  rt::kernel_section kernel;
  rt::this_machine()->pp->shares.store(false, std::memory_order_relaxed);  // relaxed: a hint
}

TEST(together, who_waits_behind_a_computation_is_fetched) {
  if (gos::runtime::max_procs() < 2) GTEST_SKIP() << "needs a second processor";
  gos::run([] {
    for (int round = 0; round < rounds(20); ++round) {
      rt::sched.together_until_ns.store(INT64_MAX, std::memory_order_relaxed);  // relaxed: a hint
      keep_to_itself();
      std::atomic<bool> ran{false};
      gos::wait_group done;
      done.go([&] { ran = true; });
      while (!ran) {}  // without entering the runtime
      done.wait();
    }
    rt::sched.together_until_ns.store(0, std::memory_order_relaxed);  // relaxed: a hint
  });
}

}  // namespace
