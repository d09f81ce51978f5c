// One producer, one consumer, one channel with room for 128. The sum of what arrives must come out.
#include <gossamer/gossamer.hpp>

#include <array>
#include <numeric>

#include "../bench.hpp"

int main() {
  return gos::run([] {
    constexpr std::int64_t pairs = 1;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / pairs + 1;
      auto ch = gos::make_chan<std::int64_t>(128);
      std::array<std::int64_t, pairs> sums{};
      gos::wait_group producers;
      gos::wait_group consumers;
      for (std::int64_t p = 0; p < pairs; ++p) {
        producers.go([ch, p, each] {
          for (std::int64_t i = 0; i < each; ++i) ch.send(p * each + i);
        });
        consumers.go([ch, &part = sums[static_cast<std::size_t>(p)]] {
          std::int64_t sum = 0;
          for (std::int64_t v : ch) sum += v;
          part = sum;
        });
      }
      producers.wait();
      ch.close();
      consumers.wait();
      const std::int64_t sum = std::accumulate(sums.begin(), sums.end(), std::int64_t{0});
      const std::int64_t items = pairs * each;
      bench::check(sum == items * (items - 1) / 2, "chan_1x1");
      return items;
    });
    bench::report("chan_1x1", "item", ns, "ns");
  });
}
