// stalls: main goroutines that stall, with and without GOS_DEBUG=stalls; and one that waits with a lock of the system.
#include "modes.hpp"

#include <mutex>

namespace {

[[gnu::noinline]] void spin_for(std::chrono::milliseconds d) {
  const auto until = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < until) {}
}

bool noted_here() {
  const auto all = gos::runtime::stalls();
  return !all.empty() && all.back().text.find("spin_until_noted") != std::string::npos;
}

// Looking at the stalls does not enter the runtime. If it was noted before it came here that was one stall, and a sleep begins
// another.
[[gnu::noinline]] void spin_until_noted() {
  while (!noted_here()) {
    gos::sleep(1ms);
    const std::size_t before = gos::runtime::stalls().size();
    while (gos::runtime::stalls().size() == before) spin_for(5ms);
  }
}

std::mutex held;

[[gnu::noinline]] void sleep_locked() {
  const std::lock_guard guard(held);
  gos::sleep(1ms);
}

const modes stalls_modes = {
    {"sleeps-locked", [] { return gos::run(sleep_locked); }},
    {"computes",
     [] {
       return gos::run([] {
         spin_for(100ms);
         std::printf("%zu stalls\n", gos::runtime::stalls().size());
       });
     }},
    {"noted",
     [] {
       return gos::run([] {
         spin_until_noted();
         std::puts("noted");
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(stalls_modes, argc, argv); }
