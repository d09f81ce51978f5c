// The program ends when its main goroutine does, whatever the thread that called gos::run is doing.
#include "child.hpp"

using namespace gos_test;

namespace {

// From the end of the main goroutine to the end of the process. `most` is generous: other tests run beside.
void ends_soon(const char* mode, int procs, const char* debug = "") {
  child c("unit_sched_ending", {mode}, {"GOS_MAXPROCS=" + std::to_string(procs), std::string("GOS_DEBUG=") + debug});
  c.close_input();
  const bool ending = c.read_until([](const child& x) { return x.err().find("ending") != std::string::npos; });
  const auto before = std::chrono::steady_clock::now();
  const child_result& result = c.wait(20s);
  EXPECT_TRUE(ending) << mode << " at " << procs << ": " << result;
  EXPECT_EQ(result.status, 42) << mode << " at " << procs << ": " << result;
  EXPECT_LT(std::chrono::steady_clock::now() - before, scaled(4s)) << mode << " at " << procs;
}

void ends_soon_everywhere(const char* mode, int least_procs = 1, int most_procs = 4) {
  for (int procs : {1, 2, 4}) {
    if (procs >= least_procs && procs <= most_procs) ends_soon(mode, procs);
  }
  ends_soon(mode, 2, "nomembarrier");
}

TEST(exit_status, when_it_is_at_home) { ends_soon_everywhere("home"); }
TEST(exit_status, when_its_thread_is_idle) { ends_soon_everywhere("idle"); }
TEST(exit_status, when_its_thread_waits_in_the_poller) { ends_soon_everywhere("poller", 2, 2); }
TEST(exit_status, when_its_thread_runs_others) { ends_soon_everywhere("others", 2); }
TEST(exit_status, when_its_thread_runs_one_that_does_not_park) { ends_soon_everywhere("busy", 2); }
TEST(exit_status, when_a_hog_holds_its_thread) { ends_soon_everywhere("hog"); }
TEST(exit_status, when_its_thread_blocks_in_the_system) { ends_soon_everywhere("blocked"); }
TEST(exit_status, when_a_goroutine_is_pinned_to_its_thread) { ends_soon_everywhere("pinned"); }

}  // namespace
