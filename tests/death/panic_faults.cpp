// panic_faults: memory faults on goroutines (PD-20), and faults inside a crash report itself. See conformance/pd_faults_test.cpp.
#include "modes.hpp"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

// What the allocator does from the moment on at which a panic's text has been asked for.
enum class allocator { works, throws, faults, hangs };
static std::atomic<allocator> now_it{allocator::works};
static volatile std::uintptr_t nowhere = 16;

// Not inlined: g++ would take new and delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  switch (now_it.load()) {
    case allocator::works: break;
    case allocator::throws: throw std::bad_alloc();
    case allocator::faults: *reinterpret_cast<volatile int*>(nowhere) = 1; break;
    case allocator::hangs:
      for (;;) ::pause();
  }
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

template <class F> int crash(F f) {
  return gos::run([&] {
    gos::go({.name = "faulty"}, f);
    gos::chan<void>().recv();
  });
}

struct breaks_the_allocator {
  allocator how;
  std::string message() const {
    now_it = how;
    return "short";
  }
};

volatile int zero = 0;
volatile int sink = 0;

[[gnu::noinline]] void write_to_nowhere() { *reinterpret_cast<volatile int*>(nowhere) = 1; }
[[gnu::noinline]] void divide_by_zero() { sink = 7 / zero; }
[[gnu::noinline]] void call_null() {
  void (*volatile function)() = nullptr;
  function();
  asm volatile("");
}
[[gnu::noinline]] void do_nonsense() { __builtin_trap(); }
// A fault of malloc itself, which has the lock of its arena: what it finds in a free block leads nowhere.
[[gnu::noinline]] void break_the_heap() {
  constexpr std::size_t size = 5000;  // too large for what each thread keeps to itself
  void* const block = std::malloc(size);
  void* const wall = std::malloc(size);  // or it would be joined with what is free behind it
  auto* volatile links = static_cast<std::uintptr_t*>(block);
  std::free(block);
  links[0] = links[1] = nowhere;
  sink = std::malloc(2 * size) == wall;
}
[[gnu::noinline]] void read_past_a_file() {
  char name[] = "/tmp/gos-test-XXXXXX";
  const int fd = ::mkstemp(name);
  ::unlink(name);
  void* page = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  sink = *static_cast<volatile char*>(page);
}

void say(int fd, const char* text) { [[maybe_unused]] auto written = ::write(fd, text, std::strlen(text)); }

void own_handler(int) {
  say(1, "own handler\n");
  ::_exit(9);
}

// The panic's text, or "no panic".
template <class F> std::string text_of_fault(F f) {
  std::string text = "no panic";
  int destroyed = 0;
  struct counts {
    int& count;
    ~counts() { ++count; }
  };
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([&] {
      if (auto p = gos::recover()) text = p->message() + (p->is_runtime_error() ? "" : " (no runtime error)");
    });
    counts local{destroyed};
    f();
  });
  return destroyed == 1 ? text : text + ", but a destructor did not run";
}

template <class F> int panic_on(F f) {
#if defined(__clang__)
  std::puts("no -fnon-call-exceptions");
  return 77;
#else
  return gos::run([=] {
    gos::spawn([=] {
      if (gos::runtime::set_panic_on_fault(true)) wrong("it was on");
      for (int i = 0; i < 100; ++i) {
        const std::string text = text_of_fault(f);
        if (i == 0) std::puts(text.c_str());
        gos::yield();
      }
      if (!gos::runtime::set_panic_on_fault(false)) wrong("it was off");
      std::fflush(stdout);
      gos::spawn([] {}).join();
    }).join();
  });
#endif
}

// Standard error as a pipe that nobody reads: full, or without a reader.
void stderr_to_pipe(bool full) {
  int ends[2];
  if (::pipe(ends) != 0) wrong("no pipe");
  if (full) {
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    const std::string block(4096, 'x');
    while (::write(ends[1], block.data(), block.size()) > 0) {}
    ::fcntl(ends[1], F_SETFL, 0);
  } else {
    ::close(ends[0]);
  }
  ::dup2(ends[1], 2);
}

