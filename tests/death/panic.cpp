// panic: how a process ends that a panic ends: chains, texts, levels, and what else may go wrong. See conformance/pd_test.cpp
// and conformance/cr_test.cpp.
#include "modes.hpp"

#include <gossamer/error.hpp>

#include <expected>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace {

// Runs f in a goroutine while main waits for ever.
template <class F> int crash(F f) {
  return gos::run([&] {
    gos::go(f);
    gos::chan<void>().recv();
  });
}

// Runs f as the only deferred call of a panic.
template <class Value, class F> int crash_in_defer(Value value, F f) {
  return crash([=] {
    gos::with_defer([&](gos::defer_stack& defer) {
      defer(f);
      gos::panic(value);
    });
  });
}

enum class color { red, green };
enum small : unsigned char { three = 3 };
struct no_text {
  int x = 0;
};
struct streamed {
  friend std::ostream& operator<<(std::ostream& out, const streamed&) { return out << "streamed\nin two lines"; }
};
struct throwing_text {
  std::string message() const { throw std::runtime_error("the text fails"); }
};
struct panicking_text {
  std::string message() const { gos::panic("a panic\nin the text"); }
};
struct doubly_panicking_text {
  std::string message() const { gos::panic(panicking_text{}); }
};
struct fatal_text {
  std::string message() const {
    gos::mutex m;
    m.unlock();
    return "";
  }
};
struct parking_text {
  std::string message() const {
    auto ch = gos::make_chan<int>();
    gos::go([ch] {
      gos::sleep(1ms);
      ch.send(1);
    });
    ch.recv();
    gos::yield();
    gos::blocking([] { ::usleep(100); });
    return "after a while";
  }
};
[[gnu::noinline]] void throw_it(const char* text) { throw std::runtime_error(text); }
struct throws_when_destroyed {
  ~throws_when_destroyed() { throw_it("in a destructor"); }  // noexcept by default
};
struct panics_when_destroyed {
  ~panics_when_destroyed() { gos::panic("in a destructor"); }
};
struct has_a_destructor {
  ~has_a_destructor() { asm volatile("" ::: "memory"); }
};

[[gnu::noinline]] void panic_in_noexcept() noexcept {
  has_a_destructor local;
  gos::panic("in noexcept");
}
[[gnu::noinline]] void throw_in_noexcept() noexcept {
  has_a_destructor local;
  throw_it("thrown in noexcept");
}
[[gnu::noinline]] void goexit_in_noexcept() noexcept {
  has_a_destructor local;
  gos::goexit();
}

void unlock_unlocked() {
  gos::mutex m;
  m.unlock();
}

void throw_nested() {
  try {
    try {
      throw std::runtime_error("innermost");
    } catch (...) { std::throw_with_nested(std::out_of_range("middle")); }
  } catch (...) { std::throw_with_nested(std::logic_error("outermost")); }
}

void repanic(int depth) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([] { gos::panic(*gos::recover()); });
    if (depth > 0) repanic(depth - 1);
    else gos::panic("message");
  });
}

// Eight goroutines that panic as much at once as they can, on processors of their own.
void eight_at_once(int how_many) {
  static std::atomic<int> here{0};
  for (int i = 0; i < how_many; ++i) {
    gos::go([i, how_many] {
      ++here;
      while (here < std::min(how_many, gos::runtime::max_procs())) gos::yield();
      gos::panic("panic number " + std::to_string(i) + "\nand its second line");
    });
  }
  gos::chan<void>().recv();
}

struct panics_again_when_destroyed {
  ~panics_again_when_destroyed() noexcept(false) { gos::panic("again"); }
};

