// Skynet: a tree of goroutines, ten children each, a million leaves. Every leaf sends its number to its parent over an
// unbuffered channel, every inner node the sum of its ten children.
#include <gossamer/gossamer.hpp>

#include "../bench.hpp"

namespace {

void skynet(gos::chan<std::int64_t> result, std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) {
    result.send(first);
    return;
  }
  auto children = gos::make_chan<std::int64_t>();
  for (std::int64_t i = 0; i < 10; ++i) gos::go(skynet, children, first + i * (leaves / 10), leaves / 10);
  std::int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += *children.recv();
  result.send(sum);
}

}  // namespace

int main() {
  return gos::run([] {
    const double start = bench::work_seconds();
    auto result = gos::make_chan<std::int64_t>();
    gos::go(skynet, result, 0, 1'000'000);
    const std::int64_t sum = *result.recv();
    const double took = bench::work_seconds() - start;
    bench::check(sum == 499'999'500'000, "skynet");
    bench::report("skynet", "wall", took * 1e3, "ms");
    bench::report("skynet", "peak_memory", bench::peak_memory_bytes() / 1e6, "MB");
  });
}
