// Eight fibers yield to each other. Each counts its own turns; the sum must come out.
#include <array>
#include <numeric>

#include "../boost_fiber.hpp"

int main() {
  bench::run_boost([] {
    constexpr int goroutines = 8;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / goroutines + 1;
      std::array<std::int64_t, goroutines> turns{};
      std::vector<bench::fibers::fiber> started;
      for (std::int64_t& mine_at_end : turns) {
        started.push_back(bench::start_fiber([each, &mine_at_end] {
          std::int64_t mine = 0;
          for (std::int64_t i = 0; i < each; ++i) {
            boost::this_fiber::yield();
            ++mine;
          }
          mine_at_end = mine;
        }));
      }
      for (auto& fiber : started) fiber.join();
      const std::int64_t sum = std::accumulate(turns.begin(), turns.end(), std::int64_t{0});
      bench::check(sum == each * goroutines, "yield");
      return sum;
    });
    bench::report("yield", "switch", ns, "ns");
  });
}
