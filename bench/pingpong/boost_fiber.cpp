// Two fibers pass a number to and fro over two unbuffered channels; each adds one.
#include "../boost_fiber.hpp"

int main() {
  bench::run_boost([] {
    const double ns = bench::ns_per_op([](std::int64_t n) {
      bench::fibers::unbuffered_channel<std::int64_t> ping;
      bench::fibers::unbuffered_channel<std::int64_t> pong;
      std::int64_t last = 0;
      auto left = bench::start_fiber([&] {
        for (std::int64_t v : ping) pong.push(v + 1);
        pong.close();
      });
      auto right = bench::start_fiber([&] {
        std::int64_t v = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          ping.push(v + 1);
          v = pong.value_pop();
        }
        ping.close();
        last = v;
      });
      left.join();
      right.join();
      std::int64_t nothing = 0;
      const bool open = pong.pop(nothing) == bench::fibers::channel_op_status::success;
      bench::check(last == 2 * n && !open, "pingpong");
      return n;
    });
    bench::report("pingpong", "round_trip", ns, "ns");
  });
}
