// Eight goroutines yield to each other. Each counts its own turns; the sum must come out.
#include <gossamer/gossamer.hpp>

#include <array>
#include <numeric>

#include "../bench.hpp"

int main() {
  return gos::run([] {
    constexpr int goroutines = 8;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / goroutines + 1;
      std::array<std::int64_t, goroutines> turns{};
      gos::wait_group done;
      done.add(goroutines);
      for (std::int64_t& mine_at_end : turns) {
        gos::go([each, &mine_at_end, &done] {
          std::int64_t mine = 0;
          for (std::int64_t i = 0; i < each; ++i) {
            gos::yield();
            ++mine;
          }
          mine_at_end = mine;
          done.done();
        });
      }
      done.wait();
      const std::int64_t sum = std::accumulate(turns.begin(), turns.end(), std::int64_t{0});
      bench::check(sum == each * goroutines, "yield");
      return sum;
    });
    bench::report("yield", "switch", ns, "ns");
  });
}
