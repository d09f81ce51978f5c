// Contract section 11, errgroup.
#include "child.hpp"
#include "fixture.hpp"

#include <gossamer/error_group.hpp>

#include <memory>
#include <stdexcept>
#include <system_error>

using namespace gos_test;

namespace {

const std::error_code first_error = std::make_error_code(std::errc::no_link);
const std::error_code second_error = std::make_error_code(std::errc::owner_dead);
const std::error_code none;

static_assert(!std::is_copy_constructible_v<gos::error_group> &&
              !std::is_move_constructible_v<gos::error_group>);

bool is_over(const gos::context& ctx) {
  const auto got = ctx.done().try_recv();
  return !got && got.error() == gos::recv_status::closed;
}

TEST(EG, EG_01_wait_blocks_for_all_and_returns_the_first_error) {
  gos::run([] {
    gos::error_group group;
    auto gate = gos::make_chan<void>();
    auto failed = gos::make_chan<void>();
    std::atomic<int> ended = 0;
    for (int i = 0; i < 3; ++i) {
      group.go([&] {
        gate.recv();
        ++ended;
        return none;
      });
    }
    group.go([&] {
      failed.close();
      return first_error;
    });
    std::atomic<bool> returned = false;
    gos::go([&] {
      EXPECT_EQ(group.wait(), first_error);
      EXPECT_EQ(ended, 4);
      returned = true;
    });
    failed.recv();
    EXPECT_TRUE(blocked("sync.WaitGroup.Wait"));
    // The first error has been taken: its function counts as ended, and the group still waits.
    ASSERT_TRUE(eventually([] { return gos::runtime::num_goroutine() == 5; }));
    group.go([&] {
      gate.recv();
      ++ended;
      return second_error;
    });
    EXPECT_FALSE(returned);
    gate.close();
    EXPECT_TRUE(eventually([&] { return returned.load(); }));
    EXPECT_EQ(group.wait(), first_error);  // Later errors are dropped, this one stays.
  });
}

TEST(EG, EG_01_without_an_error_the_result_is_empty) {
  gos::error_group group;
  EXPECT_EQ(group.wait(), none);
  std::atomic<int> ran = 0;
  for (int i = 0; i < rounds(1000); ++i) {
    group.go([&] {
      ++ran;
      return none;
    });
  }
  EXPECT_FALSE(group.wait());
  EXPECT_EQ(ran, rounds(1000));
}

TEST(EG, EG_01_callables_of_every_kind) {
  gos::error_group group;
  auto owned = std::make_unique<int>(7);
  std::atomic<int> seen = 0;
  group.go([owned = std::move(owned), &seen] {
    seen += *owned;
    return none;
  });
  static std::atomic<int>* counter = nullptr;
  counter = &seen;
  struct with_function {
    static std::error_code add() { return counter->fetch_add(1), none; }
  };
  group.go(&with_function::add);
  group.go(with_function::add);
  const std::function<std::error_code()> wrapped = with_function::add;
  EXPECT_TRUE(group.try_go(wrapped));
  group.go([] { return gos::context_errc::canceled; });  // Converts to std::error_code.
  EXPECT_EQ(group.wait(), std::errc::operation_canceled);
  EXPECT_EQ(seen, 10);
}

TEST(EG, EG_02_the_first_error_cancels_with_itself_as_cause) {
  gos::run([] {
    auto [parent, cancel] = gos::with_cancel(gos::background());
    gos::error_group group(parent);
    const gos::context ctx = group.ctx();
    EXPECT_FALSE(ctx.err());
    for (int i = 0; i < 3; ++i) {
      group.go([&group] {
        group.ctx().done().recv();
        return second_error;  // After the first.
      });
    }
    group.go([] { return first_error; });
    EXPECT_EQ(group.wait(), first_error);
    EXPECT_EQ(ctx.err(), gos::context_errc::canceled);
    EXPECT_EQ(cause(ctx), first_error);
    EXPECT_FALSE(parent.err());
    cancel();
  });
}

TEST(EG, EG_02_wait_cancels_when_it_returns) {
  gos::run([] {
    gos::error_group group(gos::background());
    auto gate = gos::make_chan<void>();
    group.go([&] {
      gate.recv();
      EXPECT_FALSE(group.ctx().err());
      return none;
    });
    EXPECT_FALSE(is_over(group.ctx()));
    gate.close();
    EXPECT_EQ(group.wait(), none);
    EXPECT_TRUE(is_over(group.ctx()));
    EXPECT_EQ(group.ctx().err(), gos::context_errc::canceled);
    EXPECT_EQ(cause(group.ctx()), gos::context_errc::canceled);
  });
}

TEST(EG, EG_02_the_parent_cancels_the_group) {
  gos::run([] {
    auto [parent, cancel] = gos::with_cancel(gos::background());
    gos::error_group group(parent);
    group.go([&] {
      group.ctx().done().recv();
      return group.ctx().err();
    });
    cancel(second_error);
    EXPECT_EQ(group.wait(), gos::context_errc::canceled);
    EXPECT_EQ(cause(group.ctx()), second_error);
  });
}

TEST(EG, EG_02_without_a_context_nothing_is_cancelled) {
  gos::error_group group;
  group.go([] { return first_error; });
  EXPECT_EQ(group.wait(), first_error);
  EXPECT_EQ(group.ctx(), gos::background());
  EXPECT_FALSE(group.ctx().err());
  const gos::context no_context;
  EXPECT_EQ(panic_text([&] { gos::error_group bad(no_context); }), "cannot create context from nil parent");
}

TEST(EG, EG_03_with_a_limit_go_blocks) {
  for (int limit : {1, 3}) {
    gos::run([limit] {
      gos::error_group group;
      group.set_limit(limit);
      std::atomic<int> running = 0, most = 0;
      for (int i = 0; i < rounds(500); ++i) {
        group.go([&] {
          const int now = ++running;
          int seen = most;
          while (seen < now && !most.compare_exchange_weak(seen, now)) {}
          gos::yield();
          --running;
          return none;
        });
      }
      EXPECT_EQ(group.wait(), none);
      EXPECT_LE(most, limit);
    });
  }
}

TEST(EG, EG_03_go_blocks_until_a_function_has_ended) {
  gos::run([] {
    gos::error_group group;
    group.set_limit(2);
    auto gate = gos::make_chan<void>();
    for (int i = 0; i < 2; ++i) {
      group.go([gate] { return gate.recv(), none; });
    }
    EXPECT_FALSE(group.try_go([] { return first_error; }));
    std::atomic<bool> started = false;
    gos::go([&] { group.go([&] { return started = true, none; }); });
    ASSERT_TRUE(blocked("chan send"));
    EXPECT_FALSE(started);
    gate.send();  // One ends.
    EXPECT_TRUE(eventually([&] { return started.load(); }));
    gate.close();
    EXPECT_EQ(group.wait(), none);
    EXPECT_TRUE(group.try_go([] { return none; }));
    EXPECT_EQ(group.wait(), none);
  });
}

TEST(EG, EG_03_limit_zero_admits_none_and_a_negative_one_all) {
  gos::run([] {
    gos::error_group group;
    group.set_limit(0);
    EXPECT_FALSE(group.try_go([] { return none; }));
    group.set_limit(1);
    EXPECT_TRUE(group.try_go([] { return none; }));
    EXPECT_EQ(group.wait(), none);
    group.set_limit(std::numeric_limits<int>::max());
    EXPECT_TRUE(group.try_go([] { return none; }));
    EXPECT_EQ(group.wait(), none);
    group.set_limit(-1);
    auto gate = gos::make_chan<void>();
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(group.try_go([gate] { return gate.recv(), none; }));
    }
    gate.close();
    EXPECT_EQ(group.wait(), none);
  });
}

