// Contract section 3, CH-15 to CH-17: what a channel does with the values: copied or moved when the send happens, destroyed
// once, and never half-transferred.
#include "fixture.hpp"

#include <array>
#include <functional>
#include <memory>
#include <stdexcept>

using namespace gos_test;

namespace {

TEST(CH, CH_15_send_copies_an_lvalue_and_moves_an_rvalue) {
  counted::reset();
  {
    auto ch = gos::make_chan<counted>(2);
    counted c(5);
    ch.send(c);
    EXPECT_EQ(counted::copies, 1);
    EXPECT_EQ(c.value, 5);
    ch.send(std::move(c));
    EXPECT_EQ(counted::copies, 1);
    EXPECT_EQ(c.value, -1);
    EXPECT_EQ(ch.recv()->value, 5);
    EXPECT_EQ(ch.recv()->value, 5);
    EXPECT_EQ(counted::copies, 1);
  }
  EXPECT_EQ(counted::alive, 0);
}

template <class C>
concept sends_copies = requires(C c, const typename C::value_type& v) {
  c.send(v);
}
|| requires(C c, const typename C::value_type& v) { c.try_send(v); };

TEST(CH, CH_15_move_only_values_for_every_way_to_send) {
  gos::run([] {
    using pointer = std::unique_ptr<int>;
    static_assert(!sends_copies<gos::chan<pointer>> && !sends_copies<gos::send_chan<pointer>>);
    static_assert(sends_copies<gos::chan<std::string>>);
    auto ch = gos::make_chan<pointer>();
    gos::go([=] {
      ch.send(std::make_unique<int>(1));
      while (!ch.try_send(std::make_unique<int>(2))) gos::yield();
      gos::select(gos::send(ch, std::make_unique<int>(3)));
      ch.close();
    });
    int sum = 0;
    for (pointer p : ch) sum = 10 * sum + *p;
    EXPECT_EQ(sum, 123);
  });
}

TEST(CH, CH_15_a_send_that_would_block_leaves_the_value) {
  auto ch = gos::make_chan<std::unique_ptr<int>>();
  auto p = std::make_unique<int>(7);
  EXPECT_FALSE(ch.try_send(std::move(p)));
  ASSERT_NE(p, nullptr);
  gos::select(gos::send(ch, std::move(p)), gos::otherwise());
  ASSERT_NE(p, nullptr);
  gos::select(gos::send(gos::chan<std::unique_ptr<int>>(), std::move(p)), gos::otherwise());
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(*p, 7);
}

TEST(CH, CH_15_a_send_that_is_not_chosen_leaves_the_value) {
  gos::run([] {
    auto never = gos::make_chan<std::unique_ptr<int>>(), ready = gos::make_chan<std::unique_ptr<int>>();
    // Chosen at once, and chosen after having blocked.
    for (bool at_once : {true, false}) {
      auto other = gos::make_chan<void>(1);
      if (at_once) other.send();
      auto p = std::make_unique<int>(7);
      if (!at_once) {
        gos::go([=] {
          EXPECT_TRUE(blocked("select"));
          other.send();
        });
      }
      EXPECT_EQ(gos::select(gos::send(never, std::move(p)), gos::recv(other)), 1U);
      ASSERT_NE(p, nullptr);
    }
    // Of two sends the winner's is gone and the loser's is there.
    auto a = std::make_unique<int>(1), b = std::make_unique<int>(2);
    gos::go([=] { EXPECT_EQ(*ready.recv().value(), 2); });
    EXPECT_EQ(gos::select(gos::send(never, std::move(a)), gos::send(ready, std::move(b))), 1U);
    EXPECT_NE(a, nullptr);
    EXPECT_EQ(b, nullptr);
  });
}

TEST(CH, CH_15_a_send_on_a_closed_channel_leaves_the_value) {
  gos::run([] {
    auto closed = gos::make_chan<std::unique_ptr<int>>(1);
    closed.close();
    auto p = std::make_unique<int>(7);
    EXPECT_EQ(panic_text([&] { closed.send(std::move(p)); }), "send on closed channel");
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(panic_text([&] { closed.try_send(std::move(p)); }), "send on closed channel");
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(panic_text([&] { gos::select(gos::send(closed, std::move(p))); }), "send on closed channel");
    ASSERT_NE(p, nullptr);
    // And one that blocks until the close.
    auto ch = gos::make_chan<std::unique_ptr<int>>();
    gos::go([=] {
      EXPECT_TRUE(blocked("chan send"));
      ch.close();
    });
    EXPECT_EQ(panic_text([&] { ch.send(std::move(p)); }), "send on closed channel");
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(*p, 7);
  });
}

TEST(CH, CH_15_a_losing_lvalue_is_not_copied) {
  counted::reset();
  {
    counted c(1);
    auto ch = gos::make_chan<counted>();
    EXPECT_FALSE(ch.try_send(c));
    gos::select(gos::send(ch, c), gos::otherwise());
    EXPECT_EQ(counted::copies, 0);
    EXPECT_EQ(counted::moves, 0);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(CH, CH_16_a_slot_is_emptied_by_the_receive) {
  auto ch = gos::make_chan<std::shared_ptr<int>>(4);
  auto p = std::make_shared<int>(1);
  ch.send(p);
  ch.send(p);
  EXPECT_EQ(p.use_count(), 3);
  ch.recv();
  EXPECT_EQ(p.use_count(), 2);
  EXPECT_TRUE(ch.try_recv().has_value());
  EXPECT_EQ(p.use_count(), 1);
  gos::select(gos::send(ch, p));
  gos::select(gos::recv(ch));
  EXPECT_EQ(p.use_count(), 1);
}

TEST(CH, CH_16_values_never_received_die_once_with_the_last_handle) {
  counted::reset();
  for (bool closed : {false, true}) {
    auto ch = gos::make_chan<counted>(8);
    // The ring has been round, so that the values lie across its end.
    for (int i = 0; i < 5; ++i) {
      ch.send(counted(i));
      ch.recv();
    }
    for (int i = 0; i < 6; ++i) ch.send(counted(i));
    EXPECT_EQ(counted::alive, 6);
    if (closed) ch.close();
    gos::recv_chan<counted> last = ch;
    ch = nullptr;
    EXPECT_EQ(counted::alive, 6);
    last = nullptr;
    EXPECT_EQ(counted::alive, 0);
  }
}

TEST(CH, CH_16_nothing_leaks_on_any_path) {
  counted::reset();
  gos::run([] {
    auto ch = gos::make_chan<counted>(2);
    auto unbuffered = gos::make_chan<counted>();
    gos::wait_group group;
    for (int g = 0; g < 4; ++g) {
      group.go([=] {
        for (int i = 0; i < rounds(500); ++i) {
          gos::select(gos::send(ch, counted(i)), gos::send(unbuffered, counted(i)));
        }
      });
      group.go([=] {
        for (int i = 0; i < rounds(500); ++i) gos::select(gos::recv(ch), gos::recv(unbuffered));
      });
    }
    group.wait();
    EXPECT_EQ(ch.size(), 0U);
    EXPECT_EQ(counted::alive, 0);
    // Senders whom a close finds waiting destroy their own values.
    for (int g = 0; g < 4; ++g) {
      gos::go([=] { EXPECT_EQ(panic_text([&] { unbuffered.send(counted(g)); }), "send on closed channel"); });
    }
    EXPECT_TRUE(blocked("chan send", 4));
    unbuffered.close();
  });
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

struct refuses {
  int value = 0;
  bool refuse = false;
  refuses(int v, bool r) : value(v), refuse(r) {}
  refuses(const refuses& other) : value(other.value), refuse(other.refuse) {
    if (refuse) throw std::runtime_error("no copies");
  }
  refuses(refuses&&) noexcept = default;
  refuses& operator=(refuses&&) noexcept = default;
  refuses& operator=(const refuses&) = delete;
};

// Moves must not throw, so only the copy that a send makes of an lvalue can.
TEST(CH, CH_17_a_copy_that_throws_does_so_in_the_sender) {
  gos::run([] {
    for (std::size_t capacity : {0U, 2U}) {
      auto ch = gos::make_chan<refuses>(capacity);
      const refuses bad(1, true), good(2, false);
      auto receiver = gos::spawn([=] { return ch.recv().value().value; });
      if (capacity == 0) { ASSERT_TRUE(blocked("chan receive")); }
      EXPECT_THROW(ch.send(bad), std::runtime_error);
      EXPECT_EQ(ch.size(), 0U);
      // The receiver still waits, and gets the next whole value.
      ch.send(good);
      EXPECT_EQ(receiver.join(), 2);

      auto other = gos::spawn([=] { return ch.recv().value().value; });
      ASSERT_TRUE(blocked("chan receive"));
      EXPECT_THROW(gos::select(gos::send(ch, bad)), std::runtime_error);
      EXPECT_THROW((void)ch.try_send(bad), std::runtime_error);
      ch.send(good);
      EXPECT_EQ(other.join(), 2);
      EXPECT_EQ(ch.size(), 0U);
    }
    auto full = gos::make_chan<refuses>(1);
    full.send(refuses(1, false));
    const refuses bad(1, true);
    // Not copied when it is not sent.
    EXPECT_FALSE(full.try_send(bad));
    EXPECT_EQ(full.size(), 1U);
  });
}

TEST(CH, extra_elements_of_many_kinds) {
  gos::run([] {
    struct alignas(64) aligned {
      double value = 0;
    };
    auto aligned_ch = gos::make_chan<aligned>(3);
    for (int round = 0; round < 10; ++round) {
      aligned_ch.send({1.5});
      auto got = aligned_ch.recv();
      EXPECT_EQ(got->value, 1.5);
    }
    struct big {
      std::array<char, 10'000> bytes;
    };
    auto big_ch = gos::make_chan<big>();
    gos::go([=] {
      big b{};
      b.bytes.fill('x');
      big_ch.send(b);
    });
    EXPECT_EQ(big_ch.recv()->bytes.back(), 'x');
    auto text = gos::make_chan<std::string>(1);
    text.send("text");  // Whatever makes a string.
    EXPECT_EQ(text.recv(), "text");
    auto functions = gos::make_chan<std::function<int(int)>>(1);
    functions.send([](int n) { return 2 * n; });
    EXPECT_EQ((*functions.recv())(21), 42);
    auto truth = gos::make_chan<bool>(1);
    truth.send(true);
    EXPECT_TRUE(truth.recv().value());
  });
}

}  // namespace
