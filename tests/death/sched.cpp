// sched: processes whose every goroutine is parked, and one that reads its standard input behind the runtime's back.
#include "modes.hpp"

#include <unistd.h>

#include <thread>
#include <vector>

namespace {

// A thread outside that might wake somebody, so that it is no deadlock when nothing can run.
void somebody_outside() {
  std::thread([] {
    char byte;
    while (::read(0, &byte, 1) > 0) {}
  }).detach();
}

// Ways to wait, and nothing that is due.
int idle() {
  somebody_outside();
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

// Timers and tickers that are due all the time, and nobody waits for them.
int idle_timers() {
  somebody_outside();
  return gos::run([] {
    static std::vector<gos::ticker> tickers;
    static std::vector<gos::timer> timers;
    for (int i = 0; i < 300; ++i) {
      tickers.emplace_back(1ms);
      timers.emplace_back(std::chrono::milliseconds(10 * i));
      // Somebody has waited for it, and no longer does.
      gos::select(gos::recv(tickers.back().channel()), gos::recv(timers.back().channel()),
                  gos::after(1us, [] {}));
    }
    std::puts("parked");
    std::fflush(stdout);
    gos::chan<int>().recv();
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

int main(int argc, char** argv) {
  return run_mode({{"idle", idle}, {"idle-timers", idle_timers}, {"read-stdin", read_stdin}}, argc, argv);
}
