// Spawn and wait, in batches of 1000. Every fiber leaves its mark, so that none can be skipped.
#include <array>

#include "../boost_fiber.hpp"

int main() {
  bench::run_boost([] {
    constexpr std::size_t batch = 1000;
    std::array<std::int64_t, batch> marks{};
    std::int64_t round = 0;
    const double ns = bench::ns_per_op([&](std::int64_t n) {
      std::int64_t did = 0;
      for (; did < n; did += batch) {
        ++round;
        std::vector<bench::fibers::fiber> started;
        started.reserve(batch);
        for (std::size_t i = 0; i < batch; ++i) {
          started.push_back(bench::start_fiber([&marks, &round, i] { marks[i] = round; }));
        }
        for (auto& fiber : started) fiber.join();
        for (std::int64_t mark : marks) bench::check(mark == round, "spawn");
      }
      return did;
    });
    bench::report("spawn", "goroutine", ns, "ns");
  });
}
