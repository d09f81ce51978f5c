// Eight fibers add to one counter under one mutex.
#include "../boost_fiber.hpp"

int main() {
  bench::run_boost([] {
    constexpr int goroutines = 8;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / goroutines + 1;
      bench::fibers::mutex lock;
      std::int64_t counter = 0;
      std::vector<bench::fibers::fiber> started;
      for (int g = 0; g < goroutines; ++g) {
        started.push_back(bench::start_fiber([each, &lock, &counter] {
          for (std::int64_t i = 0; i < each; ++i) {
            const std::lock_guard held(lock);
            ++counter;
          }
        }));
      }
      for (auto& fiber : started) fiber.join();
      bench::check(counter == each * goroutines, "mutex");
      return counter;
    });
    bench::report("mutex", "lock_unlock", ns, "ns");
  });
}
