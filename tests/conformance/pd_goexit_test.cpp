// Goexit among panics and deferred calls: contract section 12, PD-09 to PD-11.
#include "child.hpp"
#include "panics.hpp"

#include <stdexcept>

using namespace gos_test;

namespace {

TEST(PD, PD_09_recover_is_empty_during_goexit) {
  gos::run([] {
    lines order;
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] { order.push_back(seen()); });
        gos::goexit();
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"nothing"}));
  });
  EXPECT_EQ(panic_text([] { gos::goexit(); }), "goexit on a thread that is no goroutine");
}

TEST(PD, PD_10_a_panic_during_goexit_that_nobody_recovers) {
  const child_result r = run_child("death_panic", {"after-goexit"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_TRUE(r.err.starts_with("panic: hello\n\ngoroutine ")) << r;
}

TEST(PD, PD_10_goexit_goes_on_after_a_recover) {
  gos::run([] {
    lines order;
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& outermost) {
        outermost([&] { order.push_back("outermost " + seen()); });
        gos::with_defer([&](gos::defer_stack& outer) {
          outer([&] { order.push_back("rest " + seen()); });
          outer([&] { order.push_back(seen()); });
          gos::with_defer([&](gos::defer_stack& defer) {
            defer([] { gos::panic("during goexit"); });
            gos::goexit();
          });
        });
        order.push_back("went on");
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"during goexit", "rest nothing", "outermost nothing"}));
    // In the same frame, and as a C++ exception.
    order.clear();
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] { order.push_back(seen()); });
        defer([&] { order.push_back(seen()); });
        defer([] { throw std::runtime_error("thrown"); });
        gos::goexit();
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"thrown", "nothing"}));
    // A panic that begins and ends inside a deferred call is no concern of goexit.
    order.clear();
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] {
          order.push_back(panic_text([] { gos::panic("own"); }));
          order.push_back("call goes on");
        });
        gos::goexit();
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"own", "call goes on"}));
  });
}

TEST(PD, PD_11_a_program_goes_on_quietly) {
  const child_result r = run_child("death_panic", {"goexit-in-panic"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "quiet\n");
  EXPECT_EQ(r.err, "");
}

TEST(PD, PD_11_goexit_cancels_a_panic) {
  gos::run([] {
    lines order;
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& outer) {
        outer([&] { order.push_back("outer " + seen()); });
        gos::with_defer([&](gos::defer_stack& defer) {
          defer([&] { order.push_back(seen()); });
          defer([] { gos::goexit(); });
          gos::panic("cancelled");
        });
        order.push_back("went on");
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"nothing", "outer nothing"}));
    // Goexit during goexit, and after a recover.
    order.clear();
    in_goroutine([&] {
      gos::with_defer([&](gos::defer_stack& defer) {
        defer([&] { order.push_back(seen()); });
        defer([&] {
          order.push_back(seen());
          gos::goexit();
        });
        defer([] { gos::panic("replaces a goexit"); });
        defer([] { gos::goexit(); });
        gos::goexit();
      });
      order.push_back("went on");
    });
    EXPECT_EQ(order, (lines{"replaces a goexit", "nothing"}));
  });
}

}  // namespace
