// Contract section 10, CX-02 to CX-05, CX-08 and CX-09: cancelling trees of contexts.
#include "cx.hpp"

#include <thread>

using namespace gos_test;
using std::errc;

namespace {

TEST(CX, CX_02_cancel_closes_done_of_all_below) {
  gos::run([] {
    auto [top, cancel] = gos::with_cancel(gos::background());
    std::vector<gos::context> all{top};
    for (std::size_t i = 0; i < 200; ++i) {
      const gos::context& parent = all[i / 3];
      all.push_back(i % 2 == 0 ? gos::with_cancel(parent).ctx : gos::with_value(parent, i, "v"));
    }
    std::vector<gos::recv_chan<void>> seen_before;
    for (std::size_t i = 0; i < all.size(); i += 2) seen_before.push_back(all[i].done());
    EXPECT_EQ(all[5].done(), all[5].done());
    for (const auto& ctx : all) expect_live(ctx);
    cancel();
    for (const auto& done : seen_before) EXPECT_EQ(done.try_recv().error(), gos::recv_status::closed);
    for (const auto& ctx : all) expect_over(ctx, canceled, canceled);
    EXPECT_EQ(top.err().message(), "context canceled");
    EXPECT_EQ(top.err(), errc::operation_canceled);
    EXPECT_EQ(all[5].done(), all[5].done());
  });
}

TEST(CX, CX_02_a_waiting_goroutine_is_woken) {
  gos::run([] {
    auto [ctx, cancel] = gos::with_cancel(gos::background());
    gos::wait_group woken;
    for (int i = 0; i < 20; ++i) {
      woken.go([ctx, i] {
        const gos::context mine = i % 2 == 0 ? ctx : gos::with_cancel(ctx).ctx;
        EXPECT_FALSE(mine.done().recv());
        EXPECT_EQ(mine.err(), canceled);
      });
    }
    EXPECT_TRUE(blocked("chan receive", 20));
    cancel();
    woken.wait();
  });
}

TEST(CX, CX_03_many_cancels_at_once) {
  gos::run([] {
    for (int round = 0; round < rounds(20); ++round) {
      // A tree; each node cancelled by two goroutines, all at once.
      std::vector<gos::cancellable> all{gos::with_cancel(gos::background())};
      for (std::size_t i = 0; i < 60; ++i) all.push_back(gos::with_cancel(all[i / 2].ctx));
      auto gate = gos::make_chan<void>();
      gos::wait_group done;
      for (const auto& each : all) {
        for (int twice = 0; twice < 2; ++twice) {
          done.go([=] {
            gate.recv();
            each.cancel();
            // Also who came second may rely on it.
            expect_over(each.ctx, canceled, canceled);
          });
        }
      }
      gate.close();
      done.wait();
      for (const auto& each : all) each.cancel();
    }
  });
}

TEST(CX, CX_03_whoever_comes_second_finds_all_below_over) {
  gos::run([] {
    for (int round = 0; round < rounds(50); ++round) {
      auto top = gos::with_cancel(gos::background());
      std::vector<gos::context> below;
      for (int i = 0; i < 50; ++i) below.push_back(gos::with_cancel(i == 0 ? top.ctx : below.back()).ctx);
      gos::wait_group done;
      for (int i = 0; i < 2; ++i) {
        done.go([&] {
          top.cancel();
          for (const auto& ctx : below) EXPECT_TRUE(ctx.err());
        });
      }
      done.wait();
    }
  });
}

TEST(CX, CX_03_interlocked) {
  gos::run([] {
    auto parent = gos::with_cancel(gos::background());
    auto child = gos::with_cancel(parent.ctx);
    auto done = gos::make_chan<void>();
    gos::go([=] {
      parent.cancel();
      done.send();
    });
    gos::go([=] {
      child.cancel();
      done.send();
    });
    done.recv();
    done.recv();
  });
}

TEST(CX, CX_04_a_child_leaves_the_parent_alone) {
  gos::run([] {
    auto parent = gos::with_cancel(gos::background());
    const long before = status_kib("VmRSS");
    for (int i = 0; i < rounds(100'000); ++i) {
      auto child = gos::with_timeout(parent.ctx, 1h);
      auto grandchild = gos::with_cancel(child.ctx);
      static_cast<void>(grandchild.ctx.done());
      child.cancel();
      if (i % 1000 == 0) expect_over(grandchild.ctx, canceled, canceled);
    }
    expect_live(parent.ctx);
    if (!sanitized) { EXPECT_LT(status_kib("VmRSS") - before, 8 * 1024); }
  });
}

TEST(CX, CX_04_children_that_are_dropped_do_not_pile_up) {
  gos::run([] {
    auto parent = gos::with_cancel(gos::background());
    const long before = status_kib("VmRSS");
    for (int i = 0; i < rounds(100'000); ++i) {
      auto child = gos::with_cancel(gos::with_value(parent.ctx, i, i));
      static_cast<void>(child.ctx.done());
      auto grandchild = gos::with_cancel(child.ctx);
    }
    if (!sanitized) { EXPECT_LT(status_kib("VmRSS") - before, 8 * 1024); }
  });
}

TEST(CX, CX_05_born_cancelled) {
  auto parent = gos::with_cancel(gos::background());
  parent.cancel(cause_one);
  expect_over(gos::with_cancel(parent.ctx).ctx, canceled, cause_one);
  expect_over(gos::with_timeout(parent.ctx, 1h).ctx, canceled, cause_one);
  expect_over(gos::with_value(parent.ctx, 1, 1), canceled, cause_one);
  expect_over(gos::with_cancel(gos::with_value(parent.ctx, 1, 1)).ctx, canceled, cause_one);
  const auto expired = gos::with_deadline(gos::background(), gos::now() - 1s, cause_two);
  expect_over(gos::with_cancel(expired.ctx).ctx, deadline_exceeded, cause_two);
  expect_over(gos::with_timeout(expired.ctx, 1h, cause_one).ctx, deadline_exceeded, cause_two);
}

TEST(CX, CX_08_the_first_cancellation_wins) {
  gos::run([] {
    auto top = gos::with_cancel(gos::background());
    auto child = gos::with_cancel(top.ctx);
    child.cancel(cause_two);
    top.cancel(cause_one);
    top.cancel(cause_two);
    child.cancel();
    expect_over(top.ctx, canceled, cause_one);
    expect_over(child.ctx, canceled, cause_two);
    expect_over(gos::with_cancel(child.ctx).ctx, canceled, cause_two);
  });
}

TEST(CX, CX_09_err_means_done_is_closed) {
  gos::run([] {
    for (int i = 0; i < rounds(200); ++i) {
      auto [ctx, cancel] = gos::with_cancel(gos::background());
      gos::wait_group all;
      for (int k = 0; k < 3; ++k) {
        all.go([ctx, k] {
          if (k == 1) static_cast<void>(ctx.done());
          while (!ctx.err()) gos::yield();
          EXPECT_TRUE(closed(ctx));
          EXPECT_EQ(cause(ctx), canceled);
        });
      }
      gos::yield();
      cancel();
      all.wait();
    }
  });
}

TEST(CX, extra_a_long_chain_takes_no_stack) {
  gos::run([] {
    auto top = gos::with_cancel(gos::background());
    std::vector<gos::context> some{top.ctx};
    gos::context at = top.ctx;
    for (int i = 0; i < 30'000; ++i) {
      at = gos::with_cancel(at).ctx;
      if (i % 10'000 == 0) some.push_back(at);
    }
    gos::wait_group done;
    done.go([&] { top.cancel(); });
    done.wait();
    for (const auto& ctx : some) expect_over(ctx, canceled, canceled);
    EXPECT_TRUE(at.err());
    // And it is taken down from its end.
    some.clear();
    top = {};
    done.go([last = std::exchange(at, {})] {});
    done.wait();
  });
}

TEST(CX, extra_from_plain_threads) {
  auto [ctx, cancel] = gos::with_timeout(gos::background(), 1h);
  std::vector<std::thread> waiting;
  std::atomic<int> woken = 0;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([ctx = ctx, &woken] {
      auto [mine, cancel_mine] = gos::with_cancel(ctx);
      mine.done().recv();
      EXPECT_EQ(mine.err(), canceled);
      ++woken;
    });
  }
  std::thread([cancel = cancel] { cancel(); }).join();
  for (auto& t : waiting) t.join();
  EXPECT_EQ(woken, 4);
  auto timed = gos::with_timeout(gos::background(), 5ms);
  timed.ctx.done().recv();
  EXPECT_EQ(timed.ctx.err(), errc::timed_out);
}

TEST(CX, extra_everything_at_once) {
  gos::run([] {
    auto random = rng();
    auto top = gos::with_cancel(gos::background());
    std::atomic<int> started = 0, ran = 0;
    gos::wait_group all;
    for (int g = 0; g < 16; ++g) {
      all.go([&, seed = random()] {
        std::mt19937_64 mine(seed);
        std::vector<gos::cancellable> held{top};
        for (int i = 0; i < rounds(2000); ++i) {
          const std::size_t which = mine() % held.size();
          switch (mine() % 8) {
            case 0:
              held.push_back(gos::with_cancel(held[which].ctx));
              break;
            case 1:
              held.push_back(gos::with_timeout(held[which].ctx, std::chrono::microseconds(mine() % 500)));
              break;
            case 2:
              static_cast<void>(held[which].ctx.done());
              break;
            case 3:
              ++started;
              gos::after_func(held[which].ctx, [&] { ++ran; });
              break;
            case 4:
              if (which != 0) held[which].cancel();
              break;
            case 5:
              if (which != 0) held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
              break;
            case 6:
              held.push_back({gos::with_value(held[which].ctx, i, i), held[which].cancel});
              break;
            default:
              gos::yield();
          }
          if (held.size() > 20) held.resize(10);
        }
      });
    }
    if (random() % 2 == 0) {
      all.go([&] {
        gos::sleep(2ms);
        top.cancel();
      });
    }
    all.wait();
    top.cancel();
    // Whatever could be cancelled has been by now or will be by its timer.
    EXPECT_TRUE(eventually([&] { return ran == started; })) << ran << " of " << started;
  });
}

}  // namespace
