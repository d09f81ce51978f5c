// stuck: goroutines that wait in every way, for a debugger to find (check.py). It says "ready" when all have begun to wait, as
// far as a program can know that of itself.
//
//   stuck wait     then waits for ever
//   stuck crash    then aborts
//   stuck fresh    instead: starts a goroutine and calls stop_here before that one can have run
#include <gossamer/gossamer.hpp>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace std::chrono_literals;

std::atomic<int> begun{0};
std::atomic<long> turns{0};
volatile int depth_reached = 0;

// Not tail calls: each of these functions is to be on the stack while it waits.
[[gnu::noinline]] void receive(gos::chan<int> ch) {
  ++begun;
  (void)ch.recv();
  ++begun;
}

[[gnu::noinline]] void send(gos::chan<int> ch) {
  ++begun;
  ch.send(1);
  ++begun;
}

[[gnu::noinline]] void lock_mutex(gos::mutex& m) {
  ++begun;
  m.lock();
  ++begun;
}

[[gnu::noinline]] void choose(gos::chan<int> a, gos::chan<int> b) {
  ++begun;
  gos::select({gos::recv(a, [] {}), gos::send(b, 1, [] {})});
  ++begun;
}

[[gnu::noinline]] void doze() {
  ++begun;
  gos::sleep(10h);
  ++begun;
}

[[gnu::noinline]] void dig(int depth, gos::chan<int> ch) {
  depth_reached = depth;
  if (depth == 0) {
    receive(ch);
  } else {
    dig(depth - 1, ch);
  }
  depth_reached = depth;
}

[[gnu::noinline]] void stay_on_thread(gos::chan<int> ch) {
  const gos::pin here;
  receive(ch);
}

[[gnu::noinline]] void compute() {
  ++begun;
  for (;;) turns.fetch_add(1, std::memory_order_relaxed);
}

void stay_in_handler(int) {
  ++begun;
  for (;;) ::pause();
}

// On the signal stack of its thread, which is no goroutine's.
[[gnu::noinline]] void be_interrupted() {
  struct sigaction action = {};
  action.sa_handler = stay_in_handler;
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGUSR1, &action, nullptr);
  gos::blocking([] { ::raise(SIGUSR1); });
  ++begun;
}

[[gnu::noinline]] void never_ran(int) { ++begun; }

[[gnu::noinline]] void crash_here() {
  begun = 0;
  std::abort();
}

}  // namespace

extern "C" [[gnu::noinline]] void stop_here() {
  begun = 0;
  asm volatile("");
}

int main(int, char** arguments) {
  const std::string mode = arguments[1] != nullptr ? arguments[1] : "wait";
  return gos::run([&] {
    if (mode == "fresh") {
      gos::go({.name = "new"}, never_ran, 1);
      stop_here();
      return;
    }
    auto nothing_comes = gos::make_chan<int>();
    auto nobody_takes = gos::make_chan<int>();
    auto never = gos::make_chan<int>();
    gos::mutex m;
    m.lock();
    gos::go({.name = "reader"}, receive, nothing_comes);
    gos::go(send, nobody_takes);
    gos::go([&m] { lock_mutex(m); });
    gos::go(choose, never, gos::chan<int>());
    gos::go(doze);
    gos::go(dig, 40, nothing_comes);
    gos::go(stay_on_thread, nothing_comes);
    for (int i = 0; i < 5; ++i) gos::go(receive, nothing_comes);
    gos::go({.name = "spinner"}, compute);
    gos::go(be_interrupted);
    while (begun.load() < 14) gos::sleep(1ms);
    gos::sleep(20ms);
    std::puts("ready");
    std::fflush(stdout);
    if (mode == "crash") crash_here();
    gos::blocking([] {
      for (;;) ::pause();
    });
  });
}
