// sched: a process whose every goroutine is parked, and one that reads its standard input behind the runtime's back.
#include "modes.hpp"

#include <unistd.h>

#include <thread>

namespace {

// Ways to wait, and nothing that is due.
int idle() {
  // A thread outside that might wake somebody, so this is no deadlock.
  std::thread([] {
    char byte;
    while (::read(0, &byte, 1) > 0) {}
  }).detach();
  return gos::run([] {
    static gos::chan<int> forever = gos::make_chan<int>();
    static gos::mutex locked;
    static gos::wait_group never;
    static gos::chan<int> busy = gos::make_chan<int>(16);
    locked.lock();
    never.add(1);
    // Everything has been in use: all processors, timers, hand-overs.
    gos::wait_group warm;
    for (int i = 0; i < 64; ++i) {
      warm.go([] {
        for (int k = 0; k < 100; ++k) {
          busy.send(k);
          gos::yield();
          busy.recv();
        }
        gos::sleep(1ms);
      });
    }
    warm.wait();
    for (int i = 0; i < 20; ++i) {
      gos::go([] { forever.recv(); });
      gos::go([] { gos::select(gos::recv(forever), gos::recv(busy)); });
      gos::go([] { locked.lock(); });
      gos::go([] { never.wait(); });
      gos::go([] { gos::chan<int>().recv(); });
    }
    gos::go([] {
      gos::sleep(1ms);
      std::puts("parked");
      std::fflush(stdout);
      gos::select();
    });
    forever.recv();
  });
}

int read_stdin() {
  return gos::run([] {
    auto got = gos::make_chan<long>(1);
    gos::go([=] {
      char line[64];
      got.send(::read(0, line, sizeof line));
    });
    for (int i = 0; i < 10; ++i) gos::sleep(1ms);
    std::puts("ten ticks");
    std::fflush(stdout);
    std::printf("read %ld bytes\n", got.recv().value());
  });
}

}  // namespace

int main(int argc, char** argv) { return run_mode({{"idle", idle}, {"read-stdin", read_stdin}}, argc, argv); }
