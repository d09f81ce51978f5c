// Contract section 4: select, SE-01 to SE-11. What it does to closed channels, to values and at scale is in
// se_values_test.cpp.
#include "fixture.hpp"

#include <memory>

using namespace gos_test;

namespace {

TEST(SE, SE_01_ready_cases_have_equal_chances) {
  gos::run([] {
    auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
    a.close();
    b.close();
    int chosen[2] = {};
    for (int i = 0; i < 10'000; ++i) ++chosen[gos::select(gos::recv(a), gos::recv(b))];
    EXPECT_NEAR(chosen[0], 5000, 500);
    EXPECT_EQ(chosen[0] + chosen[1], 10'000);

    // Also of a list, and with more than two.
    int of_four[4] = {};
    for (int i = 0; i < 10'000; ++i) {
      ++of_four[gos::select({gos::recv(a), gos::recv(b), gos::recv(a), gos::recv(b)})];
    }
    for (int count : of_four) EXPECT_NEAR(count, 2500, 500);
  });
}

TEST(SE, SE_01_waiting_senders_have_equal_chances) {
  gos::run([] {
    auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
    auto stop = gos::make_chan<void>();
    for (const auto& ch : {a, b}) {
      for (int i = 0; i < 2; ++i) {
        gos::go([=] {
          while (gos::select(gos::send(ch, 1), gos::recv(stop)) == 0) {}
        });
      }
    }
    int chosen[2] = {};
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(blocked("select", 4));  // Senders wait on both.
      ++chosen[gos::select(gos::recv(a), gos::recv(b))];
    }
    EXPECT_GT(chosen[0], 50);
    EXPECT_GT(chosen[1], 50);
    stop.close();
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

TEST(SE, SE_02_two_sends_on_one_channel) {
  gos::run([] {
    for (std::size_t capacity : {0U, 100U}) {
      auto ch = gos::make_chan<int>(capacity);
      const int n = 100;
      auto sender = gos::spawn([=] {
        for (int i = 0; i < n; ++i) gos::select(gos::send(ch, 0), gos::send(ch, 1));
      });
      int count[2] = {};
      for (int i = 0; i < n; ++i) ++count[ch.recv().value()];
      sender.join();
      EXPECT_GT(count[0], 10) << "capacity " << capacity;
      EXPECT_GT(count[1], 10) << "capacity " << capacity;
    }
  });
}

TEST(SE, SE_03_blocks_until_a_case_is_ready) {
  gos::run([] {
    for (std::size_t ready : {0U, 1U, 2U}) {
      gos::chan<int> ch[3] = {gos::make_chan<int>(), gos::make_chan<int>(), gos::make_chan<int>()};
      std::atomic<int> chosen = -1;
      gos::go([&] {
        chosen = static_cast<int>(gos::select(gos::recv(ch[0]), gos::send(ch[1], 5), gos::recv(ch[2])));
      });
      ASSERT_TRUE(blocked("select"));
      EXPECT_EQ(chosen, -1);
      if (ready == 1) {
        EXPECT_EQ(ch[1].recv(), 5);
      } else {
        ch[ready].send(1);
      }
      EXPECT_TRUE(eventually([&] { return chosen == static_cast<int>(ready); }));
      EXPECT_TRUE(goroutine_count_settles(1));
    }
  });
}

TEST(SE, SE_03_takes_the_default_when_nothing_is_ready) {
  auto ch = gos::make_chan<int>();
  int ran = 0;
  EXPECT_EQ(gos::select(gos::recv(ch), gos::otherwise([&] { ++ran; })), 1U);
  EXPECT_EQ(gos::select(gos::otherwise([&] { ++ran; }), gos::send(ch, 1)), 0U);
  EXPECT_EQ(gos::select(gos::otherwise()), 0U);
  EXPECT_EQ(ran, 2);
  auto full = gos::make_chan<int>(1);
  EXPECT_EQ(gos::select(gos::send(full, 1), gos::otherwise([&] { ++ran; })), 0U);
  EXPECT_EQ(gos::select(gos::send(full, 1), gos::otherwise([&] { ++ran; })), 1U);
  EXPECT_EQ(gos::select(gos::recv(full), gos::otherwise([&] { ++ran; })), 0U);
  EXPECT_EQ(ran, 3);
}

TEST(SE, SE_03_the_default_needs_one_instant_without_a_ready_case) {
  gos::run([] {
    for (int i = 0; i < rounds(3000); ++i) {
      // First a value in one, then one in the other, then none in the first: always something ready.
      auto a = gos::make_chan<int>(1), b = gos::make_chan<int>(1);
      a.send(1);
      auto looked =
          gos::spawn([=] { return gos::select(gos::recv(a), gos::recv(b), gos::otherwise()) != 2; });
      b.send(1);
      gos::select(gos::recv(a), gos::otherwise());
      ASSERT_TRUE(looked.join());
    }
    for (int i = 0; i < rounds(3000); ++i) {
      auto a = gos::make_chan<int>(1), b = gos::make_chan<int>();
      a.send(1);
      auto looked =
          gos::spawn([=] { return gos::select(gos::recv(a), gos::recv(b), gos::otherwise()) != 2; });
      b.close();
      gos::select(gos::recv(a), gos::otherwise());
      ASSERT_TRUE(looked.join());
    }
  });
}

// Notes in which order it was asked for things.
struct note_taker {
  std::string notes;
  gos::chan<int> channel(char name, gos::chan<int> ch) {
    notes += name;
    return ch;
  }
  int value(char name, int v) {
    notes += name;
    return v;
  }
};

TEST(SE, SE_04_operands_are_evaluated_once_and_in_order) {
  auto ready = gos::make_chan<int>(1);
  auto never = gos::make_chan<int>();
  gos::chan<int> nil;
  {
    note_taker n;
    ready.send(1);
    // One operand for each arm: inside an arm the compiler chooses.
    gos::select({gos::recv(n.channel('a', never)), gos::send(never, n.value('b', 1)),
                 gos::recv(n.channel('c', nil)), gos::send(nil, n.value('d', 2)),
                 gos::recv(n.channel('e', ready)), gos::recv(n.channel('f', never))});
    EXPECT_EQ(n.notes, "abcdef");
  }
  {
    note_taker n;
    gos::select({gos::otherwise(), gos::recv(n.channel('a', never)), gos::send(n.channel('b', nil), 1)});
    EXPECT_EQ(n.notes, "ab");
  }
  {
    note_taker n;  // The order is open here, but each is evaluated once.
    gos::select(gos::recv(n.channel('a', nil)), gos::send(never, n.value('b', 1)), gos::otherwise());
    std::sort(n.notes.begin(), n.notes.end());
    EXPECT_EQ(n.notes, "ab");
  }
}

TEST(SE, SE_05_only_the_chosen_arm_acts) {
  gos::run([] {
    auto a = gos::make_chan<int>(1), b = gos::make_chan<int>(1);
    auto signal = gos::make_chan<void>(1);
    a.send(7);
    int got_a = 0, got_b = 0, sent = 0, defaulted = 0;
    auto round = [&] {
      return gos::select(gos::recv(a, [&](std::optional<int> v) { got_a += *v; }),
                         gos::recv(b, [&](std::optional<int> v) { got_b += *v; }),
                         gos::send(gos::chan<int>(), 1, [&] { ++sent; }),
                         gos::otherwise([&] { ++defaulted; }));
    };
    EXPECT_EQ(round(), 0U);
    EXPECT_EQ(got_a, 7);
    EXPECT_EQ(round(), 3U);
    b.send(8);
    EXPECT_EQ(round(), 1U);
    EXPECT_EQ(got_b, 8);
    EXPECT_EQ(got_a, 7);
    EXPECT_EQ(sent, 0);
    EXPECT_EQ(defaulted, 1);

    // Handlers without the value; of void channels; a handler may use the channels again, and throw.
    a.send(1);
    EXPECT_EQ(gos::select(gos::recv(a, [&] { a.send(2); }), gos::recv(signal, [](bool) {})), 0U);
    EXPECT_EQ(a.recv(), 2);
    signal.send();
    bool open = false;
    EXPECT_EQ(gos::select(gos::recv(a), gos::recv(signal, [&](bool ok) { open = ok; })), 1U);
    EXPECT_TRUE(open);
    signal.close();
    gos::select(gos::recv(signal, [&](bool ok) { open = ok; }));
    EXPECT_FALSE(open);
    a.send(3);
    EXPECT_THROW(gos::select(gos::recv(a, [](std::optional<int> v) { throw *v; })), int);
    EXPECT_EQ(a.size(), 0U);
  });
}

TEST(SE, SE_05_the_chosen_arm_acts_after_a_wait_too) {
  gos::run([] {
    auto in = gos::make_chan<int>(), out = gos::make_chan<int>(), result = gos::make_chan<int>(1);
    auto loop = [=] {
      int value = 0;
      gos::select(gos::recv(in, [&](std::optional<int> v) { value = v.value_or(-1); }),
                  gos::send(out, 1, [&] { value = 1000; }));
      result.send(value);
    };
    gos::go(loop);
    ASSERT_TRUE(blocked("select"));
    in.send(5);
    EXPECT_EQ(result.recv(), 5);
    gos::go(loop);
    ASSERT_TRUE(blocked("select"));
    EXPECT_EQ(out.recv(), 1);
    EXPECT_EQ(result.recv(), 1000);
    gos::go(loop);
    ASSERT_TRUE(blocked("select"));
    in.close();
    EXPECT_EQ(result.recv(), -1);
  });
}

// SE-06, a form with a fixed order of evaluation, is the braced list of SE_04.
TEST(SE, SE_06_a_form_with_fixed_order_exists) {
  static_assert(requires(gos::select_case a, gos::select_case b) { gos::select({a, b}); });
}

TEST(SE, SE_07_exactly_one_case_takes_effect) {
  gos::run([] {
    // A sender that selects over both channels; a receiver that drains both: each value must come once, in order.
    auto a = gos::make_chan<int>(), b = gos::make_chan<int>();
    auto merged = gos::make_chan<int>();
    const int n = rounds(10'000);
    gos::go([=] {
      for (int i = 0; i < n; ++i) gos::select(gos::send(a, i), gos::send(b, i));
      a.close();
      b.close();
    });
    gos::wait_group forwarders;
    for (const auto& ch : {a, b}) {
      forwarders.go([=] {
        for (int v : ch) merged.send(v);
      });
    }
    gos::go([&, merged] {
      forwarders.wait();
      merged.close();
    });
    std::vector<bool> seen(static_cast<std::size_t>(n));
    int count = 0;
    for (int v : merged) {
      ASSERT_FALSE(seen.at(static_cast<std::size_t>(v)));
      seen[static_cast<std::size_t>(v)] = true;
      ++count;
    }
    EXPECT_EQ(count, n);
  });
}

TEST(SE, SE_08_one_channel_in_several_cases) {
  gos::run([] {
    auto ch = gos::make_chan<int>(), other = gos::make_chan<int>();
    // Three registrations in one direction; a plain receiver queues behind them.
    std::atomic<int> chosen = -1, plain = 0;
    gos::go([&] {
      chosen = static_cast<int>(gos::select(gos::recv(ch), gos::recv(ch), gos::recv(other), gos::recv(ch)));
    });
    ASSERT_TRUE(blocked("select"));
    gos::go([&] { plain = ch.recv().value(); });
    ASSERT_TRUE(blocked("chan receive"));
    ch.send(1);
    EXPECT_TRUE(eventually([&] { return chosen != -1; }));
    EXPECT_NE(chosen, 2);
    EXPECT_EQ(plain, 0);
    ch.send(2);
    EXPECT_TRUE(eventually([&] { return plain == 2; }));
    EXPECT_FALSE(ch.try_send(3));

    // Both directions, decided by the other side.
    for (bool give : {true, false}) {
      auto both = gos::make_chan<int>();
      auto result = gos::spawn([=] {
        int got = 0;
        gos::select(gos::recv(both, [&](std::optional<int> v) { got = *v; }), gos::send(both, 9),
                    gos::recv(both), gos::send(both, 9));
        return got;
      });
      ASSERT_TRUE(blocked("select"));
      if (give) {
        both.send(4);
        const int got = result.join();
        EXPECT_TRUE(got == 4 || got == 0);  // The third arm has no handler.
      } else {
        EXPECT_EQ(both.recv(), 9);
        EXPECT_EQ(result.join(), 0);
      }
      EXPECT_FALSE(both.try_send(1));
      EXPECT_FALSE(both.try_recv().has_value());
    }
  });
}

TEST(SE, SE_08_waiters_around_a_select_stay_in_order) {
  gos::run([] {
    auto ch = gos::make_chan<int>(), other = gos::make_chan<int>();
    std::atomic<int> got[4] = {};
    // first, select, second, select, third: the selects leave through `other`.
    auto receiver = [&](int i) {
      gos::go([&, i] { got[i] = ch.recv().value(); });
      return blocked("chan receive", i + 1);
    };
    auto selecting = [&](int n) {
      gos::go([=] { EXPECT_EQ(gos::select(gos::recv(ch), gos::recv(other)), 1U); });
      return blocked("select", n);
    };
    ASSERT_TRUE(receiver(0));
    ASSERT_TRUE(selecting(1));
    ASSERT_TRUE(receiver(1));
    ASSERT_TRUE(selecting(2));
    ASSERT_TRUE(receiver(2));
    other.send(0);
    other.send(0);
    ASSERT_TRUE(blocked("select", 0));
    for (int i = 0; i < 3; ++i) ch.send(i + 1);
    EXPECT_TRUE(goroutine_count_settles(1));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(got[i], i + 1);
  });
}

TEST(SE, SE_09_a_select_does_not_pair_with_itself) {
  gos::run([] {
    for (std::size_t capacity : {0U, 10U}) {
      auto ch = gos::make_chan<int>(capacity);
      if (capacity == 0) {
        EXPECT_EQ(gos::select(gos::send(ch, 1), gos::recv(ch), gos::otherwise()), 2U);
        auto alone = gos::spawn([=] { return gos::select(gos::send(ch, 1), gos::recv(ch)); });
        ASSERT_TRUE(blocked("select"));
        gos::sleep(5ms);
        ASSERT_EQ(in_state("select"), 1);
        EXPECT_EQ(ch.recv(), 1);
        EXPECT_EQ(alone.join(), 0U);
      }
      // Two of them pair with each other; each must see the values of the other only.
      const int n = rounds(1000);
      gos::wait_group pair;
      for (int me : {0, 1}) {
        pair.go([=] {
          for (int i = 0; i < n; ++i) {
            gos::select(gos::recv(ch,
                                  [&](std::optional<int> v) {
                                    if (capacity == 0) { EXPECT_EQ(*v, 1 - me); }
                                  }),
                        gos::send(ch, me));
          }
        });
      }
      // An odd one out may remain: help until both have ended.
      auto ended = gos::make_chan<void>();
      gos::go([&, ended] {
        pair.wait();
        ended.close();
      });
      if (capacity == 0) {
        // Unbuffered, every step takes both: they end together.
        ended.recv();
      } else {
        for (bool over = false; !over;) {
          gos::select(gos::recv(ended, [&] { over = true; }), gos::recv(ch), gos::after(1ms, [] {}));
        }
      }
    }
  });
}

TEST(SE, SE_11_one_case_is_the_plain_operation) {
  gos::run([] {
    auto ch = gos::make_chan<int>();
    gos::go([=] { gos::select(gos::send(ch, 1)); });
    EXPECT_EQ(ch.recv(), 1);
    gos::go([=] { ch.send(2); });
    int got = 0;
    EXPECT_EQ(gos::select(gos::recv(ch, [&](std::optional<int> v) { got = *v; })), 0U);
    EXPECT_EQ(got, 2);

    gos::go([=] { ch.send(3); });
    ASSERT_TRUE(blocked("chan send"));
    EXPECT_EQ(gos::select(gos::recv(ch, [&](std::optional<int> v) { got = *v; }), gos::otherwise()), 0U);
    EXPECT_EQ(got, 3);
    EXPECT_EQ(gos::select(gos::recv(ch), gos::otherwise()), 1U);
    gos::go([=] { EXPECT_EQ(ch.recv(), 4); });
    ASSERT_TRUE(blocked("chan receive"));
    EXPECT_EQ(gos::select(gos::send(ch, 4), gos::otherwise()), 0U);
    EXPECT_EQ(gos::select(gos::send(ch, 5), gos::otherwise()), 1U);
    ch.close();
    EXPECT_EQ(gos::select(gos::recv(ch, [](std::optional<int> v) { EXPECT_FALSE(v); }), gos::otherwise()),
              0U);
    EXPECT_EQ(panic_text([&] { gos::select(gos::send(ch, 5)); }), "send on closed channel");
    EXPECT_EQ(panic_text([&] { gos::select(gos::send(ch, 5), gos::otherwise()); }), "send on closed channel");
  });
}

TEST(SE, extra_time_outs) {
  gos::run([] {
    auto never = gos::make_chan<int>();
    const auto from = gos::now();
    bool late = false;
    EXPECT_EQ(gos::select(gos::recv(never), gos::after(10ms, [&] { late = true; })), 1U);
    EXPECT_TRUE(late);
    EXPECT_GE(gos::now() - from, 10ms);
    // One that is in time, often; the timers that did not fire must not pile up or wake anybody.
    auto ch = gos::make_chan<int>(1);
    for (int i = 0; i < rounds(10'000); ++i) {
      ch.send(i);
      ASSERT_EQ(gos::select(gos::recv(ch), gos::after(1h, [] { FAIL(); })), 0U);
    }
    // Nothing is as ready as something that is due already.
    EXPECT_EQ(gos::select(gos::recv(never), gos::after(0ms, [] {})), 1U);
    EXPECT_EQ(gos::select(gos::recv(never), gos::after(-5s, [] {})), 1U);
    EXPECT_EQ(gos::select(gos::recv(gos::after(1ms)), gos::recv(never)), 0U);
  });
}

}  // namespace
