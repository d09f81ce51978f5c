// Section 11, SM: the weighted semaphore.
#include "fixture.hpp"

namespace gos_test {
namespace {

constexpr auto brief = 2ms;

TEST(SM, SM_01_requests_are_served_in_the_order_of_their_arrival) {
  gos::weighted_semaphore s(4);
  s.acquire(4);
  auto order = gos::make_chan<int>(5);
  for (const int weight : {3, 1, 4, 2, 1}) {
    gos::go([&s, order, weight] {
      s.acquire(weight);
      order.send(weight);
      s.release(weight);
    });
    static int queued = 0;
    ASSERT_TRUE(blocked("semaphore acquire", ++queued % 5 == 0 ? 5 : queued % 5));
  }
  s.release(4);
  std::vector<int> served;
  for (int i = 0; i < 5; ++i) served.push_back(order.recv().value());
  // 3 and 1 fit together, and either may report first; 4 needs all; 2 and 1 fit together again.
  EXPECT_TRUE((served[0] == 3 && served[1] == 1) || (served[0] == 1 && served[1] == 3));
  EXPECT_EQ(served[2], 4);
  s.acquire(4);
  s.release(4);
}

TEST(SM, SM_01_a_large_request_at_the_head_holds_up_smaller_ones) {
  gos::weighted_semaphore s(4);
  s.acquire(2);
  gos::wait_group ended;
  bool large = false;
  ended.go([&] {
    s.acquire(4);
    large = true;
    s.release(4);
  });
  ASSERT_TRUE(blocked("semaphore acquire"));
  EXPECT_FALSE(s.try_acquire(1)) << "somebody waits";
  ended.go([&] {
    s.acquire(1);
    EXPECT_TRUE(large) << "the large request came first";
    s.release(1);
  });
  ASSERT_TRUE(blocked("semaphore acquire", 2));
  s.release(2);
  ended.wait();
  EXPECT_TRUE(s.try_acquire(4));
}

TEST(SM, SM_02_a_context_that_is_over_takes_nothing) {
  gos::weighted_semaphore s(1);
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  EXPECT_FALSE(s.acquire(ctx)) << "an error before the context is over";
  s.release();
  cancel();
  EXPECT_EQ(s.acquire(ctx), gos::make_error_code(gos::context_errc::canceled));
  EXPECT_TRUE(s.try_acquire(1)) << "nothing was taken";
}

TEST(SM, SM_02_cancelled_while_waiting_it_returns_the_error_and_wakes_those_behind_that_fit) {
  gos::weighted_semaphore s(2);
  s.acquire(1);
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  gos::wait_group ended;
  ended.go([&, c = ctx] { EXPECT_EQ(s.acquire(c, 2), gos::make_error_code(gos::context_errc::canceled)); });
  ASSERT_TRUE(blocked("semaphore acquire"));
  ended.go([&] {
    s.acquire(1);  // fits, but for the one before it
    s.release(1);
  });
  ASSERT_TRUE(blocked("semaphore acquire", 2));
  cancel();
  ended.wait();
  s.release(1);
  EXPECT_TRUE(s.try_acquire(2));
}

TEST(SM, SM_02_a_grant_that_meets_the_cancellation_is_not_lost) {
  gos::weighted_semaphore s(1);
  for (int i = 0; i < rounds(2000); ++i) {
    s.acquire();
    auto made = gos::with_cancel(gos::background());
    gos::wait_group ended;
    ended.go([&] {
      if (!s.acquire(made.ctx)) s.release();
    });
    ended.go([&] { made.cancel(); });
    if (i % 2 == 0) gos::yield();
    s.release();
    ended.wait();
    ASSERT_TRUE(s.try_acquire()) << "round " << i;
    s.release();
  }
}

TEST(SM, SM_03_more_than_the_whole_does_not_queue) {
  gos::weighted_semaphore s(2);
  auto [ctx, cancel] = gos::with_cancel(gos::background());
  gos::wait_group ended;
  ended.go([&, c = ctx] { EXPECT_EQ(s.acquire(c, 3), gos::make_error_code(gos::context_errc::canceled)); });
  ASSERT_TRUE(blocked("semaphore acquire"));
  EXPECT_TRUE(s.try_acquire(2)) << "it holds nobody up";
  s.release(2);
  cancel();
  ended.wait();
  EXPECT_FALSE(s.try_acquire(3));
  EXPECT_FALSE(s.try_acquire_for(brief, 3));
}

TEST(SM, SM_03_releasing_more_than_held_panics) {
  gos::weighted_semaphore s(2);
  EXPECT_EQ(panic_text([&] { s.release(1); }), "semaphore: released more than held");
  s.acquire(1);
  EXPECT_EQ(panic_text([&] { s.release(2); }), "semaphore: released more than held");
  s.release(1);
  EXPECT_TRUE(s.try_acquire(2));
}

TEST(SM, extra_negative_numbers_panic) {
  EXPECT_EQ(panic_text([] { gos::weighted_semaphore s(-1); }), "semaphore: negative size -1");
  gos::weighted_semaphore s(2);
  EXPECT_EQ(panic_text([&] { s.acquire(-2); }), "semaphore: negative weight -2");
  EXPECT_EQ(panic_text([&] { (void)s.try_acquire(-3); }), "semaphore: negative weight -3");
  EXPECT_EQ(panic_text([&] { s.release(-4); }), "semaphore: negative weight -4");
  s.acquire(0);
  s.release(0);
  EXPECT_TRUE(s.try_acquire(2));
}

}  // namespace
}  // namespace gos_test
