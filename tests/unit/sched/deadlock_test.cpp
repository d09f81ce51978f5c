// What deadlock.cpp must not say: while somebody can still be woken, however short the moment in which nothing runs.
#include "child.hpp"

namespace {

using namespace gos_test;

class Standstill : public ::testing::TestWithParam<const char*> {};

TEST_P(Standstill, is_no_deadlock_while_somebody_can_still_be_woken) {
  const char* const stress = std::getenv("GOS_STRESS_SECONDS");
  const std::string seconds = stress != nullptr ? stress : "0.5";
  for (const char* debug : {"", "migrate", "nomembarrier"}) {
    const child_result r =
        run_child("unit_sched_standstill", {GetParam(), seconds}, {std::string("GOS_DEBUG=") + debug}, 60s);
    EXPECT_EQ(r.status, 0) << debug << r;
    EXPECT_EQ(r.err, "") << debug;
    EXPECT_GT(std::atoi(r.out.c_str()), 0) << debug << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Woken, Standstill,
                         ::testing::Values("call", "chain", "future", "join", "pinned", "pipe", "procs", "run", "signal",
                                           "thread", "threads-only", "timer"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
