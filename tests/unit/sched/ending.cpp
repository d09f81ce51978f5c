// The program that exit_test runs: its main goroutine ends with status 42 while the thread that called gos::run is in a certain state.
// The state is looked for, not assumed: status 99 when it was not reached.
#include <gossamer/gossamer.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "sched/poll_source.hpp"
#include "sched/sched.hpp"

using namespace std::chrono_literals;
namespace rt = gos::rt;

namespace {

rt::machine* home = nullptr;

bool at_home() { return rt::this_machine() == home; }

// Moves the goroutine about: by giving way, by sleeping, by losing the processor.
void move_about(int i) {
  if (i % 3 == 0) {
    gos::yield();
  } else if (i % 16 == 1) {
    ::usleep(12'000);  // at home: another thread gets the processor; elsewhere: perhaps home gets it back
  } else {
    gos::sleep(100us);
  }
}

[[noreturn]] int not_reached() {
  std::fprintf(stderr, "the state was not reached\n");
  std::_Exit(99);
}

// Until state() holds while the main goroutine runs elsewhere.
template <class State>
int end_in(State state) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    if (!at_home() && state()) return 42;
    move_about(i);
  }
  not_reached();
}

void ignore_event(rt::poll_source*, std::uint32_t) noexcept {}

// Somebody waits for I/O, so whoever rests does it in the poller.
void wait_for_io() {
  static rt::poll_source source;
  static int ends[2];
  source.on_event = ignore_event;
  if (::pipe(ends) != 0 || rt::poll_register(source, ends[0]) != 0) std::_Exit(98);
  rt::kernel_section kernel;
  rt::poll_waiters_add(1);
}

void churn() {
  for (int i = 0; i < 3; ++i) {
    gos::go([] {
      for (;;) {
        gos::sleep(200us);
        if (!at_home()) ::usleep(300);
      }
    });
  }
}

int ended_idle() {
  churn();
  // No processor is free for this thread when it comes back.
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      for (;;) gos::yield();
    });
  }
  return end_in([] {
    rt::spin_guard guard(rt::sched.lock);
    return home->idle;
  });
}

bool home_polls() {
  rt::spin_guard guard(rt::sched.lock);
  return rt::sched.poll_machine == home;
}

// The main goroutine parks while goroutines in user mode keep every other processor busy: then nobody but home can go to
// the poller. One of them waits for that and wakes the main goroutine where it is.
int ended_in_poller() {
  wait_for_io();
  const int others = gos::runtime::max_procs() - 1;
  const auto end = std::chrono::steady_clock::now() + 20s;
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    if (!at_home()) {
      // Takes threads out of the way that would otherwise be there before home, to run us or to poll.
      gos::go([] {
        if (!at_home()) ::pause();
      });
      move_about(i);
      continue;
    }
    std::atomic<int> away{0};
    std::atomic<bool> over{false};
    gos::wait_group busy;
    gos::chan<int> woken = gos::make_chan<int>(1);
    for (int k = 0; k < others; ++k) {
      busy.go([&, k] {
        ++away;
        const auto round_ends = std::chrono::steady_clock::now() + 100ms;
        while (!over && std::chrono::steady_clock::now() < round_ends) {
          if (k == 0 && away == others && home_polls()) break;
        }
        if (k == 0) woken.send(1);
      });
    }
    // In and out of the runtime, to be asked for them; without waiting there, which would run them here.
    while (away < others) rt::kernel_section kernel;
    woken.recv();
    if (!at_home() && home_polls()) return 42;
    over = true;
    busy.wait();
  }
  return not_reached();
}

std::atomic<bool> seen_at_home{false};

int ended_while_it_runs_others() {
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      for (;;) {
        seen_at_home = at_home();
        gos::yield();
      }
    });
  }
  return end_in([] { return seen_at_home.load(); });
}

// Enters the runtime all the time, but never parks.
int ended_while_it_runs_one_that_does_not_park() {
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      auto ch = gos::make_chan<int>(1);
      for (;;) {
        seen_at_home = at_home();
        static_cast<void>(ch.try_send(1));
        static_cast<void>(ch.try_recv());
        if (!at_home()) gos::yield();
      }
    });
  }
  return end_in([] { return seen_at_home.load(); });
}

int ended_while_a_hog_holds_it() {
  static std::atomic<bool> held{false};
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      while (!at_home()) gos::sleep(50us);
      held = true;
      for (;;) {
      }
    });
  }
  return end_in([] { return held.load(); });
}

int ended_while_it_blocks_in_the_system() {
  static std::atomic<bool> held{false};
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      while (!at_home()) gos::sleep(50us);
      held = true;
      for (;;) ::pause();
    });
  }
  return end_in([] { return held.load(); });
}

int ended_while_a_goroutine_is_pinned_to_it() {
  static std::atomic<bool> held{false};
  for (int i = 0; i < 4; ++i) {
    gos::go([] {
      while (!at_home()) gos::sleep(50us);
      gos::pin pin;
      held = at_home();
      gos::sleep(1h);
    });
  }
  return end_in([] { return held.load(); });
}

int ended_at_home() { return 42; }

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  int (*body)() = mode == "home"       ? ended_at_home
                  : mode == "idle"     ? ended_idle
                  : mode == "poller"   ? ended_in_poller
                  : mode == "others"   ? ended_while_it_runs_others
                  : mode == "busy"     ? ended_while_it_runs_one_that_does_not_park
                  : mode == "hog"      ? ended_while_a_hog_holds_it
                  : mode == "blocked"  ? ended_while_it_blocks_in_the_system
                  : mode == "pinned"   ? ended_while_a_goroutine_is_pinned_to_it
                                       : nullptr;
  if (body == nullptr) return 64;
  return gos::run([body] {
    home = rt::this_machine();
    const int status = body();
    std::fprintf(stderr, "ending\n");
    return status;
  });
}
