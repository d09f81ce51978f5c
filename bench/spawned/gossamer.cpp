// Goroutines that are spawned and have not run yet, on one processor: what each costs in memory. Spawning goes on until the
// watchdog asks who spawns to give way, after some 10 ms, or until there are a million (or as many as the argument says); what
// counts is the last reading before the first of them ran.
#include <gossamer/gossamer.hpp>

#include "../bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::count(argc, argv, 1'000'000);
  return gos::run([count] {
    constexpr std::int64_t step = 1000;
    std::int64_t ran = 0;  // one processor: nobody runs at the same time
    std::int64_t spawned = 0;
    std::int64_t unrun = 0;
    double bytes = 0;
    gos::wait_group done;
    const double before = bench::memory_bytes();
    while (spawned < count && ran == 0) {
      for (std::int64_t i = 0; i < step; ++i) {
        done.add(1);
        gos::go([&ran, &done] {
          ++ran;
          done.done();
        });
      }
      spawned += step;
      const double now = bench::memory_bytes();
      if (ran == 0) bytes = now - before, unrun = spawned;
    }
    done.wait();
    bench::check(ran == spawned && unrun >= step, "spawned");
    bench::report("spawned", "memory", bytes / static_cast<double>(unrun), "B");
    bench::report("spawned", "unrun", static_cast<double>(unrun), "goroutines");
  });
}
