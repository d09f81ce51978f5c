// The texts of a dump that a test of the whole would have to wait a minute for.
#include "report/dump.hpp"

#include "fixture.hpp"

namespace rt = gos::rt;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::string header(std::int64_t waited_ns, bool locked = false, const char* name = "") {
  rt::goroutine_view view;
  view.id = 7;
  view.state = rt::goroutine_state::waiting;
  view.reason = rt::wait_reason::chan_receive;
  view.since_ns = second_ns;
  view.locked = locked;
  std::snprintf(view.name, sizeof view.name, "%s", name);
  return rt::goroutine_header(view, second_ns + waited_ns);
}

// CR-07.
TEST(dump, a_header_tells_minutes_from_the_first_on) {
  EXPECT_EQ(header(0), "goroutine 7 [chan receive]:\n");
  EXPECT_EQ(header(60 * second_ns - 1), "goroutine 7 [chan receive]:\n");
  EXPECT_EQ(header(60 * second_ns), "goroutine 7 [chan receive, 1 minutes]:\n");
  EXPECT_EQ(header(150 * second_ns, true), "goroutine 7 [chan receive, 2 minutes, locked to thread]:\n");
  EXPECT_EQ(header(7'300 * second_ns, false, "worker"), "goroutine 7 [chan receive, 121 minutes]: worker\n");
}

TEST(dump, a_header_tells_states_of_those_that_do_not_wait) {
  rt::goroutine_view view;
  view.id = 7;
  view.state = rt::goroutine_state::running;
  EXPECT_EQ(rt::goroutine_header(view, 0), "goroutine 7 [running]:\n");
  view.blocking = true;
  EXPECT_EQ(rt::goroutine_header(view, 0), "goroutine 7 [syscall]:\n");
  view.state = rt::goroutine_state::runnable;
  EXPECT_EQ(rt::goroutine_header(view, 1'000 * second_ns), "goroutine 7 [runnable]:\n");
}

}  // namespace
