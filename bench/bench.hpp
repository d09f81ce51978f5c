// bench: what every C++ workload shares: the clock, the adaptive loop, memory and processor time, the report line.
//
// A workload is a program that prints lines `workload metric value unit` on standard output and exits with 0, or exits
// with 1 when a result is wrong. run.py reads those lines. gobench/gobench.go is the same for Go: a change in one of
// the two belongs into the other as well, or the columns stop being comparable.
// The environment: BENCH_SECONDS, the length of the measured loop (0.4); BENCH_PROCS, the number of processors for
// runtimes that have no such variable of their own (1); BENCH_CLOCK=cpu, which measures the processor time of the process
// instead of time passed: for a machine that is not idle, and only for one processor.
// Rejected: a benchmark framework. Its loop would be calibrated by other rules than Go's `testing`, and a workload that
// starts a runtime and waits for goroutines does not fit into a per-iteration callback.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace bench {

inline double positive_from_environment(const char* name, double fallback) {
  const char* text = std::getenv(name);
  const double value = text != nullptr ? std::atof(text) : 0;
  return value > 0 ? value : fallback;
}

// How many processors the runtime shall use.
inline int processors() { return static_cast<int>(positive_from_environment("BENCH_PROCS", 1)); }

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The clock of everything that is work and not waiting: time passed, or the processor time of this process.
inline double work_seconds() {
  static const bool cpu = [] {
    const char* wanted = std::getenv("BENCH_CLOCK");
    return wanted != nullptr && std::strcmp(wanted, "cpu") == 0;
  }();
  if (!cpu) return now_seconds();
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// Calls body(n) with growing operation counts until one call takes about a quarter of the wanted time, then once more
// with a count that fills the wanted time, and returns the nanoseconds per operation of that last call. body returns
// how many operations it did, which may be a little more than it was asked for.
template <class Body> double ns_per_op(Body body) {
  const double want = positive_from_environment("BENCH_SECONDS", 0.4);
  std::int64_t n = 1000;
  for (;;) {
    const double start = work_seconds();
    const std::int64_t did = body(n);
    const double took = work_seconds() - start;
    const double per_op = std::max(took, 1e-9) / static_cast<double>(did);
    if (took >= want / 4) {
      n = static_cast<std::int64_t>(want / per_op);
      break;
    }
    n = std::min(static_cast<std::int64_t>(want / 2 / per_op), n * 20) + 1;
  }
  const double start = work_seconds();
  const std::int64_t did = body(n);
  return (work_seconds() - start) * 1e9 / static_cast<double>(did);
}

inline void report(const char* workload, const char* metric, double value, const char* unit) {
  std::printf("%s %s %.6g %s\n", workload, metric, value, unit);
  std::fflush(stdout);
}

// Three lines: half of the values, 99 % and 99.9 % of them are not above.
inline void report_percentiles(const char* workload, const std::string& metric, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  const auto at = [&us](double part) { return us[static_cast<std::size_t>(static_cast<double>(us.size() - 1) * part)]; };
  report(workload, (metric + "_p50").c_str(), at(0.5), "us");
  report(workload, (metric + "_p99").c_str(), at(0.99), "us");
  report(workload, (metric + "_p999").c_str(), at(0.999), "us");
}

// Ends the program with exit status 1 when a result is wrong. Nothing is unwound: the runtime under test is not trusted
// to shut down after it has computed something wrong.
inline void check(bool ok, const char* workload) {
  if (ok) return;
  std::fprintf(stderr, "%s: wrong result\n", workload);
  std::_Exit(1);
}

// The program's first argument, or the fallback when there is none.
inline std::int64_t count(int argc, char** argv, std::int64_t fallback) {
  if (argc < 2) return fallback;
  const std::int64_t n = std::atoll(argv[1]);
  if (n <= 0) {
    std::fprintf(stderr, "the argument must be a positive count\n");
    std::_Exit(2);
  }
  return n;
}

// The resident memory of this process plus its page tables, in bytes. Page tables count: they are what a stack in a
// slot of its own costs beyond its pages.
inline double memory_bytes() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  double total = 0;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::strncmp(line, "VmRSS:", 6) == 0 || std::strncmp(line, "VmPTE:", 6) == 0)
      total += std::atof(line + 6) * 1024;
  }
  std::fclose(status);
  return total;
}

inline rusage usage() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used;
}

// The largest resident memory this process has had, in bytes.
inline double peak_memory_bytes() { return static_cast<double>(usage().ru_maxrss) * 1024; }

// The user and system time this process has used.
inline double cpu_seconds() {
  const rusage used = usage();
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

}  // namespace bench
