// Contract section 3: channels, from CH-01 to CH-14. What happens to the values themselves is in ch_values_test.cpp.
#include "fixture.hpp"

#include <numeric>

using namespace gos_test;

namespace {

TEST(CH, CH_01_unbuffered_operations_meet) {
  gos::run([] {
    auto ch = gos::make_chan<int>();
    std::atomic<bool> sent = false, received = false;
    gos::go([&] {
      ch.send(1);
      sent = true;
    });
    ASSERT_TRUE(blocked("chan send"));
    EXPECT_FALSE(sent);
    EXPECT_EQ(ch.recv(), 1);
    EXPECT_TRUE(eventually([&] { return sent.load(); }));

    gos::go([&] {
      EXPECT_EQ(ch.recv(), 2);
      received = true;
    });
    ASSERT_TRUE(blocked("chan receive"));
    EXPECT_FALSE(received);
    ch.send(2);
    EXPECT_TRUE(eventually([&] { return received.load(); }));
  });
}

TEST(CH, CH_02_a_buffer_of_n) {
  gos::run([] {
    for (std::size_t n : {1U, 2U, 7U, 100U}) {
      auto ch = gos::make_chan<int>(n);
      std::atomic<std::size_t> sent = 0;
      gos::go([&, n] {
        for (std::size_t i = 0; i < n + 1; ++i) {
          ch.send(static_cast<int>(i));
          ++sent;
        }
      });
      ASSERT_TRUE(blocked("chan send"));
      EXPECT_EQ(sent, n);
      EXPECT_EQ(ch.size(), n);
      for (std::size_t i = 0; i < n + 1; ++i) EXPECT_EQ(ch.recv(), static_cast<int>(i));
      EXPECT_TRUE(eventually([&] { return sent == n + 1; }));

      std::atomic<bool> received = false;
      gos::go([&] {
        EXPECT_EQ(ch.recv(), 5);
        received = true;
      });
      ASSERT_TRUE(blocked("chan receive"));
      EXPECT_FALSE(received);
      ch.send(5);
      EXPECT_TRUE(eventually([&] { return received.load(); }));
      EXPECT_TRUE(goroutine_count_settles(1));
    }
  });
}

TEST(CH, CH_03_values_leave_in_the_order_of_their_sends) {
  gos::run([] {
    for (std::size_t capacity : {0U, 1U, 2U, 3U, 10U, 1000U}) {
      auto ch = gos::make_chan<int>(capacity);
      const int n = rounds(5000);
      gos::go([=] {
        for (int i = 0; i < n; ++i) ch.send(i);
        ch.close();
      });
      int expected = 0;
      for (int value : ch) ASSERT_EQ(value, expected++) << "capacity " << capacity;
      EXPECT_EQ(expected, n);
    }
  });
}

TEST(CH, CH_03_each_sender_stays_in_order_among_many) {
  gos::run([] {
    for (std::size_t capacity : {0U, 4U}) {
      auto ch = gos::make_chan<std::pair<int, int>>(capacity);
      const int n = rounds(2000);
      for (int id = 0; id < 4; ++id) {
        gos::go([=] {
          for (int i = 0; i < n; ++i) ch.send({id, i});
        });
      }
      int next[4] = {};
      for (int i = 0; i < 4 * n; ++i) {
        const auto [id, value] = ch.recv().value();
        ASSERT_EQ(value, next[id]++);
      }
    }
  });
}

TEST(CH, CH_04_blocked_receivers_are_served_in_order) {
  gos::run([] {
    for (std::size_t capacity : {0U, 3U}) {
      auto ch = gos::make_chan<int>(capacity);
      std::atomic<int> got[8];
      for (auto& g : got) g = -1;
      for (int i = 0; i < 8; ++i) {
        gos::go([&, i] { got[i] = ch.recv().value(); });
        ASSERT_TRUE(blocked("chan receive", i + 1));
      }
      for (int i = 0; i < 8; ++i) ch.send(i);
      EXPECT_TRUE(goroutine_count_settles(1));
      for (int i = 0; i < 8; ++i) EXPECT_EQ(got[i], i);
    }
  });
}

TEST(CH, CH_04_blocked_senders_are_served_in_order) {
  gos::run([] {
    for (std::size_t capacity : {0U, 2U}) {
      auto ch = gos::make_chan<int>(capacity);
      for (std::size_t i = 0; i < capacity; ++i) ch.send(-1);
      for (int i = 0; i < 8; ++i) {
        gos::go([=] { ch.send(i); });
        ASSERT_TRUE(blocked("chan send", i + 1));
      }
      for (std::size_t i = 0; i < capacity; ++i) EXPECT_EQ(ch.recv(), -1);
      for (int i = 0; i < 8; ++i) EXPECT_EQ(ch.recv(), i);
    }
  });
}

TEST(CH, CH_05_a_receive_from_a_full_buffer_lets_one_sender_in) {
  gos::run([] {
    auto ch = gos::make_chan<int>(2);
    ch.send(1);
    ch.send(2);
    std::atomic<int> released = 0;
    for (int value : {3, 4}) {
      gos::go([&, value] {
        ch.send(value);
        ++released;
      });
      ASSERT_TRUE(blocked("chan send", value - 2));
    }
    EXPECT_EQ(ch.recv(), 1);
    EXPECT_EQ(ch.size(), 2U);  // 2 and 3, without a moment of 1.
    EXPECT_TRUE(eventually([&] { return released == 1; }));
    EXPECT_EQ(in_state("chan send"), 1);
    EXPECT_EQ(ch.recv(), 2);
    EXPECT_EQ(ch.size(), 2U);
    EXPECT_TRUE(eventually([&] { return released == 2; }));
    EXPECT_EQ(ch.recv(), 3);
    EXPECT_EQ(ch.recv(), 4);
    EXPECT_EQ(ch.size(), 0U);
  });
}

// `senders` x `receivers`; each value 0..n-1 of each sender must arrive exactly once.
void many_to_many(std::size_t capacity, int senders, int receivers, int n, bool try_operations) {
  auto ch = gos::make_chan<int>(capacity);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(senders * n));
  gos::wait_group sending, receiving;
  for (int s = 0; s < senders; ++s) {
    sending.go([=] {
      for (int i = 0; i < n; ++i) {
        if (!try_operations || i % 3 != 0) {
          ch.send(s * n + i);
        } else {
          while (!ch.try_send(s * n + i)) gos::yield();
        }
      }
    });
  }
  for (int r = 0; r < receivers; ++r) {
    receiving.go([&, ch] {
      for (;;) {
        auto value = ch.recv();
        if (!value) return;
        ++seen.at(static_cast<std::size_t>(*value));
      }
    });
  }
  sending.wait();
  ch.close();
  receiving.wait();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
}

