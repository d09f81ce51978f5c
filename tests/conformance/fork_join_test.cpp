// fork_join, parallel_for: every call exactly once, in any order; results, failures, waiting inside, cancellation.
#include "fixture.hpp"

#include <gossamer/fork_join.hpp>

#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gos_test;

namespace {

long fib(int n) {
  if (n < 2) return n;
  auto [a, b] = gos::fork_join([=] { return fib(n - 1); }, [=] { return fib(n - 2); });
  return a + b;
}

// Burns some time without entering the runtime.
void compute(int steps) {
  for (int i = 0; i < steps; ++i) __asm__ volatile("");
}

TEST(ForkJoin, computes_in_a_tree) {
  gos::run([] {
    for (int i = 0; i < rounds(20); ++i) EXPECT_EQ(fib(20), 6765);
  });
}

TEST(ForkJoin, from_a_plain_thread) {
  EXPECT_EQ(fib(15), 610);
  std::vector<int> seen(1000);
  gos::parallel_for(0, 1000, [&](int i) { ++seen[static_cast<std::size_t>(i)]; });
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
}

TEST(ForkJoin, gives_all_results) {
  gos::run([] {
    int number = 5;
    auto [a, b, c] = gos::fork_join([] { return std::string("one"); }, [&]() -> int& { return number; },
                                    [] { return std::make_unique<int>(3); });
    EXPECT_EQ(a, "one");
    b = 6;
    EXPECT_EQ(number, 6);
    EXPECT_EQ(*c, 3);
    const auto [x, y] = gos::fork_join([] {}, [] { return 4; });
    static_assert(std::is_same_v<decltype(x), const std::monostate>);
    EXPECT_EQ(y, 4);
    const auto [p, q, r] = gos::fork_join([] { return 1; }, [] {}, [] {});
    static_assert(std::is_same_v<decltype(q), const std::monostate> && std::is_same_v<decltype(r), const std::monostate>);
    EXPECT_EQ(p, 1);
    static_assert(std::is_void_v<decltype(gos::fork_join([] {}, [] {}, [] {}))>);
    EXPECT_EQ(std::get<0>(gos::fork_join([] { return 7; })), 7);
  });
}

TEST(ForkJoin, takes_functions_that_only_move) {
  gos::run([] {
    auto [a, b] = gos::fork_join([p = std::make_unique<int>(1)] { return *p; },
                                 [p = std::make_unique<int>(2)]() mutable { return std::move(p); });
    EXPECT_EQ(a, 1);
    EXPECT_EQ(*b, 2);
  });
}

// Processors that have nothing else to do take the calls: as many run at once as there are.
TEST(ForkJoin, processors_share_the_work) {
  gos::run([] {
    const int procs = std::min(gos::runtime::max_procs(), 4);
    std::atomic<int> inside{0};
    std::atomic<bool> all{false};
    const auto meet = [&] {
      if (++inside == procs) all = true;
      while (!all) gos::yield();
    };
    gos::parallel_for(0, procs, [&](int) { meet(); }, {.grain = 1});
    EXPECT_EQ(inside, procs);
  });
}

// What computes and never enters the runtime does not keep its other calls from being taken.
TEST(ForkJoin, a_caller_that_computes_shares) {
  gos::run([] {
    if (gos::runtime::max_procs() == 1) GTEST_SKIP() << "with one processor the caller runs all itself";
    std::atomic<bool> ran{false};
    gos::fork_join(
        [&] {
          while (!ran) compute(100);
        },
        [&] { ran = true; });
  });
}

// The first call waits for something that the second does: allowed where it waits as goroutines do.
TEST(ForkJoin, a_call_that_waits_leaves_its_offers_to_others) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      auto ch = gos::make_chan<int>();
      int got = 0;
      gos::fork_join([&] { gos::fork_join([&] { got = ch.recv().value(); }, [] {}, [] {}); }, [&] { ch.send(7); });
      EXPECT_EQ(got, 7);
    }
  });
}

TEST(ForkJoin, in_many_goroutines_that_wait_and_yield) {
  gos::run([] {
    std::atomic<long> sum{0};
    gos::wait_group all;
    for (int g = 0; g < 20; ++g) {
      all.go([&sum, g] {
        auto random = rng();
        for (int i = 0; i < rounds(40); ++i) {
          const auto kind = random() % 4;
          gos::parallel_for(
              0, 50,
              [&](int k) {
                if (k % 16 == 3 && kind == 1) gos::yield();
                if (k % 16 == 5 && kind == 2) gos::sleep(10us);
                if (k % 16 == 7 && kind == 3) compute(2000);
                sum += k;
              },
              {.grain = 1 + random() % 8});
          if (g % 5 == 0) {
            const gos::pin here;
            sum += fib(8) - 21;
          }
        }
      });
    }
    all.wait();
    EXPECT_EQ(sum, 20L * rounds(40) * (49 * 50 / 2));
  });
}

TEST(ForkJoin, while_the_number_of_processors_changes) {
  gos::run([] {
    const int before = gos::runtime::max_procs();
    std::atomic<bool> stop{false};
    gos::wait_group changer;
    changer.go([&] {
      for (int n = 1; !stop; n = n % 8 + 1) {
        gos::runtime::set_max_procs(n);
        gos::sleep(200us);
      }
    });
    for (int i = 0; i < rounds(30); ++i) EXPECT_EQ(fib(18), 2584);
    stop = true;
    changer.wait();
    gos::runtime::set_max_procs(before);
  });
}

