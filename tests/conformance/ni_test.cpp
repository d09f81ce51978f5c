// Contract section 6: nil channels. Goroutines that block forever do so in child processes.
#include "child.hpp"
#include "fixture.hpp"

#include <memory>
#include <span>

using namespace gos_test;

namespace {

// Each mode lets goroutines block, looks at them for a while, and prints in which states they are.
TEST(NI, NI_01_operations_on_nil_block_forever) {
  const struct {
    const char* mode;
    const char* states;
  } cases[] = {{"nil-send", "chan send (nil chan)\n"},
               {"nil-receive", "chan receive (nil chan)\n"},
               {"nil-range", "chan receive (nil chan)\n"},
               {"nil-void", "chan receive (nil chan)\nchan send (nil chan)\n"},
               {"nil-directions", "chan receive (nil chan)\nchan send (nil chan)\n"}};
  for (const auto& c : cases) {
    const auto r = run_child("death_chan", {c.mode});
    EXPECT_EQ(r.status, 0) << c.mode << '\n' << r;
    EXPECT_EQ(r.out, c.states) << c.mode << '\n' << r;
  }
}

TEST(NI, NI_01_a_plain_thread_blocks_as_well) {
  const auto r = run_child("death_chan", {"nil-plain-thread"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "still blocked\n") << r;
}

TEST(NI, NI_01_operations_that_do_not_wait) {
  gos::chan<int> nil;
  EXPECT_FALSE(nil.try_send(1));
  EXPECT_EQ(nil.try_recv().error(), gos::recv_status::empty);
  gos::chan<void> signal;
  EXPECT_FALSE(signal.try_send());
  EXPECT_EQ(signal.try_recv().error(), gos::recv_status::empty);
}

TEST(NI, NI_02_nil_cases_are_never_ready) {
  gos::run([] {
    gos::chan<int> nil;
    auto ready = gos::make_chan<int>();
    ready.close();
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(gos::select(gos::recv(nil), gos::recv(ready), gos::send(nil, 1)), 1U);
    }
    EXPECT_EQ(gos::select(gos::recv(nil), gos::send(nil, 1), gos::otherwise()), 2U);
    auto late = gos::make_chan<int>();
    gos::go([=] {
      EXPECT_TRUE(blocked("select"));
      late.send(1);
    });
    EXPECT_EQ(gos::select(gos::recv(nil), gos::recv(late), gos::recv(nil)), 1U);
    EXPECT_EQ(gos::select(gos::recv(nil), gos::after(1ms, [] {})), 1U);
  });
}

TEST(NI, NI_02_a_select_of_nil_channels_blocks_forever) {
  for (const char* mode : {"nil-select", "nil-select-list"}) {
    const auto r = run_child("death_chan", {mode});
    EXPECT_EQ(r.status, 0) << mode << '\n' << r;
    EXPECT_EQ(r.out, "still blocked\n") << mode << '\n' << r;
  }
}

TEST(NI, NI_03_a_case_is_switched_off_by_nil) {
  gos::run([] {
    auto numbers = gos::make_chan<int>();
    auto letters = gos::make_chan<char>();
    gos::go([=] {
      for (int i = 0; i < 10; ++i) numbers.send(i);
      numbers.close();
    });
    gos::go([=] {
      for (char c = 'a'; c <= 'z'; ++c) letters.send(c);
      letters.close();
    });
    int sum = 0;
    std::string text;
    while (numbers || letters) {
      gos::select(gos::recv(numbers,
                            [&](std::optional<int> n) {
                              if (n) sum += *n;
                              else numbers = nullptr;
                            }),
                  gos::recv(letters, [&](std::optional<char> c) {
                    if (c) text += *c;
                    else letters = nullptr;
                  }));
    }
    EXPECT_EQ(sum, 45);
    EXPECT_EQ(text, "abcdefghijklmnopqrstuvwxyz");
  });
}

TEST(NI, NI_04_moved_from_and_default_handles_are_nil) {
  auto ch = gos::make_chan<std::unique_ptr<int>>(1);
  auto moved = std::move(ch);
  // NOLINTNEXTLINE(bugprone-use-after-move): the promise under test.
  EXPECT_FALSE(static_cast<bool>(ch));
  EXPECT_TRUE(ch == nullptr);
  EXPECT_EQ(ch.size(), 0U);
  EXPECT_EQ(ch.capacity(), 0U);
  EXPECT_FALSE(ch.try_send(std::make_unique<int>(1)));
  EXPECT_EQ(ch.try_recv().error(), gos::recv_status::empty);
  EXPECT_EQ(panic_text([&] { ch.close(); }), "close of nil channel");
  EXPECT_TRUE(moved.try_send(std::make_unique<int>(1)));

  gos::send_chan<int> in;
  gos::recv_chan<int> out(nullptr);
  EXPECT_FALSE(in.try_send(1));
  EXPECT_EQ(out.try_recv().error(), gos::recv_status::empty);
  EXPECT_EQ(gos::select(gos::send(in, 1), gos::recv(out), gos::otherwise()), 2U);
  gos::recv_chan<int> a = gos::make_chan<int>(1);
  gos::recv_chan<int> b = std::move(a);
  EXPECT_FALSE(static_cast<bool>(a));
  EXPECT_TRUE(static_cast<bool>(b));
  b = nullptr;
  EXPECT_FALSE(static_cast<bool>(b));
  gos::chan<void> signal = gos::make_chan<void>();
  gos::chan<void> taken = std::move(signal);
  EXPECT_FALSE(static_cast<bool>(signal));
  EXPECT_FALSE(signal.try_send());
}

}  // namespace