TEST(CH, CH_06_nothing_is_lost_or_invented) {
  gos::run([] {
    for (std::size_t capacity : {0U, 1U, 10U, 100U}) {
      many_to_many(capacity, 4, 4, rounds(2000), false);
      many_to_many(capacity, 1, 8, rounds(2000), false);
      many_to_many(capacity, 8, 1, rounds(2000), true);
    }
  });
}

TEST(CH, CH_07_len_and_cap) {
  auto ch = gos::make_chan<int>(10);
  EXPECT_EQ(ch.size(), 0U);
  EXPECT_EQ(ch.capacity(), 10U);
  for (int i = 0; i < 3; ++i) ch.send(i);
  EXPECT_EQ(ch.size(), 3U);
  EXPECT_EQ(ch.capacity(), 10U);
  ch.recv();
  EXPECT_EQ(ch.size(), 2U);
  gos::send_chan<int> in = ch;
  gos::recv_chan<int> out = ch;
  EXPECT_EQ(in.size(), 2U);
  EXPECT_EQ(out.capacity(), 10U);
  ch.close();
  EXPECT_EQ(ch.size(), 2U);

  auto unbuffered = gos::make_chan<int>();
  EXPECT_EQ(unbuffered.size(), 0U);
  EXPECT_EQ(unbuffered.capacity(), 0U);
  gos::go([=] { unbuffered.send(1); });
  EXPECT_TRUE(blocked("chan send"));
  EXPECT_EQ(unbuffered.size(), 0U);
  EXPECT_EQ(unbuffered.recv(), 1);

  gos::chan<int> nil;
  EXPECT_EQ(nil.size(), 0U);
  EXPECT_EQ(nil.capacity(), 0U);
  gos::chan<void> signal = gos::make_chan<void>(3);
  signal.send();
  EXPECT_EQ(signal.size(), 1U);
  EXPECT_EQ(signal.capacity(), 3U);
}

TEST(CH, CH_08_an_impossible_capacity_panics) {
  const auto too_many = static_cast<std::size_t>(-1);  // Also what a negative number becomes.
  for (std::size_t capacity : {too_many, too_many / 2, too_many / sizeof(std::string)}) {
    const auto p = panic_of([=] { (void)gos::make_chan<std::string>(capacity); });
    ASSERT_TRUE(p) << capacity;
    EXPECT_EQ(p->message(), "makechan: size out of range");
    EXPECT_TRUE(p->is_runtime_error());
  }
}

