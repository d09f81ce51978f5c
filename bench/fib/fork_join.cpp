// fib(27) with fork_join: 317 810 calls that an idle processor might take over.
#include <gossamer/gossamer.hpp>

#include "../bench.hpp"

namespace {

std::int64_t fib(int n) {
  if (n < 2) return n;
  const auto [left, right] = gos::fork_join([n] { return fib(n - 1); }, [n] { return fib(n - 2); });
  return left + right;
}

}  // namespace

int main() {
  return gos::run([] {
    const double start = bench::work_seconds();
    const std::int64_t result = fib(27);
    const double took = bench::work_seconds() - start;
    bench::check(result == 196'418, "fib");
    bench::report("fib", "wall", took * 1e3, "ms");
  });
}
