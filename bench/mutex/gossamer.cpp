// Eight goroutines add to one counter under one mutex.
#include <gossamer/gossamer.hpp>

#include <mutex>

#include "../bench.hpp"

int main() {
  return gos::run([] {
    constexpr int goroutines = 8;
    const double ns = bench::ns_per_op([](std::int64_t n) {
      const std::int64_t each = n / goroutines + 1;
      gos::mutex lock;
      std::int64_t counter = 0;
      gos::wait_group done;
      for (int g = 0; g < goroutines; ++g) {
        done.go([each, &lock, &counter] {
          for (std::int64_t i = 0; i < each; ++i) {
            const std::lock_guard held(lock);
            ++counter;
          }
        });
      }
      done.wait();
      bench::check(counter == each * goroutines, "mutex");
      return counter;
    });
    bench::report("mutex", "lock_unlock", ns, "ns");
  });
}
