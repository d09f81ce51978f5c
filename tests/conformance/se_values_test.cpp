// Contract section 4, SE-10 and SE-12 to SE-16: select without cases, on closed channels, in great numbers, of lists; and a
// long mixed run. The values of cases that lose are in ch_values_test.cpp (CH-15).
#include "child.hpp"
#include "fixture.hpp"

#include <array>
#include <span>

using namespace gos_test;

namespace {

TEST(SE, SE_10_no_cases_block_forever) {
  for (const char* mode : {"select-nothing", "select-empty-list"}) {
    const auto r = run_child("death_chan", {mode});
    EXPECT_EQ(r.status, 0) << mode << '\n' << r;
    EXPECT_EQ(r.out, "still blocked\n") << mode << '\n' << r;
  }
}

TEST(SE, SE_12_closed_channels_are_ready) {
  gos::run([] {
    auto closed = gos::make_chan<int>(2), never = gos::make_chan<int>();
    closed.send(1);
    closed.close();
    std::vector<std::optional<int>> got;
    for (int i = 0; i < 3; ++i) {
      const auto chosen =
          gos::select(gos::recv(never), gos::recv(closed, [&](std::optional<int> v) { got.push_back(v); }));
      EXPECT_EQ(chosen, 1U);
    }
    EXPECT_EQ(got, (std::vector<std::optional<int>>{1, std::nullopt, std::nullopt}));

    // A send to it is ready as well: chosen sooner or later beside another, it panics.
    int panics = 0, others = 0;
    auto ready = gos::make_chan<void>();
    ready.close();
    for (int i = 0; i < 200; ++i) {
      const auto text = panic_text([&] { gos::select(gos::send(closed, 5), gos::recv(ready)); });
      if (text == "send on closed channel") ++panics;
      else ++others;
    }
    EXPECT_GT(panics, 20);
    EXPECT_GT(others, 20);
    EXPECT_EQ(panic_text([&] { gos::select(gos::send(closed, 5), gos::recv(never), gos::otherwise()); }),
              "send on closed channel");
  });
}

TEST(SE, SE_13_a_close_reaches_blocked_sends) {
  gos::run([] {
    auto ch = gos::make_chan<int>(), in = gos::make_chan<int>(), out = gos::make_chan<int>();
    std::vector<gos::join_handle<std::string>> senders;
    for (int i = 0; i < 4; ++i) {
      senders.push_back(gos::spawn([=] {
        return panic_text([&] { gos::select(gos::send(ch, i), gos::recv(in), gos::send(out, 1)); });
      }));
    }
    ASSERT_TRUE(blocked("select", 4));
    ch.close();
    for (auto& s : senders) EXPECT_EQ(s.join(), "send on closed channel");
    // The cases on the other channels have vanished.
    EXPECT_FALSE(in.try_send(1));
    EXPECT_FALSE(out.try_recv().has_value());
  });
}

TEST(SE, SE_13_a_receive_case_is_released_before_a_send_case) {
  gos::run([] {
    for (int i = 0; i < rounds(50); ++i) {
      auto ch = gos::make_chan<int>();
      auto chosen = gos::spawn([=] {
        bool ok = true;
        const auto index =
            gos::select(gos::send(ch, 1), gos::recv(ch, [&](std::optional<int> v) { ok = v.has_value(); }));
        EXPECT_FALSE(ok);
        return index;
      });
      ASSERT_TRUE(blocked("select"));
      ch.close();
      EXPECT_EQ(chosen.join(), 1U);
    }
  });
}

TEST(SE, SE_14_the_order_of_channels_never_deadlocks) {
  gos::run([] {
    std::vector<gos::chan<int>> chans;
    for (int i = 0; i < 4; ++i) chans.push_back(gos::make_chan<int>(i % 2 == 0 ? 0 : 2));
    const int n = rounds(5000);
    gos::wait_group group;
    // Each value sent is received once: as many receives as sends, each goroutine with an order of its own.
    for (int g = 0; g < 8; ++g) {
      group.go([=, random = rng()]() mutable {
        std::array<std::size_t, 4> order{0, 1, 2, 3};
        for (int i = 0; i < n; ++i) {
          std::shuffle(order.begin(), order.end(), random);
          auto c = [&](std::size_t k) -> const gos::chan<int>& { return chans[order[k]]; };
          if (g % 2 == 0) {
            gos::select(gos::send(c(0), i), gos::send(c(1), i), gos::send(c(2), i), gos::send(c(3), i));
          } else {
            gos::select(gos::recv(c(0)), gos::recv(c(1)), gos::recv(c(2)), gos::recv(c(3)));
          }
        }
      });
    }
    group.wait();
    for (const auto& ch : chans) EXPECT_EQ(ch.size(), 0U);
  });
}

TEST(SE, SE_14_plain_operations_and_selects_mixed) {
  gos::run([] {
    gos::chan<int> chans[4];
    for (auto& ch : chans) ch = gos::make_chan<int>();
    const int n = rounds(5000);
    gos::wait_group group;
    for (std::size_t k = 0; k < 4; ++k) {
      group.go([=, ch = chans[k]] {
        for (int i = 0; i < n; ++i) ch.send(i);
      });
      group.go([=, ch = chans[k]] {
        for (int i = 0; i < n; ++i) EXPECT_EQ(ch.recv(), i);
      });
    }
    group.wait();
    // Now both sides by select, and a handle that has done its share is switched off.
    gos::wait_group selecting;
    selecting.go([=]() mutable {
      int done[4] = {};
      for (int i = 0; i < 4 * n; ++i) {
        const auto k =
            gos::select(gos::recv(chans[3]), gos::recv(chans[2]), gos::recv(chans[0]), gos::recv(chans[1]));
        const std::size_t which[] = {3, 2, 0, 1};
        if (++done[which[k]] == n) chans[which[k]] = nullptr;
      }
    });
    selecting.go([=]() mutable {
      int done[4] = {};
      for (int i = 0; i < 4 * n; ++i) {
        const auto k = gos::select(gos::send(chans[0], i), gos::send(chans[1], i), gos::send(chans[2], i),
                                   gos::send(chans[3], i));
        if (++done[k] == n) chans[k] = nullptr;
      }
    });
    selecting.wait();
  });
}

TEST(SE, SE_15_a_channel_that_is_never_ready_costs_no_memory) {
  gos::run([] {
    auto never = gos::make_chan<int>(), a = gos::make_chan<int>(), b = gos::make_chan<int>();
    gos::wait_group pair;
    auto exchange = [&](int n) {
      pair.go([=] {
        for (int i = 0; i < n; ++i) gos::select(gos::send(a, i), gos::recv(never), gos::send(never, 1));
      });
      pair.go([=] {
        for (int i = 0; i < n; ++i) gos::select(gos::recv(never), gos::recv(a), gos::recv(b));
      });
      pair.wait();
    };
    exchange(rounds(1000));
    const long before = status_kib("VmRSS");
    exchange(rounds(100'000));
    // 200 000 selects; a hundred bytes each would be 20 MB. Sanitizers keep books of their own.
    if (!sanitized) { EXPECT_LT(status_kib("VmRSS") - before, 4096); }
  });
}

TEST(SE, SE_16_a_list_made_at_run_time) {
  gos::run([] {
    std::vector<gos::chan<int>> chans;
    std::vector<gos::select_case> cases;
    std::optional<int> got;
    for (int i = 0; i < 100; ++i) chans.push_back(gos::make_chan<int>(1));
    // Stored cases serve many times; what they refer to, handlers too, lives as long.
    auto take = [&](std::optional<int> v) { got = v; };
    for (auto& ch : chans) cases.push_back(gos::recv(ch, take));
    auto random = rng();
    for (int i = 0; i < rounds(1000); ++i) {
      const std::size_t k = random() % chans.size();
      if (i % 2 == 0) {
        chans[k].send(i);
        EXPECT_EQ(gos::select(std::span(cases)), k);
      } else {
        gos::go([=, ch = chans[k]] {
          gos::yield();
          ch.send(i);
        });
        EXPECT_EQ(gos::select(std::span(cases)), k);
      }
      EXPECT_EQ(got, i);
    }
    chans[42].close();
    EXPECT_EQ(gos::select(std::span(cases)), 42U);
    EXPECT_EQ(got, std::nullopt);

    std::vector<gos::select_case> with_default(cases.begin(), cases.begin() + 3);
    with_default.push_back(gos::otherwise());
    EXPECT_EQ(gos::select(std::span(with_default)), 3U);
  });
}

TEST(SE, SE_16_limits_of_a_list) {
  gos::run([] {
    auto never = gos::make_chan<int>(), ready = gos::make_chan<int>(1);
    EXPECT_TRUE(panic_of([&] { gos::select(gos::otherwise(), gos::recv(never), gos::otherwise()); }));
    std::vector<gos::select_case> many(65'535, gos::recv(never));
    many.push_back(gos::recv(ready));
    ready.send(1);
    EXPECT_EQ(gos::select(std::span(many)), 65'535U);
    gos::go([=] {
      EXPECT_TRUE(blocked("select"));
      ready.send(2);
    });
    EXPECT_EQ(gos::select(std::span(many)), 65'535U);
  });
}

// Fan-in of several sources by a list that shrinks while they end; everything arrives once.
TEST(SE, extra_fan_in_until_all_have_ended) {
  gos::run([] {
    const int sources = 10, n = rounds(1000);
    std::vector<gos::chan<int>> chans;
    for (int s = 0; s < sources; ++s) {
      auto ch = gos::make_chan<int>(static_cast<std::size_t>(s % 3));
      chans.push_back(ch);
      gos::go([=] {
        for (int i = 0; i < n; ++i) ch.send(1);
        ch.close();
      });
    }
    int sum = 0, open = sources;
    while (open > 0) {
      std::vector<gos::select_case> cases;
      bool ended = false;
      auto take = [&](std::optional<int> v) {
        sum += v.value_or(0);
        ended = !v;
      };
      for (auto& ch : chans) cases.push_back(gos::recv(ch, take));
      const auto k = gos::select(std::span(cases));
      if (ended) {
        chans[k] = nullptr;
        --open;
      }
    }
    EXPECT_EQ(sum, sources * n);
  });
}

}  // namespace
