// Random reads of 4 KiB: by 1, 16 and 256 goroutines past the page cache (O_DIRECT), then by 1 and 16 from it.
//
// The argument is the size of the file in MiB; it lies in the folder BENCH_FILES (/var/tmp) and is removed in the end.
#include <fcntl.h>

#include <gossamer/file.hpp>
#include <gossamer/gossamer.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "../bench.hpp"

namespace {

constexpr std::size_t page = 4096;

struct alignas(page) block {
  std::uint64_t words[page / 8];
};

std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

std::string make_file(std::int64_t pages) {
  const char* folder = std::getenv("BENCH_FILES");
  auto made = gos::create_temporary(std::string(folder != nullptr ? folder : "/var/tmp") + "/gossamer_bench");
  bench::check(made.has_value(), "files");
  constexpr std::int64_t at_once = 256;
  std::string content(at_once * page, '\0');
  for (std::int64_t first = 0; first < pages; first += at_once) {
    for (std::int64_t i = 0; i < at_once; ++i) {
      const std::int64_t number = first + i;
      std::memcpy(content.data() + i * static_cast<std::int64_t>(page), &number, sizeof number);
    }
    bench::check(made->write_all(content).has_value(), "files");
  }
  bench::check(made->sync().has_value(), "files");
  return made->name();
}

// For the wanted time; reports the time and the processor time of a read.
void read_by(int goroutines, gos::file& f, std::uint64_t pages, const std::string& metric) {
  const double seconds = bench::positive_from_environment("BENCH_SECONDS", 0.4);
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> reads{0};
  const double cpu = bench::cpu_seconds();
  const double start = bench::now_seconds();
  gos::wait_group done;
  for (int g = 0; g < goroutines; ++g) {
    done.go([&, g] {
      const auto buffer = std::make_unique<block>();
      std::uint64_t state = 88172645463325252U + static_cast<std::uint64_t>(g) * 7919;
      std::int64_t count = 0;
      for (; !over.load(std::memory_order_relaxed); ++count) {  // relaxed: seen sooner or later
        const std::uint64_t number = next_random(state) % pages;
        const auto got = f.read_at(number * page, std::as_writable_bytes(std::span(buffer->words)));
        bench::check(got == page && buffer->words[0] == number, "files");
      }
      reads.fetch_add(count, std::memory_order_relaxed);  // relaxed: read after the wait
    });
  }
  gos::sleep(std::chrono::duration<double>(seconds));
  over.store(true, std::memory_order_relaxed);  // relaxed: as above
  done.wait();
  const auto count = static_cast<double>(reads.load(std::memory_order_relaxed));  // relaxed: as above
  bench::report("files", metric.c_str(), (bench::now_seconds() - start) * 1e9 / count, "ns");
  bench::report("files", (metric + "_cpu").c_str(), (bench::cpu_seconds() - cpu) * 1e9 / count, "ns");
}

int threads() {
  const auto tasks = gos::read_directory("/proc/self/task");
  return tasks ? static_cast<int>(tasks->size()) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  return gos::run([=] {
    const std::int64_t pages = bench::count(argc, argv, 1024) * 256;
    const std::string path = make_file(pages);
    auto direct = gos::file::open(path, O_RDONLY | O_DIRECT);
    auto cached = gos::file::open(path);
    bench::check(gos::remove(path) && direct && cached, "files");
    for (const int goroutines : {1, 16, 256}) {
      read_by(goroutines, *direct, static_cast<std::uint64_t>(pages), "direct_" + std::to_string(goroutines));
    }
    bench::report("files", "threads", threads(), "threads");
    // The last that were written are in the page cache: read once before.
    constexpr std::uint64_t few = 4096;
    std::string all(few * page, '\0');
    bench::check(cached->read_full(std::span(all)).has_value(), "files");
    read_by(1, *cached, few, "cached_1");
    read_by(16, *cached, few, "cached_16");
  });
}
