// stack: goroutines that run out of stack, and faults that are something else.
#include "modes.hpp"

#include <csignal>
#include <cstdint>
#include <unistd.h>

namespace {

volatile long never = -1;  // No compiler knows that it is not reached.

[[gnu::noinline]] long endless(long depth) {
  if (depth == never) return 0;
  volatile char frame[256];
  frame[depth % 256] = static_cast<char>(depth);
  const long below = endless(depth + 1);
  return below + frame[(depth + 1) % 256];
}

[[gnu::noinline]] long deep(const char* top, long bytes) {
  volatile char frame[256];
  frame[0] = 1;
  if (top - static_cast<const char*>(__builtin_frame_address(0)) >= bytes) return 1;
  const long below = deep(top, bytes);
  return below + frame[0];
}

void go_down() {
  std::puts("going down");
  std::fflush(stdout);
  std::printf("%ld\n", endless(0));
}

// Over the end, but not so far that it reaches another stack.
constexpr std::size_t small_stack = 16 << 10;
void go_a_little_too_far() {
  const auto* here = static_cast<const char*>(__builtin_frame_address(0));
  deep(here, static_cast<long>(reinterpret_cast<std::uintptr_t>(here) % small_stack) - 2048);
}

// Runs f on a goroutine of its own and waits for ever.
template <class F> int on_a_goroutine(gos::spawn_options options, F f) {
  return gos::run([&] {
    gos::go(options, f);
    for (;;) gos::sleep(1h);
  });
}

void write_to_nowhere() {
  volatile std::uintptr_t nowhere = 16;
  *reinterpret_cast<volatile int*>(nowhere) = 1;
}

const modes stack_modes = {
    {"deep",
     [] {
       return gos::run([] {
         gos::spawn([] {
           if (deep(static_cast<const char*>(__builtin_frame_address(0)), 3 << 20) > 0)
             std::puts("3 MiB are fine");
         }).join();
       });
     }},
    {"overflow", [] { return on_a_goroutine({}, go_down); }},
    {"overflow-a-little", [] { return on_a_goroutine({.stack_size = small_stack}, go_a_little_too_far); }},
    {"overflow-a-little-and-wait",
     [] {
       return on_a_goroutine({.stack_size = small_stack}, [] {
         go_a_little_too_far();
         gos::sleep(1h);
       });
     }},
    {"overflow-main", [] { return gos::run(go_down); }},
    {"overflow-in-defer",
     [] {
       return on_a_goroutine({}, [] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] {
             std::puts("deferred calls do not run after a fatal error");
             gos::recover();
           });
           go_down();
         });
       });
     }},
    {"overflow-after-parking",
     [] {
       return on_a_goroutine({}, [] {
         for (int i = 0; i < 10; ++i) gos::sleep(1ms);
         go_down();
       });
     }},
    {"overflow-blocking",
     [] { return on_a_goroutine({}, [] { gos::blocking(go_down); }); }},
    {"overflow-large", [] { return on_a_goroutine({.stack_size = 4 << 20}, go_down); }},
    {"overflow-named",
     [] {
       return on_a_goroutine({.name = "the-deep-one"}, [] {
         const std::string dump = gos::runtime::stack_dump();
         std::printf("I am %s\n", dump.substr(0, dump.find('\n')).c_str());
         go_down();
       });
     }},
    {"overflow-beside-others",
     [] {
       return gos::run([] {
         for (int i = 0; i < 20; ++i) {
           gos::go([] {
             for (;;) gos::yield();
           });
         }
         for (int i = 0; i < 4; ++i) gos::go(go_down);
         for (;;) gos::sleep(1ms);
       });
     }},
    {"wild-pointer", [] { return on_a_goroutine({}, write_to_nowhere); }},
    {"wild-pointer-plain-thread",
     [] {
       gos::spawn([] {}).join();
       write_to_nowhere();
       return 0;
     }},
    // A handler that was there before the runtime is asked for what is not the runtime's.
    {"own-handler",
     [] {
       std::signal(SIGSEGV, [](int) {
         const char text[] = "own handler\n";
         [[maybe_unused]] auto written = ::write(1, text, sizeof text - 1);
         ::_exit(9);
       });
       return on_a_goroutine({}, write_to_nowhere);
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(stack_modes, argc, argv); }
