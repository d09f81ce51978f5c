// See park.hpp.
#include "park/park.hpp"

namespace gos::rt {

namespace {
std::int64_t timeout_fire(timer* due, std::int64_t) noexcept {
  auto* t = static_cast<timeout_arm*>(due);
  if (t->shared->take(t->arm)) ready(t->gp);
  return 0;
}
}  // namespace

void timeout_start(timeout_arm& t, claim& shared, goroutine* gp, std::uint32_t arm, std::int64_t when_ns) noexcept {
  t.shared = &shared;
  t.gp = gp;
  t.arm = arm;
  t.fire = timeout_fire;
  timer_start(t, when_ns);
}

}  // namespace gos::rt
