// parked_million: parks as many goroutines as asked for, a million unless told, and prints what each costs, page tables
// included.
#include <gossamer/gossamer.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

using namespace std::chrono_literals;

namespace {

long status_kib(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":")) return std::atol(line.c_str() + field.size() + 1);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::atol(argv[1]) : 1'000'000;
  return gos::run([=] {
    auto gate = gos::make_chan<int>();
    std::atomic<long> started = 0, woken = 0;
    gos::wait_group done;
    for (long i = 0; i < count; ++i) {
      done.go([&] {
        ++started;
        gate.recv();
        ++woken;
      });
    }
    while (started < count) gos::sleep(1ms);
    gos::sleep(50ms);  // The last ones are parked.
    const long kib = status_kib("VmRSS") + status_kib("VmPTE");
    std::printf("%zu goroutines\n", gos::runtime::num_goroutine());
    std::printf("%ld bytes each\n", kib * 1024 / count);
    gate.close();
    done.wait();
    std::printf("%ld woken\n", woken.load());
  });
}