TEST(CH, CH_09_elements_of_size_zero) {
  struct nothing {};
  auto ch = gos::make_chan<nothing>(2);
  EXPECT_TRUE(ch.try_send({}));
  EXPECT_TRUE(ch.try_send({}));
  EXPECT_FALSE(ch.try_send({}));
  EXPECT_TRUE(ch.try_recv().has_value());
  EXPECT_TRUE(ch.try_send({}));

  auto signal = gos::make_chan<void>(2);
  EXPECT_TRUE(signal.try_send());
  EXPECT_TRUE(signal.try_send());
  EXPECT_FALSE(signal.try_send());
  EXPECT_TRUE(signal.recv());
  EXPECT_TRUE(signal.try_recv().has_value());
  EXPECT_EQ(signal.try_recv().error(), gos::recv_status::empty);
  signal.close();
  EXPECT_FALSE(signal.recv());
  EXPECT_EQ(signal.try_recv().error(), gos::recv_status::closed);
}

TEST(CH, CH_10_operations_that_do_not_block) {
  gos::run([] {
    auto ch = gos::make_chan<int>();
    EXPECT_FALSE(ch.try_send(1));
    EXPECT_EQ(ch.try_recv().error(), gos::recv_status::empty);

    gos::go([=] { EXPECT_EQ(ch.recv(), 2); });
    ASSERT_TRUE(blocked("chan receive"));
    EXPECT_TRUE(ch.try_send(2));
    EXPECT_FALSE(ch.try_send(3));

    gos::go([=] { ch.send(4); });
    ASSERT_TRUE(blocked("chan send"));
    EXPECT_EQ(ch.try_recv(), 4);
    EXPECT_EQ(ch.try_recv().error(), gos::recv_status::empty);
    ch.close();
    EXPECT_EQ(ch.try_recv().error(), gos::recv_status::closed);

    auto buffered = gos::make_chan<int>(1);
    EXPECT_TRUE(buffered.try_send(5));
    EXPECT_FALSE(buffered.try_send(6));
    gos::recv_chan<int> out = buffered;
    gos::send_chan<int> in = buffered;
    EXPECT_EQ(out.try_recv(), 5);
    EXPECT_EQ(out.try_recv().error(), gos::recv_status::empty);
    EXPECT_TRUE(in.try_send(7));
    in.close();
    EXPECT_EQ(out.try_recv(), 7);
    EXPECT_EQ(out.try_recv().error(), gos::recv_status::closed);
  });
}

TEST(CH, CH_11_a_look_without_waiting_judges_one_instant) {
  gos::run([] {
    for (int i = 0; i < rounds(3000); ++i) {
      // Never empty and open: it holds a value, and is closed before that value leaves.
      auto ch = gos::make_chan<int>(1);
      ch.send(1);
      auto looked = gos::spawn([=] {
        const auto got = ch.try_recv();
        return got || got.error() == gos::recv_status::closed;
      });
      ch.close();
      (void)ch.try_recv();
      ASSERT_TRUE(looked.join());
    }
  });
}

TEST(CH, CH_12_nobody_wakes_for_nothing) {
  gos::run([] {
    auto quiet_in = gos::make_chan<int>(), quiet_out = gos::make_chan<int>();
    std::atomic<int> ended = 0;
    for (int i = 0; i < 3; ++i) {
      gos::go([&] {
        EXPECT_EQ(quiet_in.recv(), 1);
        ++ended;
      });
      gos::go([&] {
        quiet_out.send(2);
        ++ended;
      });
    }
    // Selects queue on the same channels and leave again, timers fire, other waiters come and go.
    auto noise = gos::make_chan<int>();
    gos::wait_group makers;
    for (int i = 0; i < 4; ++i) {
      makers.go([&] {
        for (int k = 0; k < rounds(300); ++k) {
          gos::select(gos::recv(quiet_in), gos::send(quiet_out, 9), gos::recv(noise), gos::send(noise, 1),
                      gos::recv(gos::after(50us)));
        }
      });
    }
    // A select may take part with a partner that waits in the other direction only.
    EXPECT_EQ(ended, 0);
    for (int i = 0; i < rounds(300); ++i) {
      (void)noise.try_send(1);
      gos::yield();
    }
    // The selects above may receive from nobody on quiet_in and send to nobody on quiet_out.
    makers.wait();
    EXPECT_EQ(ended, 0);
    for (int i = 0; i < 3; ++i) {
      quiet_in.send(1);
      EXPECT_EQ(quiet_out.recv(), 2);
    }
    EXPECT_TRUE(eventually([&] { return ended == 6; }));
  });
}

