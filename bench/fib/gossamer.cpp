// fib(27), computed the foolish way with a goroutine for one of the two calls: 317 810 goroutines that each hand one
// number to their parent.
#include <gossamer/gossamer.hpp>

#include "../bench.hpp"

namespace {

std::int64_t fib(int n) {
  if (n < 2) return n;
  auto left = gos::spawn(fib, n - 1);
  const std::int64_t right = fib(n - 2);
  return left.join() + right;
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
