// How late goroutines wake, on one processor: by a socket (probe.cpp asks), by a timer, by a channel. The argument says what else
// runs meanwhile: idle: nothing; busy: as many goroutines as there are processors compute, and yield every 10 us; hog: they
// compute and never enter the runtime.
#include <gossamer/gossamer.hpp>
#include <gossamer/net.hpp>

#include <atomic>
#include <cstdio>

#include "../bench.hpp"

namespace {

std::atomic<bool> stop{false};

void compute(double seconds) {
  const double end = bench::now_seconds() + seconds;
  while (bench::now_seconds() < end && !stop.load(std::memory_order_relaxed)) {}  // relaxed: seen sooner or later
}

void start_load(const std::string& mode, gos::wait_group& done) {
  if (mode == "idle") return;
  for (int i = 0; i < gos::runtime::max_procs(); ++i) {
    done.go([mode] {
      while (!stop.load(std::memory_order_relaxed)) {  // relaxed: seen sooner or later
        compute(mode == "hog" ? 1e9 : 10e-6);
        gos::yield();
      }
    });
  }
}

// Until the probe hangs up.
void answer(gos::net::tcp_listener& listener) {
  auto conn = listener.accept();
  bench::check(conn.has_value(), "latency");
  char buffer[4096];
  for (;;) {
    const auto n = conn->read_some(std::span<char>(buffer));
    if (!n || *n == 0) return;
    if (!conn->write_all(std::string_view(buffer, *n))) return;
  }
}

std::vector<double> timers(int count) {
  std::vector<double> late;
  for (int i = 0; i < count; ++i) {
    const double start = bench::now_seconds();
    gos::sleep(std::chrono::milliseconds(1));
    late.push_back((bench::now_seconds() - start - 1e-3) * 1e6);
  }
  return late;
}

std::vector<double> channels(int count) {
  auto ch = gos::make_chan<double>();
  gos::go([ch, count] {
    for (int i = 0; i < count; ++i) {
      gos::sleep(std::chrono::milliseconds(1));
      ch.send(bench::now_seconds());
    }
    ch.close();
  });
  std::vector<double> late;
  for (double sent : ch) late.push_back((bench::now_seconds() - sent) * 1e6);
  return late;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "idle";
  return gos::run([mode] {
    auto listener = gos::net::listen("tcp", "127.0.0.1:0");
    bench::check(listener.has_value(), "latency");
    std::printf("port %d\n", static_cast<int>(listener->address().port()));
    std::fflush(stdout);
    gos::wait_group done;
    start_load(mode, done);
    answer(*listener);
    const int count = mode == "hog" ? 200 : 1000;
    bench::report_percentiles("latency", "timer", timers(count));
    bench::report_percentiles("latency", "chan", channels(count));
    stop.store(true, std::memory_order_relaxed);  // relaxed: seen sooner or later
    done.wait();
  });
}
