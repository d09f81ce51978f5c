// fib(27), computed the foolish way with a fiber for one of the two calls: 317 810 fibers that each hand one number to
// their parent.
#include "../boost_fiber.hpp"

namespace {

std::int64_t fib(int n) {
  if (n < 2) return n;
  std::int64_t left = 0;
  auto fiber = bench::start_fiber([&left, n] { left = fib(n - 1); });
  const std::int64_t right = fib(n - 2);
  fiber.join();
  return left + right;
}

}  // namespace

int main() {
  bench::run_boost([] {
    const double start = bench::work_seconds();
    const std::int64_t result = fib(27);
    const double took = bench::work_seconds() - start;
    bench::check(result == 196'418, "fib");
    bench::report("fib", "wall", took * 1e3, "ms");
  });
}
