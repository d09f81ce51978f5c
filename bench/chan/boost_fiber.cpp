// Producers and as many consumers on one channel with room for 128: one of each, then four. The sum of what arrives must
// come out.
#include <numeric>
#include <vector>

#include "../boost_fiber.hpp"

namespace {

std::int64_t pass(std::int64_t n, std::int64_t pairs) {
  const std::int64_t each = n / pairs + 1;
  bench::fibers::buffered_channel<std::int64_t> ch(128);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(pairs));
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
  bench::check(sum == items * (items - 1) / 2, "chan");
  return items;
}

}  // namespace

int main() {
  bench::run_boost([] {
    bench::report("chan", "1x1", bench::ns_per_op([](std::int64_t n) { return pass(n, 1); }), "ns");
    bench::report("chan", "4x4", bench::ns_per_op([](std::int64_t n) { return pass(n, 4); }), "ns");
  });
}
