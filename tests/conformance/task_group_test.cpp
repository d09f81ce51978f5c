// task_group: api.md "Spawning", contract PD-12 [C++].
#include "fixture.hpp"

#include <gossamer/task_group.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::task_group> &&
              !std::is_move_constructible_v<gos::task_group>);
static_assert(!std::is_nothrow_destructible_v<gos::task_group>);

TEST(TaskGroup, PD_12_wait_throws_what_a_task_failed_with) {
  gos::run([] {
    gos::task_group tasks;
    tasks.go([] { throw std::invalid_argument("no such page"); });
    try {
      tasks.wait();
      ADD_FAILURE() << "wait returned";
    } catch (const std::invalid_argument& e) { EXPECT_STREQ(e.what(), "no such page"); }
    tasks.wait();  // Once.
  });
}

TEST(TaskGroup, PD_12_a_panic_keeps_its_value_and_its_stack) {
  gos::run([] {
    gos::task_group tasks;
    tasks.go([] { gos::panic(41); });
    const auto panicked = panic_of([&] { tasks.wait(); });
    ASSERT_TRUE(panicked);
    ASSERT_NE(panicked->value<int>(), nullptr);
    EXPECT_EQ(*panicked->value<int>(), 41);
    EXPECT_NE(panicked->stack_trace(), "");
  });
}

TEST(TaskGroup, extra_wait_waits_for_all) {
  gos::run([] {
    gos::task_group tasks;
    std::atomic<int> ended = 0;
    for (int i = 0; i < 20; ++i) {
      tasks.go(
          [&](int n, const std::string& text) {
            gos::yield();
            EXPECT_EQ(text, std::to_string(n));
            ++ended;
            return n;  // Dropped.
          },
          i, std::to_string(i));
      tasks.go([&] { tasks.go([&] { ++ended; }); });
    }
    tasks.wait();
    EXPECT_EQ(ended, 40);
    EXPECT_FALSE(tasks.ctx().err());
    tasks.go([&] { ++ended; });  // Used again.
    tasks.wait();
    EXPECT_EQ(ended, 41);
  });
}

TEST(TaskGroup, extra_a_failure_cancels_the_rest) {
  gos::run([] {
    std::atomic<int> gave_up = 0;
    gos::task_group tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.go([&] {
        tasks.ctx().done().recv();
        ++gave_up;
      });
    }
    tasks.go([] { throw std::system_error(std::make_error_code(std::errc::no_link)); });
    EXPECT_THROW(tasks.wait(), std::system_error);
    EXPECT_EQ(gave_up, 5);
    EXPECT_EQ(tasks.ctx().err(), gos::context_errc::canceled);
    EXPECT_EQ(cause(tasks.ctx()), std::errc::no_link);
  });
}

TEST(TaskGroup, extra_the_parent_cancels_the_tasks) {
  gos::run([] {
    auto [parent, cancel] = gos::with_cancel(gos::background());
    gos::task_group tasks(parent);
    tasks.go([&] { tasks.ctx().done().recv(); });
    cancel();
    tasks.wait();
    const gos::context none;
    EXPECT_EQ(panic_text([&] { gos::task_group bad(none); }), "cannot create context from nil parent");
  });
}

TEST(TaskGroup, extra_all_failures_are_collected) {
  gos::run([] {
    gos::task_group tasks;
    auto gate = gos::make_chan<void>();
    tasks.go([] { gos::panic("first"); });
    for (int i = 0; i < 3; ++i) {
      tasks.go([&] {
        tasks.ctx().done().recv();
        throw std::runtime_error("later");
      });
    }
    EXPECT_EQ(panic_text([&] { tasks.wait(); }), "first");
    const auto failures = tasks.failures();
    ASSERT_EQ(failures.size(), 4U);
    EXPECT_EQ(failures[0].message(), "first");
    for (int i = 1; i < 4; ++i) EXPECT_NE(failures[i].value<std::runtime_error>(), nullptr);
  });
}

TEST(TaskGroup, extra_the_destructor_waits_and_throws) {
  gos::run([] {
    std::atomic<int> ended = 0;
    {
      gos::task_group tasks;
      for (int i = 0; i < 5; ++i) {
        tasks.go([&] {
          gos::sleep(1ms);
          ++ended;
        });
      }
    }
    EXPECT_EQ(ended, 5);
    EXPECT_THROW(
        {
          gos::task_group tasks;
          tasks.go([] { throw std::out_of_range("from a task"); });
        },
        std::out_of_range);
    EXPECT_EQ(panic_text([] {
                gos::task_group tasks;
                tasks.go([] { gos::panic("from a task"); });
              }),
              "from a task");
    // After a wait that has thrown, the destructor is silent; a failure after a wait is new to it.
    EXPECT_THROW(
        {
          gos::task_group tasks;
          tasks.wait();
          tasks.go([] { throw 1; });
        },
        int);
    gos::task_group tasks;
    tasks.go([] { throw 1; });
    EXPECT_THROW(tasks.wait(), int);
  });
}

