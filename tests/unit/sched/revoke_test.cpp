// The revocation protocol as it is: a processor's state is touched by one machine at a time, however often it is taken.
//
// Goroutines enter the runtime and update plain memory that belongs to the processor they are on. Plain threads do what
// the watchdog and the thieves do, far more often. Not one update may be lost, and nobody may be met inside.
#include <gossamer/gossamer.hpp>

#include "child.hpp"
#include "fixture.hpp"
#include "park/park.hpp"
#include "platform/thread.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

// One processor's, plain on purpose: the protocol is all that guards it. volatile, that nothing is kept in a register.
struct alignas(64) cell {
  volatile long updates = 0;
  const volatile void* volatile inside = nullptr;
};
cell cells[rt::max_procs_limit];
std::atomic<long> violations{0};

void update(const rt::processor* pp, const void* me) {
  cell& c = cells[pp->id];
  if (c.inside != nullptr) ++violations;
  c.inside = static_cast<const volatile void*>(me);
  const long before = c.updates;
  for (int i = 0; i < 8; ++i) rt::cpu_relax();
  c.updates = before + 1;
  if (c.inside != me) ++violations;
  c.inside = nullptr;
}

rt::processor* any_processor(std::mt19937_64& random) {
  const int count = rt::sched.processor_count.load(std::memory_order_acquire);
  return rt::sched.processors[random() % static_cast<unsigned>(count)].load(std::memory_order_relaxed);
}

void takes_and_returns(std::chrono::milliseconds duration, int enterers, int takers) {
  violations = 0;
  for (cell& c : cells) c.updates = 0;
  std::atomic<bool> stop{false};
  std::atomic<long> entries{0}, taken{0}, kept_away{0};
  gos::wait_group done;
  for (int g = 0; g < enterers; ++g) {
    done.go([&, g] {
      long mine = 0;
      std::uint32_t mix = static_cast<std::uint32_t>(g) * 2654435761U + 1;
      while (!stop.load(std::memory_order_relaxed)) {
        mix = mix * 1664525U + 1013904223U;
        for (std::uint32_t i = 0; i < (mix >> 25); ++i) rt::cpu_relax();  // user mode
        {
          rt::kernel_section kernel;
          update(rt::this_machine()->pp, rt::self());
        }
        ++mine;
        if ((mix >> 16) % 64 == 0) gos::yield();
        if ((mix >> 16) % 4096 == 1) gos::sleep(100us);
      }
      entries += mine;
    });
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < takers; ++t) {
    threads.emplace_back([&, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        rt::processor* pp = any_processor(random);
        if (random() % 8 == 0) rt::ask(pp, random() % 2 == 0 ? rt::request::share : rt::request::reschedule);
        if (rt::machine* mp = rt::take_begin(pp)) {
          update(pp, &random);
          const bool keep = random() % 4 != 0;
          rt::take_end(mp, keep);
          if (!keep) {
            update(pp, &random);  // In our hands still.
            rt::hand_off(pp);
            ++kept_away;
            ++entries;
          }
          ++taken;
          ++entries;
        }
        if (random() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
      }
    });
  }
  gos::sleep(duration);
  EXPECT_TRUE(eventually([&] { return taken > 0; }));
  stop = true;
  for (auto& thread : threads) thread.join();
  done.wait();
  long updates = 0;
  for (const cell& c : cells) updates += c.updates;
  EXPECT_EQ(violations, 0);
  EXPECT_EQ(updates, entries);
  testing::Test::RecordProperty("entries", static_cast<int>(entries / 1000));
  testing::Test::RecordProperty("taken", static_cast<int>(taken));
  testing::Test::RecordProperty("kept_away", static_cast<int>(kept_away));
}

TEST(revoke, a_processor_has_one_user_at_a_time) { takes_and_returns(1500ms, 8, 2); }

TEST(revoke, also_with_a_single_goroutine) { takes_and_returns(500ms, 1, 2); }

TEST(revoke, a_request_is_answered_at_the_next_passage) {
  gos::run([] {
    for (int i = 0; i < 200; ++i) {
      rt::machine* mp = rt::this_machine();
      rt::ask_machine(mp, rt::request::reschedule);
      { rt::kernel_section kernel; }
      EXPECT_EQ(rt::this_machine()->requests.load(), 0U);
    }
  });
}

// Hogs lose their processor and go on; the others use it; the hogs come back one by one.
TEST(revoke, hogs_come_and_go) {
  std::atomic<bool> stop{false};
  std::atomic<long> steps{0};
  gos::wait_group done;
  const int hogs = 6;
  for (int i = 0; i < hogs; ++i) {
    done.go([&, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        burn(std::chrono::milliseconds(1 + random() % 25));
        gos::yield();
      }
    });
  }
  auto ch = gos::make_chan<int>();
  done.go([&, ch] {
    for (int i = 0; !stop.load(std::memory_order_relaxed); ++i) ch.send(i);
    ch.close();
  });
  done.go([&, ch] {
    int expected = 0;
    for (int n : ch) {
      EXPECT_EQ(n, expected++);
      ++steps;
    }
  });
  std::this_thread::sleep_for(scaled(1s));
  EXPECT_TRUE(eventually([&] { return steps > 10; }));
  stop = true;
  done.wait();
}

TEST(revoke, holds_where_membarrier_is_refused) {
  if (std::getenv("GOS_DEBUG") != nullptr) GTEST_SKIP() << "this is the child";
  const auto result = run_child(own_program(), {"--gtest_filter=revoke.*"}, {"GOS_DEBUG=nomembarrier"}, 60s);
  EXPECT_EQ(result.status, 0) << result;
}

TEST(revoke, holds_when_everything_migrates) {
  if (std::getenv("GOS_DEBUG") != nullptr) GTEST_SKIP() << "this is the child";
  const auto result = run_child(own_program(), {"--gtest_filter=revoke.*"}, {"GOS_DEBUG=migrate"}, 60s);
  EXPECT_EQ(result.status, 0) << result;
}

}  // namespace
