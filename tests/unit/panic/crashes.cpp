// crashes: the ways in which a panic ends a process, one mode each. See report_test.cpp.
#include "../../death/modes.hpp"

#include <stdexcept>
#include <thread>


namespace {

// Runs f in a goroutine while main waits for ever.
template <class F>
int crash(F f) {
  return gos::run([&] {
    gos::go(f);
    gos::chan<void>().recv();
  });
}

struct throwing_text {
  std::string message() const { throw std::runtime_error("the text fails"); }
};
struct parking_text {
  std::string message() const {
    auto ch = gos::make_chan<int>();
    gos::go([ch] { ch.send(1); });
    ch.recv();
    gos::yield();
    gos::sleep(1ms);
    return "after a while";
  }
};
struct panics_when_destroyed {
  ~panics_when_destroyed() noexcept(false) { gos::panic("again"); }
};

[[gnu::noinline]] void panic_in_noexcept() noexcept { gos::panic("in noexcept"); }

void repeat(int depth) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([] {
      if (auto p = gos::recover()) gos::panic(*p);
    });
    if (depth > 0) repeat(depth - 1);
    else gos::panic("message");
  });
}

const modes all = {
    {"main", [] { return gos::run([] { gos::panic("in main"); }); }},
    {"goroutine", [] { return crash([] { gos::panic("in a goroutine"); }); }},
    {"exception", [] { return crash([] { throw std::runtime_error("an exception"); }); }},
    {"int", [] { return crash([] { throw 42; }); }},
    {"lines", [] { return crash([] { gos::panic("one\ngoroutine 7 [running]:\ntwo"); }); }},
    {"spawned", [] {
       return gos::run([] {
         { auto dropped = gos::spawn([] { gos::panic("nobody joins"); }); }
         gos::chan<void>().recv();
       });
     }},
    {"joined", [] { return gos::run([] { gos::spawn([] { gos::panic("joined"); }).join(); }); }},
    {"chain", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { gos::panic("third"); });
           defer([] { gos::panic("second"); });
           gos::panic("first");
         });
       });
     }},
    {"recovered-chain", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] {
             gos::recover();
             gos::panic("second panic");
           });
           gos::panic("first panic");
         });
       });
     }},
    {"repanicked", [] { return crash([] { repeat(0); }); }},
    {"repanicked-often", [] { return crash([] { repeat(5); }); }},
    {"rethrown-exception", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { gos::panic(*gos::recover()); });
           throw std::runtime_error("an exception");
         });
       });
     }},
    {"sandwich", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& outer) {
           outer([] {
             gos::recover();
             gos::panic("outer");
           });
           gos::with_defer([](gos::defer_stack& inner) {
             inner([] {
               gos::recover();
               gos::panic("inner");
             });
             gos::panic("outer");
           });
         });
       });
     }},
    {"middle", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& a) {
           a([] {
             gos::recover();
             gos::panic("outer");
           });
           gos::with_defer([](gos::defer_stack& b) {
             b([] { gos::panic(*gos::recover()); });
             gos::with_defer([](gos::defer_stack& c) {
               c([] {
                 gos::recover();
                 gos::panic("middle");
               });
               gos::panic("inner");
             });
           });
         });
       });
     }},
    {"same-value", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { gos::panic("message"); });
           gos::panic("message");
         });
       });
     }},
    {"after-goexit", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { gos::panic("hello"); });
           gos::goexit();
         });
       });
     }},
    {"goexit-in-panic", [] {
       return gos::run([] {
         gos::wait_group ended;
         ended.go([] {
           gos::with_defer([](gos::defer_stack& defer) {
             defer([] { gos::goexit(); });
             gos::panic("cancelled");
           });
         });
         ended.wait();
         std::puts("quiet");
       });
     }},
    {"text-throws", [] { return crash([] { gos::panic(throwing_text{}); }); }},
    {"text-parks", [] { return crash([] { gos::panic(parking_text{}); }); }},
    {"swallowed-goexit", [] {
       return crash([] {
         try {
           gos::goexit();
         } catch (...) {
         }
         wrong("went on");
       });
     }},
    {"swallowed-panic", [] {
       return crash([] {
         try {
           gos::panic("important");
         } catch (...) {
         }
         wrong("went on");
       });
     }},
    {"swallowed-goexit-later", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack&) {
           try {
             gos::with_defer([](gos::defer_stack& defer) {
               defer([] { throw std::runtime_error("takes goexit's place"); });
               gos::goexit();
             });
           } catch (const std::exception&) {
           }
         });
         wrong("went on");
       });
     }},
    {"noexcept", [] { return crash([] { panic_in_noexcept(); }); }},
    {"guard-unwinding", [] {
       return crash([] {
         gos::defer guard([] { gos::panic("in the guard"); });
         gos::panic("first");
       });
     }},
    {"two-at-once", [] {
       return gos::run([] {
         static std::atomic<int> here{0};
         for (int i = 0; i < 8; ++i) {
           gos::go([] {
             ++here;
             while (here < 2) gos::yield();
             gos::panic("one of many");
           });
         }
         gos::chan<void>().recv();
       });
     }},
    {"plain-thread", [] {
       gos::panic("on a plain thread");
       return 0;
     }},
    {"plain-thread-caught", [] {
       try {
         gos::panic("caught");
       } catch (...) {
         std::puts("caught");
       }
       return 0;
     }},
    {"plain-std-thread", [] {
       std::thread([] { gos::panic("on a std::thread"); }).join();
       return 0;
     }},
    {"stdout", [] {
       return crash([] {
         std::printf("buffered line\n");
         gos::panic("x");
       });
     }},
    {"destructor", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { panics_when_destroyed local; });
           gos::panic("first");
         });
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(all, argc, argv); }
