// A million indices, each a few nanoseconds of arithmetic: the results' sum is checked.
#include <gossamer/gossamer.hpp>

#include <numeric>
#include <vector>

#include "../bench.hpp"
#include "work.hpp"

int main() {
  return gos::run([] {
    std::vector<std::uint64_t> out(work::indices);
    const std::uint64_t expected = work::sum_of_all();
    const double ns = bench::ns_per_op([&](std::int64_t n) {
      std::int64_t did = 0;
      for (; did < n; did += work::indices) {
        gos::parallel_for(std::int64_t{0}, work::indices,
                          [&](std::int64_t i) { out[static_cast<std::size_t>(i)] = work::value(i); });
        bench::check(std::accumulate(out.begin(), out.end(), std::uint64_t{0}) == expected, "parallel_for");
      }
      return did;
    });
    bench::report("parallel_for", "index", ns, "ns");
  });
}
