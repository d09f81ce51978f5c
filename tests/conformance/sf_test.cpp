// Contract section 11, singleflight.
#include "child.hpp"
#include "fixture.hpp"

#include <gossamer/single_flight.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace gos_test;

namespace {

using flight = gos::single_flight<std::string, int>;
static_assert(!std::is_copy_constructible_v<flight> && !std::is_move_constructible_v<flight>);

// A function in flight that others join: it waits at a gate.
struct held {
  gos::chan<void> gate = gos::make_chan<void>();
  std::atomic<int> runs = 0;
  auto function(int result) {
    return [this, result] {
      ++runs;
      gate.recv();
      return result;
    };
  }
};

TEST(SF, SF_01_overlapping_calls_share_one_execution) {
  gos::run([] {
    constexpr int callers = 10;
    flight flights;
    held h;
    std::atomic<int> shared = 0;
    gos::wait_group group;
    for (int i = 0; i < callers; ++i) {
      group.go([&, i] {
        const auto [value, is_shared] = flights.run("key", h.function(100 + i));
        EXPECT_GE(value, 100);
        if (is_shared) ++shared;
      });
    }
    ASSERT_TRUE(blocked("chan receive"));
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait", callers - 1));
    h.gate.close();
    group.wait();
    EXPECT_EQ(h.runs, 1);
    EXPECT_EQ(shared, callers);
  });
}

TEST(SF, SF_01_a_single_caller_shares_with_nobody) {
  flight flights;
  EXPECT_EQ(flights.run("a", [] { return 1; }), std::pair(1, false));
  EXPECT_EQ(flights.run("a", [] { return 2; }), std::pair(2, false));
}

TEST(SF, SF_01_keys_are_independent) {
  gos::run([] {
    flight flights;
    held h;
    auto slow = gos::spawn([&] { return flights.run("slow", h.function(1)); });
    ASSERT_TRUE(blocked("chan receive"));
    EXPECT_EQ(flights.run("quick", [] { return 2; }), std::pair(2, false));
    h.gate.close();
    EXPECT_EQ(slow.join(), std::pair(1, false));
  });
}

TEST(SF, SF_02_after_the_end_the_function_runs_again) {
  flight flights;
  int runs = 0;
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(flights.run("key", [&] { return ++runs; }).first, i);
  }
}

TEST(SF, SF_02_after_forget_the_function_runs_again) {
  gos::run([] {
    flight flights;
    held first, second;
    auto a = gos::spawn([&] { return flights.run("key", first.function(1)); });
    ASSERT_TRUE(eventually([&] { return first.runs == 1; }));
    auto b = gos::spawn([&] { return flights.run("key", first.function(9)); });
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait"));
    flights.forget("key");
    flights.forget("key");
    flights.forget("unknown");
    auto c = gos::spawn([&] { return flights.run("key", second.function(2)); });
    ASSERT_TRUE(eventually([&] { return second.runs == 1; }));
    // The first ends and leaves the second, which others still join, alone.
    first.gate.close();
    EXPECT_EQ(a.join(), std::pair(1, true));
    EXPECT_EQ(b.join(), std::pair(1, true));
    auto d = gos::spawn([&] { return flights.run("key", second.function(9)); });
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait"));
    second.gate.close();
    EXPECT_EQ(c.join(), std::pair(2, true));
    EXPECT_EQ(d.join(), std::pair(2, true));
    EXPECT_EQ(first.runs + second.runs, 2);
  });
}

TEST(SF, SF_02_a_channel_with_room_for_its_result_never_closed) {
  gos::run([] {
    flight flights;
    const auto alone = flights.run_chan("key", [] { return 7; });
    EXPECT_EQ(alone.capacity(), 1U);
    const auto got = alone.recv();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->value, 7);
    EXPECT_FALSE(got->shared);
    const auto again = alone.try_recv();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error(), gos::recv_status::empty);

    held h;
    const auto first = flights.run_chan("key", h.function(8));
    ASSERT_TRUE(eventually([&] { return h.runs == 1; }));
    const auto second = flights.run_chan("key", h.function(9));
    auto third = gos::spawn([&] { return flights.run("key", h.function(9)); });
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait"));
    h.gate.close();
    for (const auto& each : {first, second}) {
      const auto both = each.recv();
      ASSERT_TRUE(both);
      EXPECT_EQ(both->value, 8);
      EXPECT_TRUE(both->shared);
    }
    EXPECT_EQ(third.join(), std::pair(8, true));
    EXPECT_EQ(h.runs, 1);
    {
      // Nobody need receive, and the function may outlive the single_flight.
      flight gone;
      static_cast<void>(gone.run_chan("key", [] { return gos::yield(), 1; }));
    }
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(SF, SF_03_a_panic_reaches_every_caller) {
  gos::run([] {
    constexpr int callers = 6;
    for (const bool exception : {false, true}) {
      flight flights;
      auto gate = gos::make_chan<void>();
      std::atomic<int> seen = 0;
      gos::wait_group group;
      for (int i = 0; i < callers; ++i) {
        group.go([&] {
          const auto panicked = panic_of([&] {
            flights.run("key", [&]() -> int {
              gate.recv();
              if (exception) throw std::out_of_range("no way");
              gos::panic("no way");
            });
          });
          ASSERT_TRUE(panicked);
          EXPECT_EQ(panicked->message(), "no way");
          EXPECT_EQ(panicked->value<std::out_of_range>() != nullptr, exception);
          if (!exception) EXPECT_NE(panicked->stack_trace(), "");
          ++seen;
        });
      }
      ASSERT_TRUE(blocked("sync.WaitGroup.Wait", callers - 1));
      gate.close();
      group.wait();
      EXPECT_EQ(seen, callers);
      EXPECT_EQ(flights.run("key", [] { return 3; }), std::pair(3, false));
    }
  });
}

TEST(SF, SF_03_goexit_ends_every_waiting_caller) {
  gos::run([] {
    flight flights;
    auto gate = gos::make_chan<void>();
    std::atomic<int> unwound = 0;
    gos::wait_group group;
    for (int i = 0; i < 5; ++i) {
      group.go([&] {
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([&] {
            EXPECT_FALSE(gos::recover());
            ++unwound;
          });
          flights.run("key", [&]() -> int {
            gate.recv();
            gos::goexit();
          });
          ADD_FAILURE() << "run returned";
        });
        ADD_FAILURE() << "the goroutine goes on";
      });
    }
    ASSERT_TRUE(blocked("sync.WaitGroup.Wait", 4));
    gate.close();
    group.wait();
    EXPECT_EQ(unwound, 5);
    EXPECT_EQ(flights.run("key", [] { return 3; }), std::pair(3, false));
  });
}

