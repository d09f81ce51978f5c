// A million fibers (or as many as the argument says), all parked at one gate at the same time: what each costs in
// memory, how long it takes until all are parked, and how long until all have gone through the opened gate.
// Fibers are started detached and counted at the gate: a vector of a million handles would be charged to their memory.
#include <atomic>

#include "../boost_fiber.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::count(argc, argv, 1'000'000);
  bench::run_boost([count] {
    const double before = bench::memory_bytes();
    bench::fibers::unbuffered_channel<int> gate;
    std::atomic<std::int64_t> arrived = 0;
    std::atomic<std::int64_t> woken = 0;
    double start = bench::work_seconds();
    for (std::int64_t i = 0; i < count; ++i) {
      bench::start_fiber([&gate, &arrived, &woken] {
        arrived.fetch_add(1, std::memory_order_relaxed);  // relaxed: only counts
        int nothing = 0;
        gate.pop(nothing);
        woken.fetch_add(
            1, std::memory_order_release);  // pairs with: the last loop below, which ends the gate's life
      }).detach();
    }
    // relaxed: only counts
    while (arrived.load(std::memory_order_relaxed) != count) boost::this_fiber::yield();
    const double created = bench::work_seconds() - start;
    const double bytes = bench::memory_bytes() - before;
    start = bench::work_seconds();
    gate.close();
    // acquire: pairs with the fetch_add of each fiber
    while (woken.load(std::memory_order_acquire) != count) boost::this_fiber::yield();
    const double released = bench::work_seconds() - start;
    const double n = static_cast<double>(count);
    bench::report("parked", "memory", bytes / n, "B");
    bench::report("parked", "create", created * 1e9 / n, "ns");
    bench::report("parked", "release", released * 1e9 / n, "ns");
  });
}