struct counted {
  std::atomic<int>& alive;
  explicit counted(std::atomic<int>& n) : alive(n) { ++alive; }
  ~counted() { --alive; }
  counted(const counted&) = delete;
};

TEST(ForkJoin, throws_the_leftmost_failure_when_all_have_ended) {
  gos::run([] {
    for (int i = 0; i < rounds(300); ++i) {
      std::atomic<int> alive{0};
      const auto failing = [&](const char* text, int work) {
        const counted here(alive);
        compute(work);
        if (i % 3 == 0) gos::yield();
        throw std::runtime_error(text);
      };
      std::string text;
      try {
        gos::fork_join([&] { failing("first", 3000); }, [&] { failing("second", 10); }, [&] { failing("third", 500); });
      } catch (const std::runtime_error& e) {
        text = e.what();
      }
      EXPECT_EQ(text, "first");
      EXPECT_EQ(alive, 0);
      try {
        gos::fork_join([&] { compute(i % 7 * 300); }, [&] { failing("second", 10); });
      } catch (const std::runtime_error& e) {
        text = e.what();
      }
      EXPECT_EQ(text, "second");
      EXPECT_EQ(alive, 0);
    }
  });
}

TEST(ForkJoin, panics_and_goexit_come_out_of_the_call) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      for (const bool taken : {false, true}) {
        // The first waits until the second has begun elsewhere, or does not.
        const bool wait = taken;
        std::atomic<bool> begun{false};
        const auto first = [&] {
          while (wait && !begun) gos::yield();
        };
        std::string text;
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([&] {
            if (auto panicked = gos::recover()) text = panicked->message();
          });
          gos::fork_join(first, [&] {
            begun = true;
            gos::panic("lost");
          });
        });
        EXPECT_EQ(text, "lost");

        auto ended = gos::make_chan<bool>(1);
        std::atomic<bool> begun_too{false};
        gos::go([&, ended] {
          struct at_end {
            gos::chan<bool> ch;
            ~at_end() { ch.send(true); }
          } guard{ended};
          gos::fork_join(
              [&] {
                while (wait && !begun_too) gos::yield();
              },
              [&] {
                begun_too = true;
                gos::goexit();
              });
          ADD_FAILURE() << "went on after goexit";
        });
        EXPECT_TRUE(ended.recv().value());
      }
      // Both fail: the panic of the second is dropped, and nobody takes it for swallowed.
      EXPECT_THROW(gos::fork_join([] { throw std::logic_error("left"); }, [] { gos::panic("right"); }), std::logic_error);
    }
  });
}

TEST(ForkJoin, parallel_for_visits_each_once) {
  gos::run([] {
    for (const std::size_t n : {0U, 1U, 2U, 3U, 17U, 1000U}) {
      for (const std::uint64_t grain : {0U, 1U, 7U, 5000U}) {
        std::vector<std::atomic<int>> seen(n);
        gos::parallel_for(std::size_t{0}, n, [&](std::size_t i) { ++seen[i]; }, {.grain = grain});
        for (const auto& count : seen) EXPECT_EQ(count, 1);
        gos::parallel_for(
            std::size_t{0}, n,
            [&](std::size_t from, std::size_t to) {
              EXPECT_LT(from, to);
              if (grain != 0) {
                EXPECT_LE(to - from, grain);
              }
              for (; from != to; ++from) ++seen[from];
            },
            {.grain = grain});
        for (const auto& count : seen) EXPECT_EQ(count, 2);
      }
    }
    // The whole range of a type, and ranges below zero.
    std::atomic<long> sum{0};
    gos::parallel_for(std::int8_t{-128}, std::int8_t{127}, [&](std::int8_t i) { sum += i; }, {.grain = 3});
    EXPECT_EQ(sum, -128 * 1L - 127);
    std::atomic<std::uint64_t> pieces{0};
    gos::parallel_for(
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
        [&](std::int64_t from, std::int64_t to) {
          pieces += static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
        });
    EXPECT_EQ(pieces, std::numeric_limits<std::uint64_t>::max());
    gos::parallel_for(5, 2, [](int) { ADD_FAILURE() << "an empty range"; });
  });
}

TEST(ForkJoin, parallel_for_stops) {
  gos::run([] {
    std::stop_source source;
    std::atomic<int> done{0};
    EXPECT_TRUE(gos::parallel_for(source.get_token(), 0, 100, [&](int) { ++done; }));
    EXPECT_EQ(done, 100);
    done = 0;
    EXPECT_FALSE(gos::parallel_for(
        source.get_token(), 0, 100'000,
        [&](int) {
          if (++done == 10) source.request_stop();
        },
        {.grain = 1}));
    EXPECT_LT(done, 100'000);
    auto [ctx, cancel] = gos::with_cancel(gos::background());
    EXPECT_EQ(gos::parallel_for(ctx, 0, 10, [](int) {}), std::error_code());
    cancel();
    EXPECT_EQ(gos::parallel_for(ctx, 0, 10, [](int) { ADD_FAILURE() << "cancelled"; }), ctx.err());
    // A piece that fails keeps those that have not begun from beginning.
    done = 0;
    EXPECT_THROW(gos::parallel_for(
                     0, 1'000'000,
                     [&](int i) {
                       ++done;
                       if (i == 5) throw std::runtime_error("five");
                     },
                     {.grain = 1}),
                 std::runtime_error);
    EXPECT_LT(done, 1'000'000);
  });
}

}  // namespace
