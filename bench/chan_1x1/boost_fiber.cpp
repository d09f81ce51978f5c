// One producer, one consumer, one channel with room for 128. The sum of what arrives must come out.
#include <array>
#include <numeric>

#include "../boost_fiber.hpp"

int main() {
  bench::run_boost([] {
    constexpr std::int64_t pairs = 1;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / pairs + 1;
      bench::fibers::buffered_channel<std::int64_t> ch(128);
      std::array<std::int64_t, pairs> sums{};
      std::vector<bench::fibers::fiber> producers;
      std::vector<bench::fibers::fiber> consumers;
      for (std::int64_t p = 0; p < pairs; ++p) {
        producers.push_back(bench::start_fiber([&ch, p, each] {
          for (std::int64_t i = 0; i < each; ++i) ch.push(p * each + i);
        }));
        consumers.push_back(bench::start_fiber([&ch, &part = sums[static_cast<std::size_t>(p)]] {
          std::int64_t sum = 0;
          for (std::int64_t v : ch) sum += v;
          part = sum;
        }));
      }
      for (auto& fiber : producers) fiber.join();
      ch.close();
      for (auto& fiber : consumers) fiber.join();
      const std::int64_t sum = std::accumulate(sums.begin(), sums.end(), std::int64_t{0});
      const std::int64_t items = pairs * each;
      bench::check(sum == items * (items - 1) / 2, "chan_1x1");
      return items;
    });
    bench::report("chan_1x1", "item", ns, "ns");
  });
}
