// dump: programs that are asked by a signal what they are doing.
#include "modes.hpp"

#include <gossamer/fd.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <thread>

namespace {

std::atomic<bool> stop{false};
std::atomic<long> seconds_ahead{0};

}  // namespace

// The runtime's clock, for this whole program: two minutes can pass at once.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_MONOTONIC) now->tv_sec += seconds_ahead.load();
  return static_cast<int>(result);
}

namespace {

[[gnu::noinline]] void wait_in_vain(gos::chan<int> ch) {
  ch.recv();
  asm volatile("");
}

[[gnu::noinline]] void spin_in_vain() {
  while (!stop.load(std::memory_order_relaxed)) {
  }
  asm volatile("");
}

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

// When a dump shows what is to be shown.
template <class Predicate>
void say_ready_when(Predicate pred) {
  std::thread([pred] {
    while (!pred(gos::runtime::stack_dump(true))) ::usleep(1000);
    say_ready();
  }).detach();
}

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Three that wait on one channel, one that sleeps; main reads standard input.
int waiting() {
  return gos::run([] {
    auto ch = gos::make_chan<int>();
    for (int i = 0; i < 3; ++i) gos::go(wait_in_vain, ch);
    gos::go({.name = "sleeper"}, [] { gos::sleep(1h); });
    say_ready_when([](const std::string& dump) { return count(dump, "[sleep]") == 2 && count(dump, "[chan receive]") == 3; });
    gos::sleep(1h);
    return 0;
  });
}

// One has waited for two minutes when another one begins to; then it prints a report of leaks, too.
int minutes() {
  return gos::run([] {
    auto ch = gos::make_chan<int>();
    gos::go({.name = "patient"}, wait_in_vain, ch);
    gos::go([ch] {
      const gos::pin here;
      wait_in_vain(ch);
    });
    const auto shown = [](const char* text) {
      return gos::runtime::stack_dump(true).find(text) != std::string::npos;
    };
    while (!shown("[chan receive]: patient") || !shown("[chan receive, locked to thread]")) gos::sleep(1ms);
    seconds_ahead = 150;
    gos::sleep(100ms);  // the runtime looks at the clock now and then
    gos::go({.name = "late"}, wait_in_vain, ch);
    while (!shown("[chan receive]: late")) gos::sleep(1ms);
    std::fputs(gos::runtime::leak_report(1min).c_str(), stdout);
    std::fflush(stdout);
    ::raise(SIGQUIT);
    gos::sleep(1h);
  });
}

// One computes without ever entering the runtime.
int spinning() {
  return gos::run([] {
    gos::go(spin_in_vain);
    say_ready_when([](const std::string& dump) { return count(dump, "[running]") == 1 && count(dump, "[sleep]") == 1; });
    gos::sleep(1h);
    return 0;
  });
}

// More of them than processors, and nobody ever enters the runtime again.
int hogs() {
  static std::atomic<int> running{0};
  return gos::run([] {
    const int processors = gos::runtime::max_procs();
    for (int i = 0; i < 2 * processors; ++i) {
      gos::go([] {
        ++running;
        spin_in_vain();
      });
    }
    std::thread([processors] {
      while (running < processors) ::usleep(1000);
      say_ready();
    }).detach();
    spin_in_vain();
  });
}

// Some thread of ours is in the midst of a write to standard error.
bool writes_to_error() {
  const std::string writing = std::to_string(SYS_write) + " 0x2 ";
  bool found = false;
  DIR* const tasks = ::opendir("/proc/self/task");
  while (const dirent* task = tasks != nullptr ? ::readdir(tasks) : nullptr) {
    char text[64] = {};
    const int fd = ::open((std::string("/proc/self/task/") + task->d_name + "/syscall").c_str(), O_RDONLY);
    if (fd < 0) continue;
    if (::read(fd, text, sizeof text - 1) > 0 && std::string_view(text).starts_with(writing)) found = true;
    ::close(fd);
  }
  if (tasks != nullptr) ::closedir(tasks);
  return found;
}

// Sysmon writes a live dump into a pipe that nobody reads, and is still at it when SIGQUIT comes. `told`: standard error is by
// then another one.
int sysmon_held(bool told) {
  const int error = ::dup(2);
  int ends[2];
  if (::pipe(ends) != 0) wrong("no pipe");
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string block(4096, 'x');
  while (::write(ends[1], block.data(), block.size()) > 0) {}
  ::fcntl(ends[1], F_SETFL, 0);
  ::dup2(ends[1], 2);
  return gos::run([=] {
    ::raise(SIGUSR1);
    for (int tries = 0; !writes_to_error(); ++tries) {
      if (tries == 10'000) std::_Exit(77);
      ::usleep(1000);
    }
    if (told) ::dup2(error, 2);
    ::raise(SIGQUIT);
    for (;;) ::pause();
  });
}

int own_handler() {
  ::signal(SIGQUIT, [](int) {
    [[maybe_unused]] auto n = ::write(1, "mine\n", 5);
    ::_exit(7);
  });
  return waiting();
}

int late_handler() {
  return gos::run([] {
    ::signal(SIGQUIT, [](int) {
      [[maybe_unused]] auto n = ::write(1, "mine\n", 5);
      ::_exit(7);
    });
    say_ready();
    gos::sleep(1h);
    return 0;
  });
}

int ignored() {
  ::signal(SIGQUIT, SIG_IGN);
  return gos::run([] {
    ::raise(SIGQUIT);
    gos::sleep(50ms);
    return 5;
  });
}

int notified() {
  return gos::run([] {
    auto signals = gos::make_chan<int>(1);
    gos::notify(signals, SIGQUIT);
    say_ready();
    signals.recv();
    return 6;
  });
}

// Plain threads and no goroutine; the runtime has started.
int idle() {
  gos::spawn([] {}).join();
  ::usleep(200'000);  // sysmon sleeps by now, or soon
  say_ready();
  for (;;) ::pause();
}

// Sends itself the dump signal again and again while goroutines come and go and others compute; ends with 0.
int churn() {
  const int dumps = std::atoi(std::getenv("DUMPS"));
  return gos::run([dumps] {
    gos::wait_group done;
    for (int i = 0; i < 8; ++i) done.go(spin_in_vain);
    auto ch = gos::make_chan<int>(4);
    for (int i = 0; i < 4; ++i) {
      done.go([ch] {
        while (!stop) {
          gos::wait_group children;
          for (int k = 0; k < 50; ++k) {
            children.go([ch, k] {
              if (k % 7 == 0) gos::yield();
              if (k % 2 == 0) {
                ch.send(k);
              } else {
                ch.recv();
              }
            });
          }
          children.wait();
        }
      });
    }
    for (int i = 0; i < dumps; ++i) {
      ::kill(::getpid(), SIGUSR1);
      gos::sleep(2ms);
    }
    stop = true;
    done.wait();
    return 0;
  });
}

// All at once: everything that a goroutine can wait on.
int every_kind() {
  return gos::run([] {
    auto ch = gos::make_chan<int>(2);
    auto out = gos::make_chan<int>();
    gos::chan<int> nil;
    gos::mutex m;
    gos::shared_mutex rw;
    gos::wait_group wg;
    gos::condition_variable cv;
    gos::weighted_semaphore sem(5);
    gos::once first;
    m.lock();
    rw.lock();
    wg.add(2);
    sem.acquire(4);
    auto held = gos::spawn([] { gos::sleep(1h); });
    gos::go({.name = "receiver"}, [&] { ch.recv(); });
    gos::go({.name = "sender"}, [&] { out.send(1); });
    gos::go({.name = "nil"}, [&] { nil.recv(); });
    gos::go({.name = "nothing"}, [] { gos::select(); });
    gos::go({.name = "choosing"}, [&] { gos::select(gos::recv(ch), gos::send(out, 2), gos::after(30min, [] {})); });
    gos::go({.name = "locking"}, [&] { m.lock(); });
    gos::go({.name = "limited"}, [&] { (void)m.try_lock_for(20min); });
    gos::go({.name = "reading"}, [&] { rw.lock_shared(); });
    gos::go({.name = "writing"}, [&] { rw.lock(); });
    gos::go({.name = "counting"}, [&] { wg.wait(); });
    gos::go({.name = "changing"}, [&] {
      gos::mutex own;
      std::unique_lock lock(own);
      cv.wait(lock);
    });
    gos::go({.name = "acquiring"}, [&] { sem.acquire(3); });
    gos::go({.name = "initialising"}, [&] { first.call([] { gos::sleep(1h); }); });
    gos::sleep(20ms);
    gos::go({.name = "initialised"}, [&] { first.call([] {}); });
    gos::go({.name = "joining"}, [&] { held.join(); });
    int ends[2];
    if (::pipe(ends) != 0) wrong("pipe");
    gos::go({.name = "polling"}, [&] { (void)gos::net::wait_readable(ends[0]); });
    std::string dump;
    do {
      gos::sleep(1ms);
      dump = gos::runtime::stack_dump(true);
    } while (count(dump, "[running]") != 1 || count(dump, "[runnable]") != 0 || count(dump, "[IO wait]") != 1);
    std::fputs(dump.c_str(), stdout);
    std::fflush(stdout);
    ::_exit(0);
    return 0;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_mode({{"waiting", waiting},
                   {"minutes", minutes},
                   {"spinning", spinning},
                   {"hogs", hogs},
                   {"sysmon_held", [] { return sysmon_held(true); }},
                   {"stderr_held", [] { return sysmon_held(false); }},
                   {"own_handler", own_handler},
                   {"late_handler", late_handler},
                   {"ignored", ignored},
                   {"notified", notified},
                   {"idle", idle},
                   {"churn", churn},
                   {"every_kind", every_kind}},
                  argc, argv);
}
