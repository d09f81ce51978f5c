// fib(27) with a task for each of the two calls.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_invoke.h>

#include "../bench.hpp"

namespace {

std::int64_t fib(int n) {
  if (n < 2) return n;
  std::int64_t left = 0, right = 0;
  oneapi::tbb::parallel_invoke([&] { left = fib(n - 1); }, [&] { right = fib(n - 2); });
  return left + right;
}

}  // namespace

int main() {
  const oneapi::tbb::global_control processors(oneapi::tbb::global_control::max_allowed_parallelism,
                                               static_cast<std::size_t>(bench::processors()));
  const double start = bench::work_seconds();
  const std::int64_t result = fib(27);
  const double took = bench::work_seconds() - start;
  bench::check(result == 196'418, "fib");
  bench::report("fib", "wall", took * 1e3, "ms");
}
