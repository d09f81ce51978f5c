// spawn: how a process ends: empty callables, main's return, exit from anywhere, statics at the end (SP-03 to SP-11).
#include "modes.hpp"

namespace {

// Says so when it is destroyed: nobody may be unwound when the process ends.
struct loud {
  const char* name;
  explicit loud(const char* n) : name(n) {}
  loud(const loud&) = delete;
  ~loud() {
    std::printf("unwound %s\n", name);
    std::fflush(stdout);
  }
};

// A static that knows whether it has been destroyed. The flag itself is a plain atomic, so that looking is always legal.
std::atomic<bool> static_dead{false};
struct sentinel {
  ~sentinel() {
    static_dead = true;
    // Leave a goroutine that should not be running the time to be caught.
    const auto until = std::chrono::steady_clock::now() + 50ms;
    while (std::chrono::steady_clock::now() < until) {}
  }
};
sentinel global_sentinel;

// Objects of the library with static lifetime: their destructors run when the runtime has stopped.
gos::chan<std::string> global_channel;
gos::mutex global_mutex;
[[maybe_unused]] gos::wait_group global_group;

// Goes through `enter`, a call into the runtime, over and over. Nobody comes back from such a call that was made when the
// statics were dead already; a goroutine that the kernel has set aside in user code may still look at them once.
template <class F> void enter_forever(F enter) {
  for (;;) {
    const bool dead = static_dead;
    enter();
    if (dead) wrong("a goroutine ran after the statics were destroyed");
  }
}

void occupy() {
  for (int i = 0; i < 8; ++i) gos::go([] { enter_forever(gos::yield); });
  for (int i = 0; i < 4; ++i) {
    gos::go([] { enter_forever([] { gos::sleep(50us); }); });
  }
  auto ping = gos::make_chan<int>();
  gos::go([ping] { enter_forever([&] { ping.recv(); }); });
  gos::go([ping] { enter_forever([&] { ping.send(1); }); });
}

// With a recover in place, which must not be asked.
template <class F> int under_a_recover(F spawn_it) {
  return gos::run([&] {
    gos::with_defer([&](gos::defer_stack& defer) {
      defer([] {
        std::puts("deferred ran");
        gos::recover();
      });
      spawn_it();
    });
    std::puts("survived");
  });
}

void park_with_duties(gos::chan<void> ready) {
  loud a("goroutine");
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([] { std::puts("deferred ran"); });
    ready.send();
    gos::chan<void>().recv();
  });
}

const modes spawn_modes = {
    {"nil-pointer",
     [] {
       return under_a_recover([] {
         void (*nothing)() = nullptr;
         gos::go(nothing);
       });
     }},
    {"nil-function", [] { return under_a_recover([] { gos::go(std::function<void()>{}); }); }},
    {"nil-function-plain-thread",
     [] {
       gos::go(std::function<void()>{});
       std::puts("survived");
       return 0;
     }},
    {"main-returns",
     [] {
       return gos::run([] {
         auto ready = gos::make_chan<void>();
         for (int i = 0; i < 10; ++i) gos::go(park_with_duties, ready);
         for (int i = 0; i < 10; ++i) ready.recv();
         gos::go([] {
           for (;;) {}
         });
         gos::go([] {
           for (;;) gos::yield();
         });
         std::puts("main returns");
       });
     }},
    {"main-returns-7", [] { return gos::run([] { return 7; }); }},
    {"exit-elsewhere",
     [] {
       return gos::run([] {
         loud in_main("main");
         auto ready = gos::make_chan<void>();
         gos::go(park_with_duties, ready);
         ready.recv();
         gos::go([] {
           loud in_exiting("exiting goroutine");
           gos::with_defer([](gos::defer_stack& defer) {
             defer([] { std::puts("deferred ran"); });
             std::puts("exiting");
             std::exit(3);
           });
         });
         gos::chan<void>().recv();
       });
     }},
    {"exit-in-main",
     [] {
       return gos::run([] {
         loud in_main("main");
         auto ready = gos::make_chan<void>();
         gos::go(park_with_duties, ready);
         ready.recv();
         std::puts("exiting");
         std::exit(4);
       });
     }},
    {"exit-plain-thread",
     [] {
       occupy();
       std::exit(5);
       return 0;
     }},
    // Main returns while the deferred calls of a panic still run and give way.
    {"panic-race",
     [] {
       return gos::run([] {
         auto deferred = gos::make_chan<void>();
         gos::go([deferred] {
           gos::with_defer([&](gos::defer_stack& defer) {
             defer([deferred] {
               deferred.close();
               for (int i = 0; i < 10; ++i) gos::yield();
             });
             gos::panic("crash in a race with main");
           });
         });
         deferred.recv();
       });
     }},
    {"statics",
     [] {
       return gos::run([] {
         global_channel = gos::make_chan<std::string>(4);
         global_channel.send(std::string("a value longer than any small string buffer, never received"));
         std::atexit([] {
           if (static_dead) wrong("statics died before an exit handler made after them");
         });
         occupy();
         gos::sleep(20ms);
       });
     }},
    {"statics-exit",
     [] {
       return gos::run([] {
         occupy();
         gos::sleep(20ms);
         std::exit(6);
       });
     }},
    // A static made after the runtime started is destroyed before everything registered earlier.
    {"late-static",
     [] {
       return gos::run([] {
         occupy();
         gos::sleep(5ms);
         static sentinel late;
         gos::sleep(20ms);
       });
     }},
    // The same when the thread of run does not come back, and another one ends the process.
    {"late-static-held",
     [] {
       return gos::run([] {
         occupy();
         static sentinel late;
         static std::atomic<bool> held{false};
         const auto home = std::this_thread::get_id();
         for (int i = 0; i < 4; ++i) {
           gos::go([home] {
             for (;;) {
               if (std::this_thread::get_id() == home && !held.exchange(true)) {
                 for (volatile bool hog = true; hog;) {}
               }
               gos::yield();
             }
           });
         }
         while (!held) gos::yield();
       });
     }},
    // What static destructors may call.
    {"use-in-destructor",
     [] {
       static gos::chan<int> numbers = gos::make_chan<int>(2);
       struct user {
         ~user() {
           numbers.send(1);
           if (numbers.recv() != 1) wrong("channel in a static destructor");
           std::lock_guard lock(global_mutex);
           std::puts("used");
           std::fflush(stdout);
         }
       };
       static user late;
       return gos::run([] { occupy(); });
     }},
    {"main-id",
     [] {
       return gos::run([] {
         const std::string dump = gos::runtime::stack_dump();
         std::printf("%s\n", dump.substr(0, dump.find('\n')).c_str());
         auto done = gos::make_chan<void>();
         gos::go([done] { gos::go([done] { done.send(); }); });
         done.recv();
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(spawn_modes, argc, argv); }