TEST(TaskGroup, extra_a_scope_left_by_an_exception_cancels_and_drops_failures) {
  gos::run([] {
    std::atomic<int> gave_up = 0;
    EXPECT_THROW(
        {
          gos::task_group tasks;
          for (int i = 0; i < 3; ++i) {
            tasks.go([&] {
              tasks.ctx().done().recv();  // Nobody has failed: only the leaving cancels.
              ++gave_up;
              gos::panic("dropped");
            });
          }
          throw std::logic_error("the scope's own");
        },
        std::logic_error);
    EXPECT_EQ(gave_up, 3);
    EXPECT_EQ(panic_text([&] {
                gos::task_group tasks;
                tasks.go([&] {
                  tasks.ctx().done().recv();
                  ++gave_up;
                });
                gos::panic("the scope's own");
              }),
              "the scope's own");
    EXPECT_EQ(gave_up, 4);
  });
}

TEST(TaskGroup, extra_a_scope_left_by_goexit_cancels_and_waits) {
  gos::run([] {
    std::atomic<bool> gave_up = false;
    gos::wait_group outer;
    outer.go([&] {
      gos::task_group tasks;
      tasks.go([&] {
        tasks.ctx().done().recv();
        gave_up = true;
        throw 1;
      });
      gos::goexit();
    });
    outer.wait();
    EXPECT_TRUE(gave_up);
  });
}

TEST(TaskGroup, extra_inside_a_destructor_during_unwinding_it_throws_nothing_new) {
  gos::run([] {
    struct cleans_up {
      ~cleans_up() {
        gos::task_group tasks;  // Made while an exception is on its way: not left by that one.
        tasks.go([] { gos::panic("caught right here"); });
        EXPECT_EQ(panic_text([&] { tasks.wait(); }), "caught right here");
      }
    };
    EXPECT_THROW(
        {
          const cleans_up at_end;
          throw 1;
        },
        int);
  });
}

TEST(TaskGroup, extra_goexit_ends_a_task_without_failing_it) {
  gos::run([] {
    gos::task_group tasks;
    for (int i = 0; i < 5; ++i) tasks.go([] { gos::goexit(); });
    tasks.wait();
    EXPECT_TRUE(tasks.failures().empty());
    EXPECT_FALSE(tasks.ctx().err());
  });
}

TEST(TaskGroup, extra_a_panic_in_a_deferred_call_during_goexit_is_a_failure) {
  gos::run([] {
    gos::task_group tasks;
    tasks.go([] {
      gos::with_defer([](gos::defer_stack& defer) {
        defer([] { gos::panic("on the way out"); });
        gos::goexit();
      });
    });
    EXPECT_EQ(panic_text([&] { tasks.wait(); }), "on the way out");
  });
}

TEST(TaskGroup, extra_callables_are_destroyed_before_wait_returns) {
  counted::reset();
  for (int i = 0; i < rounds(200); ++i) {
    gos::task_group tasks;
    for (int k = 0; k < 4; ++k) {
      tasks.go(
          [](const counted& c) {
            if (c.value == 3) throw c.value;
          },
          counted(k));
    }
    EXPECT_THROW(tasks.wait(), int);
    ASSERT_EQ(counted::alive, 0);
  }
}

TEST(TaskGroup, extra_on_a_plain_thread_and_nested) {
  std::thread([] {
    EXPECT_THROW(
        {
          gos::task_group outer;
          outer.go([] {
            gos::task_group inner;
            inner.go([] { throw std::domain_error("deep"); });
          });
        },
        std::domain_error);
  }).join();
}

TEST(TaskGroup, extra_many_tasks_fail_at_once) {
  auto random = rng();
  for (int round = 0; round < rounds(100); ++round) {
    const int count = static_cast<int>(random() % 30) + 1;
    const int failing = static_cast<int>(random() % 5);
    gos::run([=] {
      std::optional<gos::task_group> tasks(std::in_place);
      std::atomic<int> ran = 0;
      for (int i = 0; i < count; ++i) {
        tasks->go([&ran, i, failing] {
          ++ran;
          if (i % 3 == 0) gos::yield();
          if (i < failing) {
            if (i % 2 == 0) gos::panic(i);
            throw i;
          }
        });
      }
      const auto panicked = panic_of([&] { tasks->wait(); });
      EXPECT_EQ(ran, count);
      EXPECT_EQ(panicked.has_value(), failing > 0);
      EXPECT_EQ(tasks->failures().size(), static_cast<std::size_t>(std::min(count, failing)));
      tasks.reset();
    });
  }
}

}  // namespace