template <class C>
concept can_send = requires(C c) {
  c.send(1);
};
template <class C>
concept can_send_nothing = requires(C c) {
  c.send();
};
template <class C>
concept can_try_send = requires(C c) {
  c.try_send(1);
};
template <class C>
concept can_receive = requires(C c) {
  c.recv();
};
template <class C>
concept can_try_receive = requires(C c) {
  c.try_recv();
};
template <class C>
concept can_range = requires(C c) {
  c.begin();
  c.end();
};
template <class C>
concept can_close = requires(C c) {
  c.close();
};
template <class C>
concept can_select_send = requires(C c) {
  gos::send(c, 1);
};
template <class C>
concept can_select_receive = requires(C c) {
  gos::recv(c);
};
using both = gos::chan<int>;
using in = gos::send_chan<int>;
using out = gos::recv_chan<int>;

TEST(CH, CH_13_directions_are_types) {
  static_assert(std::is_convertible_v<both, in> && std::is_convertible_v<both, out>);
  static_assert(!std::is_constructible_v<both, in> && !std::is_constructible_v<both, out>);
  static_assert(!std::is_constructible_v<out, in> && !std::is_constructible_v<in, out>);
  static_assert(!std::is_assignable_v<both&, in> && !std::is_assignable_v<both&, out>);
  static_assert(!std::is_constructible_v<gos::send_chan<long>, both>);
  static_assert(can_send<both> && can_send<in> && !can_send<out>);
  static_assert(can_try_send<both> && can_try_send<in> && !can_try_send<out>);
  static_assert(can_receive<both> && can_receive<out> && !can_receive<in>);
  static_assert(can_try_receive<both> && can_try_receive<out> && !can_try_receive<in>);
  static_assert(can_range<both> && can_range<out> && !can_range<in>);
  static_assert(can_close<both> && can_close<in> && !can_close<out>);
  static_assert(can_select_send<both> && can_select_send<in> && !can_select_send<out>);
  static_assert(can_select_receive<both> && can_select_receive<out> && !can_select_receive<in>);
  using void_in = gos::send_chan<void>;
  using void_out = gos::recv_chan<void>;
  static_assert(std::is_convertible_v<gos::chan<void>, void_in> &&
                std::is_convertible_v<gos::chan<void>, void_out>);
  static_assert(!std::is_constructible_v<gos::chan<void>, void_in>);
  static_assert(!can_receive<void_in> && !can_close<void_out> && can_close<void_in>);
  static_assert(can_send_nothing<void_in> && !can_send_nothing<void_out>);

  auto ch = gos::make_chan<int>(1);
  in sender = ch;
  out receiver = ch;
  sender.send(4);
  EXPECT_EQ(receiver.recv(), 4);
}

TEST(CH, CH_14_handles_are_references) {
  auto a = gos::make_chan<int>(1);
  auto b = a;
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == gos::make_chan<int>(1));
  EXPECT_TRUE(gos::send_chan<int>(a) == gos::send_chan<int>(b));
  EXPECT_TRUE(gos::recv_chan<int>(a) == gos::recv_chan<int>(b));
  EXPECT_TRUE(gos::chan<int>() == gos::chan<int>(nullptr));
  EXPECT_TRUE(static_cast<bool>(a));
  EXPECT_FALSE(static_cast<bool>(gos::chan<int>()));
  a.send(1);
  EXPECT_EQ(b.recv(), 1);

  // Also inside const objects, and through channels: a request that carries its reply channel.
  const auto constant = a;
  constant.send(2);
  EXPECT_EQ(constant.recv(), 2);
  gos::run([] {
    auto requests = gos::make_chan<gos::chan<int>>();
    gos::go([=] {
      int n = 0;
      for (gos::chan<int> reply : requests) reply.send(n++);
    });
    for (int i = 0; i < 10; ++i) {
      auto reply = gos::make_chan<int>();
      requests.send(reply);
      EXPECT_EQ(reply.recv(), i);
    }
    requests.close();
  });
}

TEST(CH, extra_a_sieve_of_channels) {
  gos::run([] {
    auto numbers = gos::make_chan<int>();
    auto stop = gos::make_chan<void>();
    gos::go([=] {
      for (int n = 2;; ++n) {
        if (gos::select(gos::send(numbers, n), gos::recv(stop)) == 1) return;
      }
    });
    std::vector<int> primes;
    for (int i = 0; i < rounds(200) + 10; ++i) {
      const int prime = numbers.recv().value();
      primes.push_back(prime);
      auto filtered = gos::make_chan<int>();
      gos::go([=] {
        for (;;) {
          int n = 0;
          if (gos::select(gos::recv(numbers, [&](std::optional<int> v) { n = *v; }), gos::recv(stop)) == 1)
            return;
          if (n % prime != 0 && gos::select(gos::send(filtered, n), gos::recv(stop)) == 1) return;
        }
      });
      numbers = filtered;
    }
    EXPECT_EQ(std::vector<int>(primes.begin(), primes.begin() + 10),
              (std::vector<int>{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}));
    stop.close();
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

}  // namespace
