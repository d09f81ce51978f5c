// Spawn and wait, in batches of 1000. Every goroutine leaves its mark, so that none can be skipped.
#include <gossamer/gossamer.hpp>

#include <array>

#include "../bench.hpp"

int main() {
  return gos::run([] {
    constexpr int batch = 1000;
    std::array<std::int64_t, batch> marks{};
    std::int64_t round = 0;
    const double ns = bench::ns_per_op([&](std::int64_t n) {
      std::int64_t did = 0;
      for (; did < n; did += batch) {
        ++round;
        gos::wait_group done;
        done.add(batch);
        for (int i = 0; i < batch; ++i) {
          gos::go([&marks, &round, &done, i] {
            marks[static_cast<std::size_t>(i)] = round;
            done.done();
          });
        }
        done.wait();
        for (std::int64_t mark : marks) bench::check(mark == round, "spawn");
      }
      return did;
    });
    bench::report("spawn", "goroutine", ns, "ns");
  });
}