TEST(SF, SF_03_goexit_sends_nothing) {
  gos::run([] {
    flight flights;
    const auto result = flights.run_chan("key", []() -> int { gos::goexit(); });
    EXPECT_TRUE(goroutine_count_settles(1));
    EXPECT_FALSE(result.try_recv());
    EXPECT_EQ(flights.run("key", [] { return 3; }), std::pair(3, false));
  });
}

TEST(SF, SF_03_a_panic_ends_the_process_when_somebody_waits_at_a_channel) {
  for (const char* mode : {"flight-chan-panic", "flight-run-panic-with-chan"}) {
    const auto r = run_child("death_groups", {mode});
    EXPECT_EQ(r.status, 2) << mode << r;
    EXPECT_NE(r.err.find("panic: lost in flight\n"), std::string::npos) << r;
  }
}

TEST(SF, extra_an_empty_function_panics) {
  flight flights;
  EXPECT_EQ(panic_text([&] { flights.run("key", std::function<int()>()); }),
            "single_flight: run of an empty function");
  int (*null)() = nullptr;
  EXPECT_EQ(panic_text([&] { flights.run_chan("key", null); }), "single_flight: run of an empty function");
  EXPECT_EQ(flights.run("key", [] { return 3; }), std::pair(3, false));
}

struct folded_hash {
  std::size_t operator()(int n) const { return static_cast<std::size_t>(n % 10); }
};
struct folded_equal {
  bool operator()(int a, int b) const { return a % 10 == b % 10; }
};

TEST(SF, extra_own_hash_and_equality_and_plain_threads) {
  gos::single_flight<int, std::vector<int>, folded_hash, folded_equal> flights;
  auto gate = gos::make_chan<void>();
  std::atomic<int> inside = 0;
  std::pair<std::vector<int>, bool> a, b;
  std::thread one([&] {
    a = flights.run(3, [&] {
      ++inside;
      gate.recv();
      return std::vector<int>{1, 2, 3};
    });
  });
  ASSERT_TRUE(eventually([&] { return inside == 1; }));
  std::thread two(
      [&] { b = flights.run(13, [&]() -> std::vector<int> { return ++inside, std::vector<int>(); }); });
  // Nothing shows from outside that it has joined: if it comes late it runs on its own, and is told so.
  gos::sleep(5ms);
  gate.close();
  one.join();
  two.join();
  EXPECT_EQ(a.first, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(a.second, b.second);
  EXPECT_EQ(inside, b.second ? 1 : 2);
  if (b.second) EXPECT_EQ(b.first, a.first);
}

TEST(SF, extra_the_result_is_not_copied_for_a_single_caller) {
  counted::reset();
  gos::single_flight<int, counted> flights;
  {
    const auto got = flights.run(1, [] { return counted(5); });
    EXPECT_EQ(got.first.value, 5);
    const auto sent = flights.run_chan(1, [] { return counted(6); }).recv();
    EXPECT_EQ(sent->value.value, 6);
    EXPECT_EQ(counted::copies, 0);
  }
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

// Whoever was told `shared` is one of at least two with that result, and no execution overlaps another of its key.
TEST(SF, extra_storm) {
  auto random = rng();
  gos::run([&] {
    gos::single_flight<int, int> flights;
    constexpr int keys = 3;
    std::atomic<int> running[keys] = {};
    std::atomic<int> serial = 0;
    const int total = rounds(3000);
    std::vector<std::atomic<int>> takers(static_cast<std::size_t>(8 * total + 1));
    std::vector<std::atomic<bool>> told(takers.size());
    gos::wait_group group;
    for (int g = 0; g < 8; ++g) {
      group.go([&, seed = random()] {
        std::mt19937_64 own(seed);
        for (int i = 0; i < total; ++i) {
          const int key = static_cast<int>(own() % keys);
          const bool yields = own() % 4 == 0;
          const auto fly = [&, key, yields] {
            EXPECT_EQ(++running[key], 1);
            const int mine = ++serial;
            if (yields) gos::yield();
            --running[key];
            return mine;
          };
          std::pair<int, bool> got;
          if (own() % 3 == 0) {
            const auto sent = flights.run_chan(key, fly).recv();
            got = {sent->value, sent->shared};
          } else {
            got = flights.run(key, fly);
          }
          const auto at = static_cast<std::size_t>(got.first);
          ++takers[at];
          if (got.second) told[at] = true;
          else EXPECT_FALSE(told[at]);
        }
      });
    }
    group.wait();
    int served = 0;
    for (std::size_t i = 0; i < takers.size(); ++i) {
      served += takers[i];
      EXPECT_EQ(takers[i] > 1, told[i].load()) << i;
    }
    EXPECT_EQ(served, 8 * total);
  });
}

}  // namespace
