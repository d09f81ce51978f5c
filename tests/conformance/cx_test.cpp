// Contract section 10, CX-01, CX-06, CX-07 and CX-10 to CX-17: deadlines, causes, values, calls after the end. The
// cancelling of trees is in cx_cancel_test.cpp, the contexts of a user's own are in cx_own_test.cpp.
#include "cx.hpp"

#include <memory>

using namespace gos_test;
using std::errc;

namespace {

TEST(CX, CX_01_the_roots) {
  for (const gos::context& ctx : {gos::background(), gos::todo()}) {
    EXPECT_EQ(ctx.done(), nullptr);
    expect_live(ctx);
    EXPECT_FALSE(ctx.deadline());
    EXPECT_FALSE(ctx.value<int>("key"));
  }
  EXPECT_EQ(gos::background(), gos::background());
  EXPECT_NE(gos::background(), gos::todo());
}

TEST(CX, CX_06_deadlines) {
  gos::run([] {
    const auto start = gos::now();
    auto [ctx, cancel] = gos::with_timeout(gos::background(), 20ms);
    ASSERT_TRUE(ctx.deadline());
    EXPECT_GE(*ctx.deadline(), start + 20ms);
    auto [below, cancel_below] = gos::with_cancel(ctx);
    EXPECT_EQ(below.deadline(), ctx.deadline());
    EXPECT_FALSE(below.done().recv());
    EXPECT_GE(gos::now() - start, 20ms);
    for (const auto& c : {ctx, below}) expect_over(c, deadline_exceeded, deadline_exceeded);
    EXPECT_EQ(ctx.err().message(), "context deadline exceeded");
    EXPECT_EQ(ctx.err(), errc::timed_out);
    EXPECT_NE(ctx.err(), errc::operation_canceled);
    cancel();
    expect_over(ctx, deadline_exceeded, deadline_exceeded);
    auto later = gos::with_timeout(gos::background(), 1h);
    expect_live(gos::with_cancel(later.ctx).ctx);
    for (const auto when : {gos::now() - 1s, gos::time_point{}, gos::time_point::min()}) {
      expect_over(gos::with_deadline(gos::background(), when).ctx, deadline_exceeded, deadline_exceeded);
    }
    expect_over(gos::with_timeout(gos::background(), 0ns).ctx, deadline_exceeded, deadline_exceeded);
    expect_over(gos::with_timeout(gos::background(), -1h).ctx, deadline_exceeded, deadline_exceeded);
  });
}

TEST(CX, CX_06_far_deadlines) {
  auto never = gos::with_deadline(gos::background(), gos::time_point::max());
  expect_live(never.ctx);
  EXPECT_FALSE(never.ctx.deadline());
  auto far = gos::with_timeout(gos::background(), std::chrono::hours::max());
  expect_live(far.ctx);
  far.cancel();
  expect_over(far.ctx, canceled, canceled);
}

TEST(CX, CX_07_the_earlier_deadline_holds) {
  gos::run([] {
    auto parent = gos::with_timeout(gos::background(), 10ms);
    auto child = gos::with_timeout(parent.ctx, 1h, cause_one);
    EXPECT_EQ(child.ctx.deadline(), parent.ctx.deadline());
    child.ctx.done().recv();
    expect_over(child.ctx, deadline_exceeded, deadline_exceeded);
    auto sooner = gos::with_timeout(gos::with_timeout(gos::background(), 1h).ctx, 5ms, cause_two);
    sooner.ctx.done().recv();
    expect_over(sooner.ctx, deadline_exceeded, cause_two);
  });
}

TEST(CX, CX_10_causes) {
  gos::run([] {
    auto timed = gos::with_timeout(gos::background(), 1h, cause_one);
    expect_live(timed.ctx);
    timed.cancel();
    expect_over(timed.ctx, canceled, canceled);
    auto ran_out = gos::with_deadline(gos::background(), gos::now() - 1ms, cause_one);
    expect_over(ran_out.ctx, deadline_exceeded, cause_one);
    auto by_code = gos::with_cancel(gos::background());
    by_code.cancel({});
    expect_over(by_code.ctx, canceled, canceled);
    EXPECT_EQ(cause(gos::with_value(ran_out.ctx, 1, 2)), cause_one);
    EXPECT_FALSE(cause(gos::background()));
  });
}

TEST(CX, CX_11_without_cancel) {
  auto parent = gos::with_timeout(gos::with_value(gos::background(), 1, std::string("kept")), 1h);
  const gos::context apart = gos::without_cancel(parent.ctx);
  auto below = gos::with_cancel(apart);
  parent.cancel(cause_one);
  EXPECT_EQ(apart.done(), nullptr);
  expect_live(apart);
  EXPECT_FALSE(apart.deadline());
  EXPECT_EQ(apart.value<std::string>(1), "kept");
  expect_live(below.ctx);
  expect_live(gos::without_cancel(below.ctx));
}

TEST(CX, CX_12_after_func) {
  gos::run([] {
    auto [ctx, cancel] = gos::with_cancel(gos::background());
    auto called = gos::make_chan<int>(10);
    auto gate = gos::make_chan<void>();
    for (int i = 0; i < 3; ++i) {
      gos::after_func(ctx, [=] {
        gate.recv();  // cancel waits for nobody
        called.send(i);
      });
    }
    auto stop_one = gos::after_func(gos::with_value(ctx, 1, 1),
                                    [=, owned = std::make_unique<int>(3)] { called.send(*owned); });
    gos::yield();
    EXPECT_EQ(called.size(), 0U);
    cancel();
    EXPECT_FALSE(stop_one());
    EXPECT_EQ(called.recv(), 3);
    gate.close();
    EXPECT_EQ(called.recv().value() + called.recv().value() + called.recv().value(), 3);
    gos::after_func(ctx, [=, me = goroutine_id()] { called.send(goroutine_id() != me ? 9 : 0); });  // at once
    EXPECT_EQ(called.recv(), 9);
  });
}

TEST(CX, CX_12_after_func_outlives_its_handles) {
  gos::run([] {
    auto called = gos::make_chan<void>();
    auto top = gos::with_cancel(gos::background());
    {
      auto below = gos::with_cancel(gos::with_value(top.ctx, 1, 1));
      gos::after_func(below.ctx, [=] { called.send(); });
    }
    auto done = gos::with_cancel(gos::with_cancel(top.ctx).ctx).ctx.done();
    top.cancel();
    called.recv();
    EXPECT_FALSE(done.recv());
    auto timed = gos::with_timeout(gos::background(), 5ms).ctx.done();
    EXPECT_FALSE(timed.recv());
  });
}

TEST(CX, CX_12_what_nobody_can_cancel_is_freed) {
  counted::reset();
  gos::recv_chan<void> done;
  {
    auto top = gos::with_cancel(gos::background());
    auto below = gos::with_cancel(top.ctx);
    gos::after_func(below.ctx, [c = counted(1)] {});
    gos::after_func(top.ctx, [c = counted(1)] {});
    gos::after_func(gos::background(), [c = counted(1)] {});
    done = gos::with_value(gos::with_cancel(below.ctx).ctx, 1, counted(2)).done();
  }
  EXPECT_EQ(counted::alive, 0);
  EXPECT_FALSE(closed(gos::with_cancel(gos::background()).ctx));
  EXPECT_EQ(done.try_recv().error(), gos::recv_status::empty);
}

TEST(CX, CX_13_stop_prevents_the_call) {
  gos::run([] {
    auto [ctx, cancel] = gos::with_cancel(gos::background());
    std::atomic<int> calls = 0;
    auto stop = gos::after_func(ctx, [&] { ++calls; });
    auto copy = stop;
    EXPECT_TRUE(stop());
    EXPECT_FALSE(stop());
    EXPECT_FALSE(copy());
    cancel();
    EXPECT_FALSE(stop());
    auto stop_background = gos::after_func(gos::background(), [&] { ++calls; });
    EXPECT_TRUE(stop_background());
    EXPECT_FALSE(stop_background());
    // Racing with cancel: called, or stopped.
    for (int i = 0; i < rounds(200); ++i) {
      auto racing = gos::with_cancel(gos::background());
      auto called = gos::make_chan<void>(1);
      auto stop_racing = gos::after_func(racing.ctx, [=] { called.send(); });
      gos::go([=] { racing.cancel(); });
      if (i % 2 == 0) gos::yield();
      if (!stop_racing()) called.recv();
      else EXPECT_EQ(called.size(), 0U);
    }
    EXPECT_EQ(calls, 0);
  });
}

struct user_key {
  int n;
  friend bool operator==(const user_key&, const user_key&) = default;
};
enum class other_key { one = 1 };

TEST(CX, CX_14_values) {
  auto a = gos::with_value(gos::background(), user_key{1}, std::string("one"));
  auto b = gos::with_cancel(gos::with_value(a, user_key{2}, 2)).ctx;
  auto c = gos::with_value(b, 1, 1.5);
  auto d = gos::with_value(c, other_key::one, "enum");
  EXPECT_EQ(d.value<std::string>(user_key{1}), "one");
  EXPECT_EQ(d.value<int>(user_key{2}), 2);
  EXPECT_EQ(d.value<double>(1), 1.5);
  EXPECT_FALSE(d.value<double>(1L));  // another type of key
  EXPECT_STREQ(d.value<const char*>(other_key::one).value_or(""), "enum");
  EXPECT_EQ(d.value<std::string>(other_key::one), "enum");
  EXPECT_FALSE(d.value<int>(user_key{1}));
  EXPECT_FALSE(d.value<int>(user_key{3}));
  EXPECT_FALSE(a.value<int>(user_key{2}));
  auto hidden = gos::with_value(d, user_key{1}, nullptr);
  EXPECT_FALSE(hidden.value<std::string>(user_key{1}));
  EXPECT_TRUE(hidden.value<std::nullptr_t>(user_key{1}));
  EXPECT_EQ(gos::with_value(hidden, user_key{1}, std::string("new")).value<std::string>(user_key{1}), "new");
  auto text = gos::with_value(d, "user", 7);
  EXPECT_EQ(text.value<int>("user"), 7);
  EXPECT_EQ(text.value<int>(std::string("us") + "er"), 7);
  EXPECT_EQ(text.value<int>(std::string_view("user")), 7);
  const char* pointer = "user";
  EXPECT_EQ(text.value<int>(pointer), 7);
  EXPECT_FALSE(text.value<int>("users"));
}

struct not_comparable {};
template <class K>
concept usable_key = requires(gos::context c, K k) {
  gos::with_value(c, k, 1);
};

TEST(CX, CX_15_misuse) {
  const gos::context nil;
  const std::string text = "cannot create context from nil parent";
  EXPECT_EQ(panic_text([&] { gos::with_cancel(nil); }), text);
  EXPECT_EQ(panic_text([&] { gos::with_timeout(nil, 1s); }), text);
  EXPECT_EQ(panic_text([&] { gos::with_deadline(nil, gos::now()); }), text);
  EXPECT_EQ(panic_text([&] { gos::with_value(nil, 1, 1); }), text);
  EXPECT_EQ(panic_text([&] { gos::without_cancel(nil); }), text);
  EXPECT_EQ(panic_text([&] { gos::with_value(gos::background(), nullptr, 1); }), "nil key");
  const char* none = nullptr;
  EXPECT_EQ(panic_text([&] { gos::with_value(gos::background(), none, 1); }), "nil key");
  EXPECT_NE(panic_text([&] { nil.done(); }), "(no panic)");
  EXPECT_NE(panic_text([&] { nil.err(); }), "(no panic)");
  EXPECT_NE(panic_text([&] { nil.value<int>(1); }), "(no panic)");
  EXPECT_NE(panic_text([] { gos::cancel_function()(); }), "(no panic)");
  static_assert(usable_key<int> && !usable_key<not_comparable>);
}

TEST(CX, CX_17_handles_outlive_scopes) {
  gos::run([] {
    gos::context inner;
    gos::cancel_function cancel;
    {
      auto outer = gos::with_cancel(gos::with_value(gos::background(), 1, std::string("still here")));
      auto made = gos::with_cancel(outer.ctx);
      inner = made.ctx;
      cancel = outer.cancel;
    }
    EXPECT_EQ(inner.value<std::string>(1), "still here");
    expect_live(inner);
    cancel();
    expect_over(inner, canceled, canceled);
    auto guarded = gos::with_cancel(gos::background());
    {
      gos::cancel_guard guard(guarded.cancel);
      expect_live(guarded.ctx);
    }
    expect_over(guarded.ctx, canceled, canceled);
    // Dropping a cancel function cancels nothing.
    const gos::context kept = gos::with_cancel(gos::background()).ctx;
    expect_live(kept);
  });
}

}  // namespace