const modes all = {
    {"write", [] { return crash(write_to_nowhere); }},
    {"divide", [] { return crash(divide_by_zero); }},
    {"call-null", [] { return crash(call_null); }},
    {"nonsense", [] { return crash(do_nonsense); }},
    {"bus", [] { return crash(read_past_a_file); }},
    {"main", [] { return gos::run(write_to_nowhere); }},
    {"buffered", [] {
       return crash([] {
         std::printf("buffered line\n");
         write_to_nowhere();
       });
     }},
    {"thread", [] {
       gos::run([] {});
       std::thread(write_to_nowhere).join();
       return 0;
     }},
    {"in-signal-handler", [] {
       std::signal(SIGUSR1, [](int) { write_to_nowhere(); });
       return crash([] { ::pthread_kill(::pthread_self(), SIGUSR1); });
     }},
    {"many", [] {
       return gos::run([] {
         for (int i = 0; i < 8; ++i) gos::go(write_to_nowhere);
         gos::chan<void>().recv();
       });
     }},
    {"fault-beside-panic", [] {
       return gos::run([] {
         for (int i = 0; i < 8; ++i) {
           gos::go([i] {
             if (i % 2 == 0) write_to_nowhere();
             gos::panic("beside a fault");
           });
         }
         gos::chan<void>().recv();
       });
     }},
    {"handler-before", [] {
       std::signal(SIGSEGV, own_handler);
       std::signal(SIGFPE, own_handler);
       return crash(divide_by_zero);
     }},
    {"handler-after", [] {
       return crash([] {
         std::signal(SIGSEGV, own_handler);
         write_to_nowhere();
       });
     }},
    {"sent", [] { return crash([] { ::kill(::getpid(), SIGSEGV); }); }},
    {"deferred-do-not-run", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] {
             gos::recover();
             wrong("a deferred call ran");
           });
           write_to_nowhere();
         });
       });
     }},
    // The opt-in.
    {"panic-write", [] { return panic_on(write_to_nowhere); }},
    {"panic-far", [] {
       return panic_on([] { *reinterpret_cast<volatile int*>(nowhere * 0x10000000) = 1; });
     }},
    {"panic-divide", [] { return panic_on(divide_by_zero); }},
    {"panic-unrecovered", [] {
       return crash([] {
         gos::runtime::set_panic_on_fault(true);
         write_to_nowhere();
       });
     }},
    {"panic-not-inherited", [] {
       return crash([] {
         gos::runtime::set_panic_on_fault(true);
         gos::go(write_to_nowhere);
         gos::chan<void>().recv();
       });
     }},
    {"panic-in-libc", [] {
       return crash([] {
         gos::runtime::set_panic_on_fault(true);
         const char* volatile text = reinterpret_cast<const char*>(nowhere);
         sink = static_cast<int>(std::strlen(text));
       });
     }},
    // Faults in the report.
    {"memory-throws", [] { return crash([] { gos::panic(breaks_the_allocator{allocator::throws}); }); }},
    {"memory-faults", [] { return crash([] { gos::panic(breaks_the_allocator{allocator::faults}); }); }},
    {"memory-hangs", [] { return crash([] { gos::panic(breaks_the_allocator{allocator::hangs}); }); }},
    {"memory-throws-fatal", [] {
       return crash([] {
         now_it = allocator::throws;
         gos::mutex().unlock();
       });
     }},
    {"memory-throws-fault", [] {
       return crash([] {
         now_it = allocator::throws;
         write_to_nowhere();
       });
     }},
    {"memory-hangs-fault", [] {
       return crash([] {
         now_it = allocator::hangs;
         write_to_nowhere();
       });
     }},
    {"in-malloc", [] {
       return crash([] {
         break_the_heap();
         asm volatile("");
       });
     }},
    {"address-space", [] {
       return crash([] {
         const rlimit none{1 << 20, 1 << 20};
         ::setrlimit(RLIMIT_AS, &none);
         std::vector<void*> all_of_it;
         for (std::size_t size = 1 << 20; size >= 16; size /= 2) {
           while (void* memory = std::malloc(size)) *static_cast<void* volatile*>(memory) = memory;
         }
         gos::panic(std::string(100, 'x'));
       });
     }},
    {"stderr-closed", [] {
       return crash([] {
         ::close(2);
         gos::panic("unheard");
       });
     }},
    {"stderr-without-reader", [] {
       return crash([] {
         stderr_to_pipe(false);
         gos::panic("unheard");
       });
     }},
    {"stderr-full", [] {
       return crash([] {
         stderr_to_pipe(true);
         gos::panic("stuck");
       });
     }},
    {"stderr-does-not-wait", [] {
       return crash([] {
         ::fcntl(2, F_SETFL, O_NONBLOCK);
         gos::panic(std::string(1 << 20, 'x'));
       });
     }},
    {"after-main", [] {
       static struct panics_at_exit {
         ~panics_at_exit() { gos::panic("in a static destructor"); }
       } at_exit;
       return gos::run([] {});
     }},
};

// The same before main, if the environment wants it.
const bool before_main = [] {
  if (std::getenv("GOS_TEST_BEFORE_MAIN") != nullptr) gos::run([] { gos::panic("before main"); });
  return true;
}();

}  // namespace

int main(int argc, char** argv) { return run_mode(all, argc, argv); }
