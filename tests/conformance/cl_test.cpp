// Contract section 5: range and close.
//
// CL-08, the order in which the goroutines released by one close run again, is not a promise: there is no test for it.
#include "child.hpp"
#include "fixture.hpp"

#include <memory>

using namespace gos_test;

namespace {

TEST(CL, CL_01_what_was_sent_is_received_after_the_close) {
  auto ch = gos::make_chan<int>(5);
  for (int i = 0; i < 5; ++i) ch.send(i);
  ch.close();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ch.recv(), i);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ch.recv(), std::nullopt);
    EXPECT_EQ(ch.try_recv().error(), gos::recv_status::closed);
  }
  auto unbuffered = gos::make_chan<int>();
  unbuffered.close();
  EXPECT_EQ(unbuffered.recv(), std::nullopt);
  auto signal = gos::make_chan<void>(2);
  signal.send();
  signal.close();
  EXPECT_TRUE(signal.recv());
  EXPECT_FALSE(signal.recv());
}

TEST(CL, CL_02_blocked_receivers_are_released) {
  gos::run([] {
    for (std::size_t capacity : {0U, 3U}) {
      auto ch = gos::make_chan<int>(capacity);
      auto signal = gos::make_chan<void>(capacity);
      gos::wait_group receivers;
      for (int i = 0; i < 20; ++i) {
        receivers.go([=] { EXPECT_EQ(ch.recv(), std::nullopt); });
        receivers.go([=] { EXPECT_FALSE(signal.recv()); });
      }
      ASSERT_TRUE(blocked("chan receive", 40));
      ch.close();
      signal.close();
      receivers.wait();
    }
  });
}

TEST(CL, CL_03_blocked_senders_panic) {
  gos::run([] {
    for (std::size_t capacity : {0U, 2U}) {
      auto ch = gos::make_chan<int>(capacity);
      for (std::size_t i = 0; i < capacity; ++i) ch.send(100);
      std::atomic<int> panics = 0;
      gos::wait_group senders;
      for (int i = 0; i < 10; ++i) {
        senders.go([&, i] { panics += panic_text([&] { ch.send(i); }) == "send on closed channel"; });
      }
      ASSERT_TRUE(blocked("chan send", 10));
      ch.close();
      senders.wait();
      EXPECT_EQ(panics, 10);
      // Their values are not delivered; what was in the buffer is.
      for (std::size_t i = 0; i < capacity; ++i) EXPECT_EQ(ch.recv(), 100);
      EXPECT_EQ(ch.recv(), std::nullopt);
    }
  });
}

TEST(CL, CL_04_a_send_on_a_closed_channel_panics) {
  for (std::size_t capacity : {0U, 5U}) {
    auto ch = gos::make_chan<int>(capacity);
    ch.close();
    EXPECT_EQ(panic_text([&] { ch.send(1); }), "send on closed channel");
    EXPECT_EQ(panic_text([&] { ch.try_send(1); }), "send on closed channel");
    EXPECT_EQ(panic_text([&] { gos::select(gos::send(ch, 1), gos::otherwise()); }), "send on closed channel");
    EXPECT_EQ(panic_text([&] { gos::send_chan<int>(ch).send(1); }), "send on closed channel");
    EXPECT_EQ(ch.size(), 0U);
  }
  auto signal = gos::make_chan<void>(1);
  signal.close();
  EXPECT_EQ(panic_text([&] { signal.send(); }), "send on closed channel");
  EXPECT_EQ(panic_text([&] { signal.try_send(); }), "send on closed channel");
}

TEST(CL, CL_05_closing_twice_or_nothing_panics) {
  auto ch = gos::make_chan<int>(1);
  ch.close();
  EXPECT_EQ(panic_text([&] { ch.close(); }), "close of closed channel");
  EXPECT_EQ(panic_text([&] { gos::send_chan<int>(ch).close(); }), "close of closed channel");
  EXPECT_EQ(panic_text([] { gos::chan<int>().close(); }), "close of nil channel");
  EXPECT_EQ(panic_text([] { gos::send_chan<std::string>().close(); }), "close of nil channel");
  EXPECT_EQ(panic_text([] { gos::chan<void>().close(); }), "close of nil channel");
}

TEST(CL, CL_05_of_many_closers_one_succeeds) {
  gos::run([] {
    for (int round = 0; round < rounds(200); ++round) {
      auto ch = gos::make_chan<int>();
      std::atomic<int> closed = 0, panics = 0;
      gos::wait_group group;
      for (int i = 0; i < 4; ++i) {
        group.go([&] {
          const auto text = panic_text([&] { ch.close(); });
          ++(text == "close of closed channel" ? panics : closed);
        });
      }
      group.wait();
      EXPECT_EQ(closed, 1);
      EXPECT_EQ(panics, 3);
    }
  });
}

