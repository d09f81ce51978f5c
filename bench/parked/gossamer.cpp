// A million goroutines (or as many as the argument says), all parked at one gate at the same time: what each costs in
// memory, how long it takes until all are parked, and how long until all have gone through the opened gate.
#include <gossamer/gossamer.hpp>

#include <atomic>

#include "../bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::count(argc, argv, 1'000'000);
  return gos::run([count] {
    const double before = bench::memory_bytes();
    auto gate = gos::make_chan<void>();
    gos::wait_group arrived;
    gos::wait_group left;
    std::atomic<std::int64_t> woken = 0;
    arrived.add(static_cast<int>(count));
    left.add(static_cast<int>(count));
    double start = bench::work_seconds();
    for (std::int64_t i = 0; i < count; ++i) {
      gos::go([&gate, &arrived, &left, &woken] {
        arrived.done();
        gate.recv();
        woken.fetch_add(1, std::memory_order_relaxed);  // relaxed: read after left.wait(), which orders it
        left.done();
      });
    }
    arrived.wait();
    const double created = bench::work_seconds() - start;
    const double bytes = bench::memory_bytes() - before;
    start = bench::work_seconds();
    gate.close();
    left.wait();
    const double released = bench::work_seconds() - start;
    bench::check(woken.load(std::memory_order_relaxed) == count,
                 "parked");  // relaxed: ordered by left.wait()
    const double n = static_cast<double>(count);
    bench::report("parked", "memory", bytes / n, "B");
    bench::report("parked", "create", created * 1e9 / n, "ns");
    bench::report("parked", "release", released * 1e9 / n, "ns");
  });
}
