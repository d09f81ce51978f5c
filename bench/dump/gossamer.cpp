// A dump of a hundred thousand goroutines (or as many as the argument says) that wait ten calls deep, a few at each depth:
// what it costs, and by how much memory grows meanwhile; and what runtime::leaks of them costs.
#include <gossamer/gossamer.hpp>

#include <string>

#include "../bench.hpp"

namespace {

[[gnu::noinline]] int wait_below(gos::chan<void>& gate, std::int64_t calls) {
  volatile int kept = 1;
  if (calls == 0) {
    gate.recv();
  } else {
    kept = wait_below(gate, calls - 1);
  }
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = bench::count(argc, argv, 100'000);
  return gos::run([count] {
    auto gate = gos::make_chan<void>();
    gos::wait_group arrived;
    gos::wait_group left;
    arrived.add(static_cast<int>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      left.go([&gate, &arrived, i] {
        arrived.done();
        wait_below(gate, 8 + i % 4);
      });
    }
    arrived.wait();
    gos::runtime::stack_dump(true);  // names are looked up once
    const double before = bench::memory_bytes();
    const double start = bench::work_seconds();
    const std::string dump = gos::runtime::stack_dump(true);
    const double seconds = bench::work_seconds() - start;
    const double bytes = bench::memory_bytes() - before;
    bench::check(dump.size() > static_cast<std::size_t>(count) * 40, "dump");
    bench::report("dump", "dump", seconds * 1e9 / static_cast<double>(count), "ns");
    bench::report("dump", "memory", bytes / static_cast<double>(count), "B");
    const double leaks_start = bench::work_seconds();
    const std::size_t blocked = gos::runtime::leaks(gos::duration(0)).size();
    const double leaks_seconds = bench::work_seconds() - leaks_start;
    bench::check(blocked >= static_cast<std::size_t>(count), "leaks");
    bench::report("dump", "leaks", leaks_seconds * 1e9 / static_cast<double>(count), "ns");
    gate.close();
    left.wait();
  });
}
