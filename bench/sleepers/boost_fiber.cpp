// A million fibers (or as many as the argument says) sleep once each, 1 to 1000 ms. Lateness is what a fiber measures
// itself: how much longer than asked its sleep took. None may wake early.
#include <atomic>

#include "../boost_fiber.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::count(argc, argv, 1'000'000);
  bench::run_boost([count] {
    using clock = std::chrono::steady_clock;
    std::vector<std::int64_t> late(static_cast<std::size_t>(count), -1);
    std::int64_t left = count;
    bench::fibers::mutex lock;
    bench::fibers::condition_variable all_done;
    double cpu = bench::cpu_seconds();
    const double start = bench::now_seconds();
    for (std::int64_t i = 0; i < count; ++i) {
      bench::start_fiber([&late, &left, &lock, &all_done, i] {
        const std::chrono::milliseconds asked(1 + (i * 7919) % 1000);
        const auto began = clock::now();
        boost::this_fiber::sleep_for(asked);
        late[static_cast<std::size_t>(i)] = std::chrono::nanoseconds(clock::now() - began - asked).count();
        const std::lock_guard held(lock);
        if (--left == 0) all_done.notify_one();
      }).detach();
    }
    std::unique_lock<bench::fibers::mutex> held(lock);
    all_done.wait(held, [&] { return left == 0; });
    held.unlock();
    const double wall = bench::now_seconds() - start;
    cpu = bench::cpu_seconds() - cpu;
    std::sort(late.begin(), late.end());
    bench::check(late.front() >= 0, "sleepers");
    bench::report("sleepers", "wall", wall * 1e3, "ms");
    bench::report("sleepers", "cpu", cpu * 1e3, "ms");
    bench::report("sleepers", "late_p50", static_cast<double>(late[late.size() / 2]) / 1e3, "us");
    bench::report("sleepers", "late_p99", static_cast<double>(late[late.size() / 100 * 99]) / 1e3, "us");
  });
}