TEST(EG, EG_03_changing_the_limit_while_functions_run_panics) {
  gos::run([] {
    for (int before : {-1, 5}) {
      gos::error_group group;
      group.set_limit(before);
      auto gate = gos::make_chan<void>();
      for (int i = 0; i < 3; ++i) {
        group.go([gate] { return gate.recv(), none; });
      }
      for (int n : {-1, 0, 7}) {
        EXPECT_EQ(panic_text([&] { group.set_limit(n); }),
                  "errgroup: modify limit while 3 goroutines in the group are still active");
      }
      gate.close();
      EXPECT_EQ(group.wait(), none);
      group.set_limit(2);
    }
  });
}

TEST(EG, EG_04_a_panic_ends_the_process) {
  const auto r = run_child("death_groups", {"error-group-panic"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_NE(r.err.find("panic: no way on\n"), std::string::npos) << r;
  EXPECT_EQ(r.out, "") << r;
  const auto thrown = run_child("death_groups", {"error-group-exception"});
  EXPECT_EQ(thrown.status, 2) << thrown;
  EXPECT_NE(thrown.err.find("panic: thrown\n"), std::string::npos) << thrown;
  EXPECT_EQ(thrown.out, "") << thrown;
}

TEST(EG, EG_04_goexit_counts_as_success) {
  gos::run([] {
    gos::error_group group(gos::background());
    group.set_limit(1);
    for (int i = 0; i < 3; ++i) {
      group.go([]() -> std::error_code { gos::goexit(); });
    }
    EXPECT_EQ(group.wait(), none);
    EXPECT_EQ(cause(group.ctx()), gos::context_errc::canceled);
  });
}

TEST(EG, extra_the_destructor_cancels_and_waits) {
  gos::run([] {
    std::atomic<int> ended = 0;
    {
      gos::error_group group(gos::background());
      for (int i = 0; i < 5; ++i) {
        group.go([&] {
          group.ctx().done().recv();
          gos::yield();
          ++ended;
          return first_error;
        });
      }
    }
    EXPECT_EQ(ended, 5);
    EXPECT_THROW(
        {
          gos::error_group group(gos::background());
          group.go([&] {
            group.ctx().done().recv();
            ++ended;
            return none;
          });
          throw std::runtime_error("out of here");
        },
        std::runtime_error);
    EXPECT_EQ(ended, 6);
  });
}

TEST(EG, extra_callables_are_destroyed_before_wait_returns) {
  counted::reset();
  for (int i = 0; i < rounds(200); ++i) {
    gos::error_group group;
    group.set_limit(2);
    for (int k = 0; k < 4; ++k) {
      group.go([c = counted(k)] { return c.value == 3 ? first_error : none; });
    }
    EXPECT_EQ(group.wait(), first_error);
    ASSERT_EQ(counted::alive, 0);
  }
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw std::runtime_error("no copy"); }
  std::error_code operator()() const { return none; }
};

TEST(EG, extra_a_callable_that_cannot_be_copied_leaves_the_group_as_it_was) {
  gos::error_group group;
  group.set_limit(1);
  const throws_when_copied bad;
  EXPECT_THROW(group.go(bad), std::runtime_error);
  EXPECT_THROW(group.try_go(bad), std::runtime_error);
  EXPECT_TRUE(group.try_go([] { return none; }));
  EXPECT_EQ(group.wait(), none);
  group.set_limit(2);
}

TEST(EG, extra_functions_that_add_functions_and_many_errors) {
  auto random = rng();
  for (int round = 0; round < rounds(50); ++round) {
    const int count = static_cast<int>(random() % 50) + 1;
    const int failing = static_cast<int>(random() % 4);
    const int limit = static_cast<int>(random() % 10) + 5;
    gos::run([=] {
      gos::error_group group(gos::background());
      group.set_limit(limit);
      std::atomic<int> ran = 0;
      for (int i = 0; i < count; ++i) {
        group.go([&, i] {
          ++ran;
          if (i % 7 == 0 && group.try_go([&] { return ++ran, none; })) --ran;
          if (i % 3 == 0) gos::yield();
          return i < failing ? std::error_code(i + 1, std::generic_category()) : none;
        });
      }
      const std::error_code result = group.wait();
      EXPECT_EQ(ran, count);
      EXPECT_EQ(static_cast<bool>(result), failing > 0 && count > 0);
      if (result) EXPECT_EQ(cause(group.ctx()), result);
    });
  }
}

TEST(EG, extra_may_be_destroyed_as_soon_as_wait_returns) {
  for (int i = 0; i < rounds(2000); ++i) {
    auto group = std::make_unique<gos::error_group>();
    if (i % 2 == 0) group->set_limit(2);
    group->go([] { return none; });
    group->go([] { return first_error; });
    EXPECT_EQ(group->wait(), first_error);
    group.reset();
  }
}

}  // namespace
