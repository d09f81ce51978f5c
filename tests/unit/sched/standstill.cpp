// The program that deadlock_test runs: again and again nothing runs for a moment, and then somebody is woken from outside, while
// sysmon looks for a deadlock as often as it can. Arguments: who wakes, and for how many seconds. Prints how often it was.
#include <gossamer/fd.hpp>
#include <gossamer/gossamer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>

#include "sched/sched.hpp"

using namespace std::chrono_literals;

namespace {

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "wrong: %s\n", what);
  std::_Exit(70);
}

// Runs body for so many seconds, each time from a moment at which nothing runs.
int nearly(const std::function<void()>& body, double seconds) {
  gos::rt::sched.eager_looks.store(true, std::memory_order_relaxed);
  return gos::run([&] {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    int rounds = 0;
    while (std::chrono::steady_clock::now() < until) {
      body();
      ++rounds;
    }
    std::printf("%d\n", rounds);
  });
}

// A while in which sysmon looks several times, or once, or just not.
std::chrono::microseconds around_a_look() {
  static std::atomic<unsigned> count{0};
  return std::chrono::microseconds(count++ * 7919 % 500);
}

void woken_by_a_thread() {
  auto done = gos::make_chan<int>();
  std::thread([=] {
    std::this_thread::sleep_for(around_a_look());
    done.send(1);
  }).detach();
  done.recv();
}

void woken_by_a_chain_of_threads() {
  auto done = gos::make_chan<int>();
  auto first = gos::make_chan<int>();
  auto second = gos::make_chan<int>();
  std::thread([=] {
    second.send(*first.recv());
  }).detach();
  std::thread([=] {
    done.send(*second.recv());
  }).detach();
  std::thread([=] {
    std::this_thread::sleep_for(around_a_look());
    first.send(1);
  }).detach();
  done.recv();
}

void woken_by_a_call() {
  auto done = gos::make_chan<int>();
  gos::go([=] {
    ::usleep(static_cast<useconds_t>(around_a_look().count()));
    done.send(1);
  });
  done.recv();
}

void woken_by_a_join() {
  auto done = gos::make_chan<int>();
  gos::go([=] {
    std::thread([] { std::this_thread::sleep_for(around_a_look()); }).join();
    done.send(1);
  });
  done.recv();
}

void woken_by_a_timer() { gos::sleep(around_a_look()); }

void woken_by_a_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) wrong("no pipe");
  std::thread writer([to = ends[1]] {
    std::this_thread::sleep_for(around_a_look());
    if (::write(to, "x", 1) != 1) wrong("no writing");
  });
  if (!gos::net::wait_readable(ends[0])) wrong("no waiting");
  gos::blocking([&] { writer.join(); });
  ::close(ends[0]);
  ::close(ends[1]);
}

void woken_by_a_signal() {
  auto got = gos::make_chan<int>(1);
  gos::notify(got, SIGUSR1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::usleep(static_cast<useconds_t>(around_a_look().count()));
    ::kill(::getppid(), SIGUSR1);
    ::_exit(0);
  }
  got.recv();
  gos::stop_notify(got);
  ::waitpid(child, nullptr, 0);
}

void woken_pinned() {
  auto done = gos::make_chan<int>();
  auto there = gos::make_chan<int>();
  gos::go([=] {
    const gos::pin here;
    there.recv();
    done.send(1);
  });
  gos::sleep(around_a_look());
  there.send(1);
  done.recv();
}

void woken_while_processors_come_and_go() {
  static unsigned count = 0;
  gos::runtime::set_max_procs(static_cast<int>(1 + count++ % 8));
  auto done = gos::make_chan<int>();
  std::thread([=] {
    std::this_thread::sleep_for(around_a_look());
    gos::runtime::set_max_procs(static_cast<int>(1 + count * 3 % 8));
    done.send(1);
  }).detach();
  done.recv();
}

// A second main function, on a thread of its own.
void woken_by_a_run() {
  auto done = gos::make_chan<int>();
  std::thread([=] {
    std::this_thread::sleep_for(around_a_look());
    gos::run([=] { done.send(1); });
  }).detach();
  done.recv();
}

void woken_by_a_future() {
  gos::blocking([] {
    std::async(std::launch::async, [] { std::this_thread::sleep_for(around_a_look()); }).get();
  });
}

const std::map<std::string, void (*)()> wakers = {
    {"thread", woken_by_a_thread},
    {"chain", woken_by_a_chain_of_threads},
    {"call", woken_by_a_call},
    {"join", woken_by_a_join},
    {"timer", woken_by_a_timer},
    {"pipe", woken_by_a_pipe},
    {"signal", woken_by_a_signal},
    {"pinned", woken_pinned},
    {"procs", woken_while_processors_come_and_go},
    {"run", woken_by_a_run},
    {"future", woken_by_a_future},
};

// Plain threads only: two that pass each other a value, and end.
void woken_without_goroutines() {
  auto there = gos::make_chan<int>();
  auto back = gos::make_chan<int>();
  std::thread other([=] {
    for (int value : there) {
      std::this_thread::sleep_for(around_a_look());
      back.send(value);
    }
  });
  for (int i = 0; i < 10; ++i) {
    there.send(i);
    back.recv();
  }
  there.close();
  other.join();
}

int without_goroutines(double seconds) {
  gos::rt::sched.eager_looks.store(true, std::memory_order_relaxed);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int rounds = 0;
  for (; std::chrono::steady_clock::now() < until; ++rounds) woken_without_goroutines();
  std::printf("%d\n", rounds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string who = argc > 2 ? argv[1] : "";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0;
  if (who == "threads-only") return without_goroutines(seconds);
  const auto found = wakers.find(who);
  return found == wakers.end() ? 64 : nearly(found->second, seconds);
}