const modes all = {
    {"main", [] { return gos::run([] { gos::panic("in main"); }); }},
    {"goroutine", [] { return crash([] { gos::panic("in a goroutine"); }); }},
    {"named", [] {
       return gos::run([] {
         gos::go({.name = "worker"}, [] { gos::panic("with a name"); });
         gos::chan<void>().recv();
       });
     }},
    // CR-02
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
       return crash_in_defer("first panic", [] {
         gos::recover();
         gos::panic("second panic");
       });
     }},
    {"repanicked", [] { return crash([] { repanic(0); }); }},
    {"repanicked-often", [] { return crash([] { repanic(20); }); }},
    {"same-value", [] { return crash_in_defer("message", [] { gos::panic("message"); }); }},
    {"rethrown", [] {
       return crash([] {
         try {
           gos::panic("caught and rethrown");
         } catch (...) { throw; }
       });
     }},
    {"rethrown-pointer", [] {
       return crash([] {
         std::exception_ptr kept;
         try {
           throw std::runtime_error("kept");
         } catch (...) { kept = std::current_exception(); }
         std::rethrow_exception(kept);
       });
     }},
    // CR-03
    {"value-enum", [] { return crash([] { gos::panic(color::green); }); }},
    {"value-plain-enum", [] { return crash([] { gos::panic(three); }); }},
    {"value-int", [] { return crash([] { gos::panic(-42); }); }},
    {"value-double", [] { return crash([] { gos::panic(2.5); }); }},
    {"value-bool", [] { return crash([] { gos::panic(false); }); }},
    {"value-string", [] { return crash([] { gos::panic(std::string("text\ngoroutine 1 [running]:\n")); }); }},
    {"value-streamed", [] { return crash([] { gos::panic(streamed{}); }); }},
    {"value-error-code", [] { return crash([] { gos::panic(std::make_error_code(std::errc::broken_pipe)); }); }},
    {"value-exception", [] { return crash([] { gos::panic(std::out_of_range("an exception as a value")); }); }},
    {"value-struct", [] { return crash([] { gos::panic(no_text{}); }); }},
    {"value-nil", [] { return crash([] { gos::panic(nullptr); }); }},
    {"runtime-error", [] {
       return crash([] {
         auto ch = gos::make_chan<int>();
         ch.close();
         ch.send(1);
       });
     }},
    // CR-04
    {"text-throws", [] { return crash([] { gos::panic(throwing_text{}); }); }},
    {"text-panics", [] { return crash([] { gos::panic(panicking_text{}); }); }},
    {"text-panics-twice", [] { return crash([] { gos::panic(doubly_panicking_text{}); }); }},
    {"text-is-fatal", [] { return crash([] { gos::panic(fatal_text{}); }); }},
    {"text-parks", [] { return crash([] { gos::panic(parking_text{}); }); }},
    // CR-05
    {"fatal", [] { return crash([] { unlock_unlocked(); }); }},
    {"fatal-in-defer", [] { return crash_in_defer("pending", [] { unlock_unlocked(); }); }},
    {"fatal-in-second-defer", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] {
             gos::recover();
             gos::with_defer([](gos::defer_stack& inner) {
               inner([] { unlock_unlocked(); });
               gos::panic("second");
             });
           });
           gos::panic("first");
         });
       });
     }},
    {"fatal-while-unwinding", [] {
       return crash([] {
         struct unlocks {
           ~unlocks() { unlock_unlocked(); }
         } local;
         gos::panic("unwinds");
       });
     }},
    {"guard-unwinding", [] {
       return crash([] {
         gos::defer guard([] { gos::panic("in the guard"); });
         gos::panic("first");
       });
     }},
    // CR-06
    {"two-at-once", [] { return gos::run([] { eight_at_once(2); }); }},
    {"eight-at-once", [] { return gos::run([] { eight_at_once(8); }); }},
    {"panics-and-fatals-at-once", [] {
       return gos::run([] {
         for (int i = 0; i < 8; ++i) {
           gos::go([i] {
             if (i % 2 == 0) unlock_unlocked();
             gos::panic("one of many");
           });
         }
         gos::chan<void>().recv();
       });
     }},
    // PD-10, PD-11, PD-12, PD-14
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
    {"not-recovered-by-others", [] {
       return gos::run([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { gos::recover(); });
           gos::go([] { gos::panic("mine alone"); });
           gos::chan<void>().recv();
         });
       });
     }},
    {"dropped-handle", [] {
       return gos::run([] {
         { auto dropped = gos::spawn([] { gos::panic("nobody joins"); }); }
         gos::chan<void>().recv();
       });
     }},
    {"fatal-skips-deferred", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] {
             std::fputs("a deferred call ran\n", stderr);
             gos::recover();
           });
           unlock_unlocked();
         });
       });
     }},
    // PD-15, PD-16
    {"exception", [] { return crash([] { throw std::runtime_error("an exception"); }); }},
    {"exception-in-main", [] { return gos::run([] { throw std::runtime_error("an exception"); }); }},
    {"exception-int", [] { return crash([] { throw 42; }); }},
    {"exception-nested", [] { return crash(throw_nested); }},
    {"exception-of-result", [] {
       return crash([] {
         const gos::result<int> failed = std::unexpected(gos::error(gos::io_errc::timeout));
         std::printf("%d\n", failed.value());
       });
     }},
    {"exception-of-expected", [] {
       return crash([] {
         const std::expected<int, std::string> failed = std::unexpected(std::string("the reason"));
         std::printf("%d\n", failed.value());
       });
     }},
    {"exception-bad-alloc", [] { return crash([] { throw std::bad_alloc(); }); }},
    {"noexcept-panic", [] { return crash(panic_in_noexcept); }},
    {"noexcept-exception", [] { return crash(throw_in_noexcept); }},
    {"noexcept-goexit", [] { return crash(goexit_in_noexcept); }},
    {"destructor-exception", [] { return crash([] { throws_when_destroyed local; }); }},
    {"destructor-panic", [] { return crash([] { panics_when_destroyed local; }); }},
    {"own-terminate", [] {
       std::set_terminate([] {
         std::fputs("own terminate\n", stderr);
         std::_Exit(9);
       });
       return crash(throw_in_noexcept);
     }},
    {"swallowed-goexit", [] {
       return crash([] {
         try {
           gos::goexit();
         } catch (...) {}
         wrong("went on");
       });
     }},
    {"swallowed-panic", [] {
       return crash([] {
         try {
           gos::panic("important");
         } catch (...) {}
         wrong("went on");
       });
     }},
    {"exit", [] {
       return crash([] {
         std::printf("buffered");
         std::exit(7);
       });
     }},
    // Plain threads.
    {"thread", [] {
       std::thread([] { gos::panic("on a std::thread"); }).join();
       return 0;
     }},
    {"thread-before-run", [] {
       gos::panic("before anything runs");
       return 0;
     }},
    {"stdout", [] {
       return crash([] {
         std::printf("buffered line\n");
         gos::panic("x");
       });
     }},
    // CR-09
    {"raise-level", [] {
       gos::runtime::set_traceback(gos::runtime::traceback::crash);
       return crash([] { gos::panic("raised"); });
     }},
    {"lower-level", [] {
       gos::runtime::set_traceback(gos::runtime::traceback::none);
       return crash([] { gos::panic("not lowered"); });
     }},
    {"raise-and-back", [] {
       gos::runtime::set_traceback(gos::runtime::traceback::crash);
       gos::runtime::set_traceback(gos::runtime::traceback::single);
       return crash([] { gos::panic("back again"); });
     }},
    {"joined", [] { return gos::run([] { gos::spawn([] { gos::panic("joined"); }).join(); }); }},
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
    {"destroyed-in-defer", [] {
       return crash([] {
         gos::with_defer([](gos::defer_stack& defer) {
           defer([] { panics_again_when_destroyed local; });
           gos::panic("first");
         });
       });
     }},
    {"thread-caught", [] {
       try {
         gos::panic("caught");
       } catch (...) {
         std::puts("caught");
       }
       return 0;
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(all, argc, argv); }
