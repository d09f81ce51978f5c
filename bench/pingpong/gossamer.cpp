// Two goroutines pass a number to and fro over two unbuffered channels; each adds one.
#include <gossamer/gossamer.hpp>

#include "../bench.hpp"

int main() {
  return gos::run([] {
    const double ns = bench::ns_per_op([](std::int64_t n) {
      auto ping = gos::make_chan<std::int64_t>();
      auto pong = gos::make_chan<std::int64_t>();
      gos::go([ping, pong] {
        for (std::int64_t v : ping) pong.send(v + 1);
        pong.close();
      });
      std::int64_t v = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        ping.send(v + 1);
        v = *pong.recv();
      }
      ping.close();
      const bool open = pong.recv().has_value();
      bench::check(v == 2 * n && !open, "pingpong");
      return n;
    });
    bench::report("pingpong", "round_trip", ns, "ns");
  });
}
