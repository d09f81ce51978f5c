// Producers and as many consumers on one channel with room for 128: one of each, then four. The sum of what arrives must
// come out.
#include <gossamer/gossamer.hpp>

#include <numeric>
#include <vector>

#include "../bench.hpp"

namespace {

std::int64_t pass(std::int64_t n, std::int64_t pairs) {
  const std::int64_t each = n / pairs + 1;
  auto ch = gos::make_chan<std::int64_t>(128);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(pairs));
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
  bench::check(sum == items * (items - 1) / 2, "chan");
  return items;
}

}  // namespace

int main() {
  return gos::run([] {
    bench::report("chan", "1x1", bench::ns_per_op([](std::int64_t n) { return pass(n, 1); }), "ns");
    bench::report("chan", "4x4", bench::ns_per_op([](std::int64_t n) { return pass(n, 4); }), "ns");
  });
}
