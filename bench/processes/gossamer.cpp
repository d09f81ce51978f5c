// Starts of /bin/true, each waited for: one after the other, then by 16 goroutines. Descriptors and zombies must not be left.
//
// The argument is the number of starts in a row.
#include <sys/wait.h>

#include <gossamer/file.hpp>
#include <gossamer/gossamer.hpp>
#include <gossamer/process.hpp>

#include <string>

#include "../bench.hpp"

namespace {

std::size_t descriptors() {
  const auto all = gos::read_directory("/proc/self/fd");
  return all ? all->size() : 0;
}

void start(std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) {
    const auto ended = gos::process::run({.arguments = {"/bin/true"}});
    bench::check(ended && ended->success(), "processes");
  }
}

template <class Body> void measure(const std::string& metric, std::int64_t times, Body body) {
  const double cpu = bench::cpu_seconds();
  const double began = bench::now_seconds();
  body();
  bench::report("processes", metric.c_str(),
                (bench::now_seconds() - began) * 1e6 / static_cast<double>(times), "us");
  bench::report("processes", (metric + "_cpu").c_str(),
                (bench::cpu_seconds() - cpu) * 1e6 / static_cast<double>(times), "us");
}

}  // namespace

int main(int argc, char** argv) {
  return gos::run([=] {
    const std::int64_t times = bench::count(argc, argv, 10'000);
    constexpr std::int64_t starters = 16;
    bench::check(gos::process::run({.arguments = {"/bin/sleep", "0.01"}}).has_value(),
                 "processes");  // the runtime has what it needs
    const std::size_t before = descriptors();
    measure("in_a_row", times, [=] { start(times); });
    measure("by_16", times / starters * starters, [=] {
      gos::wait_group all;
      for (std::int64_t i = 0; i < starters; ++i) all.go([=] { start(times / starters); });
      all.wait();
    });
    bench::check(descriptors() <= before, "processes");
    bench::check(::waitpid(-1, nullptr, WNOHANG) == -1, "processes");  // nobody left, dead or alive
  });
}
