// A million indices, each a few nanoseconds of arithmetic: the results' sum is checked.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <numeric>
#include <vector>

#include "../bench.hpp"
#include "work.hpp"

int main() {
  const oneapi::tbb::global_control processors(oneapi::tbb::global_control::max_allowed_parallelism,
                                               static_cast<std::size_t>(bench::processors()));
  std::vector<std::uint64_t> out(work::indices);
  const std::uint64_t expected = work::sum_of_all();
  const double ns = bench::ns_per_op([&](std::int64_t n) {
    std::int64_t did = 0;
    for (; did < n; did += work::indices) {
      oneapi::tbb::parallel_for(std::int64_t{0}, work::indices,
                                [&](std::int64_t i) { out[static_cast<std::size_t>(i)] = work::value(i); });
      bench::check(std::accumulate(out.begin(), out.end(), std::uint64_t{0}) == expected, "parallel_for");
    }
    return did;
  });
  bench::report("parallel_for", "index", ns, "ns");
}