TEST(CL, CL_06_the_panics_are_runtime_errors) {
  auto closed = gos::make_chan<int>();
  closed.close();
  const std::function<void()> misuses[] = {[&] { closed.send(1); }, [&] { closed.close(); },
                                           [] { gos::chan<int>().close(); },
                                           [] { (void)gos::make_chan<long>(static_cast<std::size_t>(-1)); }};
  for (const auto& misuse : misuses) {
    const auto p = panic_of(misuse);
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->is_runtime_error()) << p->message();
    EXPECT_EQ(p->message().find("runtime error"), std::string::npos) << p->message();
  }
  const auto own = panic_of([] { gos::panic("send on closed channel"); });
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->is_runtime_error());
}

TEST(CL, CL_06_printed_as_they_are) {
  const auto r = run_child("death_chan", {"close-nil"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_EQ(r.err.substr(0, r.err.find('\n')), "panic: close of nil channel") << r;
}

TEST(CL, CL_07_range_ends_when_closed_and_drained) {
  gos::run([] {
    auto ch = gos::make_chan<int>(3);
    gos::go([=] {
      for (int i = 0; i < 10; ++i) ch.send(i);
      ch.close();
    });
    int expected = 0;
    for (int n : ch) EXPECT_EQ(n, expected++);
    EXPECT_EQ(expected, 10);
    for (int n : gos::recv_chan<int>(ch)) FAIL() << n;
  });
}

TEST(CL, CL_07_many_workers_range_over_one_channel) {
  gos::run([] {
    for (std::size_t capacity : {0U, 10U}) {
      auto ch = gos::make_chan<int>(capacity);
      const int n = rounds(10'000);
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
      gos::wait_group workers;
      for (int w = 0; w < 23; ++w) {
        workers.go([&, ch] {
          for (int v : ch) {
            ++seen.at(static_cast<std::size_t>(v));
            if (v % 7 == 0) gos::yield();
          }
        });
      }
      for (int i = 0; i < n; ++i) ch.send(i);
      ch.close();
      workers.wait();
      for (const auto& count : seen) ASSERT_EQ(count, 1);
    }
  });
}

struct no_default {
  int value;
  explicit no_default(int v) : value(v) {}
};

// The only form of receiving returns an optional, or an expected: nothing asks for a zero value.
TEST(CL, CL_09_elements_without_default_constructor) {
  static_assert(!std::is_default_constructible_v<no_default>);
  static_assert(
      std::is_same_v<decltype(std::declval<gos::chan<no_default>>().recv()), std::optional<no_default>>);
  auto ch = gos::make_chan<no_default>(2);
  ch.send(no_default(1));
  ch.send(no_default(2));
  ch.close();
  EXPECT_EQ(ch.recv()->value, 1);
  gos::select(gos::recv(ch, [](std::optional<no_default> v) { EXPECT_EQ(v->value, 2); }));
  EXPECT_FALSE(ch.recv());
}

TEST(CL, CL_10_range_gives_a_fresh_object_each_time) {
  auto ch = gos::make_chan<std::unique_ptr<int>>(5);
  for (int i = 0; i < 5; ++i) ch.send(std::make_unique<int>(i));
  std::vector<std::unique_ptr<int>> kept;
  for (std::unique_ptr<int> p : ch) {
    kept.push_back(std::move(p));
    if (kept.size() == 3) break;
  }
  // What was not looked at is still there.
  EXPECT_EQ(ch.size(), 2U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*kept[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(*ch.recv().value(), 3);
  ch.close();
  int rest = 0;
  for (auto p : ch) rest += *p;
  EXPECT_EQ(rest, 4);
}

TEST(CL, CL_10_a_loop_left_by_an_exception_loses_nothing_else) {
  auto ch = gos::make_chan<int>(3);
  for (int i = 0; i < 3; ++i) ch.send(i);
  EXPECT_THROW(
      {
        for (int n : ch) {
          if (n == 1) throw n;
        }
      },
      int);
  EXPECT_EQ(ch.size(), 1U);
  EXPECT_EQ(ch.recv(), 2);
}

TEST(CL, extra_closing_races_with_everything) {
  gos::run([] {
    for (int round = 0; round < rounds(200); ++round) {
      auto ch = gos::make_chan<int>(static_cast<std::size_t>(round % 3));
      std::atomic<int> sent = 0, received = 0;
      gos::wait_group group;
      for (int i = 0; i < 3; ++i) {
        group.go([&] {
          const auto text = panic_text([&] {
            for (;;) {
              ch.send(1);
              ++sent;
            }
          });
          EXPECT_EQ(text, "send on closed channel");
        });
        group.go([&] {
          for (int n : ch) received += n;
        });
      }
      // With one processor a yield beside busy goroutines lasts a time slice.
      for (int i = 0; i < round % 4; ++i) gos::yield();
      ch.close();
      group.wait();
      EXPECT_EQ(sent, received);
    }
  });
}

}  // namespace
