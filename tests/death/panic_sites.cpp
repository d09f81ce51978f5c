// panic_sites: stacks of crash reports, and the places where goroutines were spawned. Each mode prints the lines that the report
// has to name to standard output, separated by blanks. See conformance/cr_test.cpp.
#include "modes.hpp"

#include <dlfcn.h>

namespace {

// The number of this line, for the test, and then the rest of the line.
#define HERE std::printf("%d ", __LINE__), std::fflush(stdout),

[[noreturn]] void wait_for_ever() {
  gos::chan<void>().recv();
  std::abort();
}

[[gnu::always_inline]] inline void inlined_function(const char* text) {
  HERE gos::panic(text);
}

[[gnu::noinline]] void calls_inlined() {
  HERE inlined_function("deep");
  asm volatile("");  // no tail call
}

[[gnu::noinline]] void calls_calls() {
  HERE calls_inlined();
  asm volatile("");
}

[[noreturn]] void panic_here() { gos::panic("spawned"); }

// A chain of two goroutines: whose second panics.
const modes all = {
    {"inlined", [] { return gos::run([] { gos::go(calls_calls); wait_for_ever(); }); }},
    {"main", [] { return gos::run([] { gos::panic("in main"); }); }},
    {"go", [] {
       return gos::run([] {
         HERE gos::go([] { panic_here(); });
         wait_for_ever();
       });
     }},
    {"go-function", [] {
       return gos::run([] {
         HERE gos::go(panic_here);
         wait_for_ever();
       });
     }},
    {"go-options", [] {
       return gos::run([] {
         HERE gos::go({.name = "worker"}, [] { panic_here(); });
         wait_for_ever();
       });
     }},
    {"spawn", [] {
       return gos::run([] {
         { HERE static_cast<void>(gos::spawn([] { panic_here(); })); }
         wait_for_ever();
       });
     }},
    {"wait-group", [] {
       return gos::run([] {
         gos::wait_group group;
         HERE group.go([] { panic_here(); });
         wait_for_ever();
       });
     }},
    {"error-group", [] {
       return gos::run([] {
         gos::error_group group;
         HERE group.go([]() -> std::error_code { panic_here(); });
         wait_for_ever();
       });
     }},
    // A task group keeps panics, so it is a fatal error that shows the stack.
    {"task-group", [] {
       return gos::run([] {
         gos::task_group group;
         HERE group.go([] { gos::mutex().unlock(); });
         wait_for_ever();
       });
     }},
    {"nested", [] {
       return gos::run([] {
         gos::go([] {
           HERE gos::go([] { panic_here(); });
           wait_for_ever();
         });
         wait_for_ever();
       });
     }},
    {"exception", [] {
       return gos::run([] {
         gos::go([] {
           HERE throw 42;
         });
         wait_for_ever();
       });
     }},
    {"exception-through-defer", [] {
       return gos::run([] {
         gos::go([] {
           gos::with_defer([](gos::defer_stack& defer) {
             defer([] {});
             HERE throw std::runtime_error("thrown here");
           });
         });
         wait_for_ever();
       });
     }},
    {"misuse", [] {
       return gos::run([] {
         gos::go([] {
           auto ch = gos::make_chan<int>();
           ch.close();
           HERE ch.close();
         });
         wait_for_ever();
       });
     }},
    // Through a shared library that calls back.
    {"shared", [] {
       return gos::run([] {
         gos::go([] {
           const std::string path = std::getenv("GOS_TEST_LIBRARY");
           void* library = ::dlopen(path.c_str(), RTLD_NOW);
           if (library == nullptr) wrong(::dlerror());
           reinterpret_cast<void (*)(void (*)())>(::dlsym(library, "call_back"))([] { panic_here(); });
         });
         wait_for_ever();
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(all, argc, argv); }
