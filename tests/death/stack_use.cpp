// stack_use: programs whose stacks are measured, with and without GOS_DEBUG=stackuse.
#include "modes.hpp"

namespace {

// Uses at least so many bytes below the caller's frame, writing what is not zero.
[[gnu::noinline]] int use(const char* top, long bytes) {
  volatile char frame[256];
  for (std::size_t i = 0; i < sizeof frame; ++i) frame[i] = 1;
  if (top - static_cast<const char*>(__builtin_frame_address(0)) >= bytes) return frame[3];
  const int below = use(top, bytes);
  return below + frame[7];
}

[[gnu::noinline]] void use_kib(long kib) {
  if (use(static_cast<const char*>(__builtin_frame_address(0)), kib * 1024) == 0) wrong("no stack used");
}

// Whether a spawn site is in `function`; the site goes on with a file, whose path may hold any word.
bool is_in(const std::string& site, const std::string& function) {
  return site == function || site.find("::" + function + "(") != std::string::npos;
}

// Prints an entry of the goroutines that were spawned in `function`: "60 of 256, 1000 goroutines, exact".
void print_entry(const char* function) {
  for (const auto& entry : gos::runtime::stack_use()) {
    if (!is_in(entry.site, function)) continue;
    std::printf("%s: %zu of %zu KiB, %llu, %s\n", function, entry.highest_bytes / 1024, entry.limit_bytes / 1024,
                static_cast<unsigned long long>(entry.goroutines), entry.exact ? "exact" : "estimated");
  }
}

[[gnu::noinline]] void spawn_shallow(gos::wait_group& group) {
  for (int i = 0; i < 1000; ++i) group.go([] {});
}

// What a goroutine of this statement gets has mostly been used by the deep ones.
[[gnu::noinline]] void spawn_after(gos::wait_group& group) {
  for (int i = 0; i < 100; ++i) group.go([] { use_kib(20); });
}

[[gnu::noinline]] void spawn_deep(gos::wait_group& group, int n) {
  for (int i = 0; i < n; ++i) {
    group.go([i] {
      use_kib(i == 3 ? 210 : 100);
      gos::yield();
    });
  }
}

// Deep, then waiting for long near the top, so that the pages below go back; then it ends.
[[gnu::noinline]] void spawn_waiting(gos::wait_group& group, gos::chan<void> gate) {
  group.go([=] {
    use_kib(150);
    gate.recv();
  });
}

int sites() {
  return gos::run([] {
    for (int round = 0; round < 3; ++round) {
      gos::wait_group group;
      spawn_deep(group, 10);
      group.wait();
      spawn_after(group);
      spawn_shallow(group);
      group.wait();
    }
    use_kib(1000);
    print_entry("spawn_deep");
    print_entry("spawn_after");
    print_entry("spawn_shallow");
    print_entry("main");
  });
}

const modes stack_use_modes = {
    {"sites", sites},
    {"shrunk",
     [] {
       return gos::run([] {
         gos::wait_group group;
         auto gate = gos::make_chan<void>();
         spawn_waiting(group, gate);
         gos::sleep(1s);
         print_entry("spawn_waiting");
         for (int i = 0; i < 25; ++i) gos::sleep(100ms);  // several passes of the stack scanner
         gate.close();
         group.wait();
         print_entry("spawn_waiting");
       });
     }},
    {"alive",
     [] {
       return gos::run([] {
         gos::wait_group group;
         auto gate = gos::make_chan<void>();
         spawn_waiting(group, gate);
         gos::sleep(50ms);
         print_entry("spawn_waiting");
         gate.close();
         group.wait();
         print_entry("spawn_waiting");
       });
     }},
    {"report",
     [] {
       return gos::run([] {
         gos::wait_group group;
         spawn_deep(group, 5);
         group.wait();
         const std::string text = gos::runtime::stack_use_report();
         std::fputs(text.c_str(), stdout);
       });
     }},
    {"at-exit",
     [] {
       return gos::run([] {
         gos::wait_group group;
         spawn_shallow(group);
         group.wait();
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(stack_use_modes, argc, argv); }
