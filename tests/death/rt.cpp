// rt: processes whose settings, threads and last words are looked at from outside.
#include "modes.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

namespace {

char* argument = nullptr;  // the second of the command line

// Asked anew each time: a goroutine may be on another thread after any call.
[[gnu::noinline]] int thread_id() { return static_cast<int>(::syscall(SYS_gettid)); }

template <class Predicate> bool eventually(Predicate pred) {
  for (const auto end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end;
       gos::sleep(1ms)) {
    if (pred()) return true;
  }
  return false;
}

// Affinity ------------------------------------------------------------------------------------------------------------

// The CPUs in the mask of a thread (0: the calling one).
cpu_set_t affinity(int thread = 0) {
  cpu_set_t set;
  if (::sched_getaffinity(thread, sizeof set, &set) != 0) wrong("sched_getaffinity");
  return set;
}

cpu_set_t first_of(const cpu_set_t& all) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    CPU_SET(cpu, &one);
    break;
  }
  return one;
}

// All threads, also those that are being made meanwhile.
void confine_process(const cpu_set_t& set) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      const int thread = std::atoi(task.path().filename().c_str());
      cpu_set_t present;
      if (::sched_getaffinity(thread, sizeof present, &present) != 0 || CPU_EQUAL(&present, &set)) continue;
      ::sched_setaffinity(thread, sizeof set, &set);
      changed = true;
    }
  }
}

// Returns the processors of a default that can change, or 0: this machine has only one CPU to give.
int default_that_can_change() {
  ::unsetenv("GOS_MAXPROCS");
  const int procs = gos::runtime::max_procs();
  if (procs < 2) std::puts("one CPU");
  return procs >= 2 ? procs : 0;
}

int print_procs() {
  std::printf("%d\n", gos::runtime::max_procs());
  return 0;
}

int print_default() {
  ::unsetenv("GOS_MAXPROCS");
  return print_procs();
}

int work() {
  gos::run([] {
    gos::wait_group done;
    std::atomic<int> sum{0};
    for (int i = 0; i < 2000; ++i) {
      done.go([&] {
        gos::yield();
        ++sum;
      });
    }
    done.wait();
    std::printf("%d", sum.load());
  });
  std::printf(" with %d\n", gos::runtime::max_procs());
  return 0;
}

int confined() {
  ::unsetenv("GOS_MAXPROCS");
  const cpu_set_t one = first_of(affinity());
  ::sched_setaffinity(0, sizeof one, &one);
  std::printf("%d of %d\n", gos::runtime::max_procs(), gos::runtime::num_cpu());
  return 0;
}

// RT-03.
int follows() {
  const int procs = default_that_can_change();
  if (procs == 0) return 0;
  return gos::run([procs] {
    using clock = std::chrono::steady_clock;
    const cpu_set_t all = affinity();
    const cpu_set_t one = first_of(all);
    const int cpus = gos::runtime::num_cpu();
    // What a goroutine does to its own thread is its own affair.
    gos::spawn([&] {
      gos::runtime::lock_os_thread();
      ::sched_setaffinity(0, sizeof one, &one);
      for (int i = 0; i < 150; ++i) gos::sleep(10ms);
    }).join();
    if (gos::runtime::max_procs() != procs) wrong("one thread's affinity counts");
    for (int round = 0; round < 2; ++round) {
      confine_process(one);
      clock::time_point before_change;
      if (!eventually([&] {
            before_change = clock::now();
            return gos::runtime::max_procs() == 1;
          })) {
        wrong("the default did not go down");
      }
      confine_process(all);
      if (!eventually([&] { return gos::runtime::max_procs() == procs; }))
        wrong("the default did not come back");
      if (clock::now() - before_change < 500ms) wrong("two changes in half a second");
    }
    if (gos::runtime::num_cpu() != cpus) wrong("num_cpu changed");
    std::puts("follows");
  });
}

// RT-04.
void must_stay(int procs) {
  for (int i = 0; i < 25; ++i) {
    gos::sleep(100ms);
    if (gos::runtime::max_procs() != procs) wrong("the number changed");
  }
}

int keeps() {
  const int before = default_that_can_change();
  if (before == 0) return 0;
  return gos::run([before] {
    const cpu_set_t all = affinity();
    if (gos::runtime::set_max_procs(before) != before) wrong("the old number");
    confine_process(first_of(all));
    must_stay(before);
    gos::runtime::set_default_max_procs();
    if (gos::runtime::max_procs() != 1) wrong("the default is not back at once");
    confine_process(all);
    if (!eventually([&] { return gos::runtime::max_procs() == before; }))
      wrong("the default does not follow again");
    std::puts("keeps");
  });
}

int keeps_environment() {
  const cpu_set_t all = affinity();
  if (CPU_COUNT(&all) < 2) return std::puts("one CPU"), 0;
  ::setenv("GOS_MAXPROCS", "2", 1);
  return gos::run([all] {
    confine_process(first_of(all));
    must_stay(2);
    gos::runtime::set_default_max_procs();
    if (gos::runtime::max_procs() != 1) wrong("the default is not there at once");
    std::puts("keeps");
  });
}

// Threads -------------------------------------------------------------------------------------------------------------

// RT-09: with every processor taken at first.
int main_thread() {
  std::atomic<bool> stop{false};
  for (int i = 0; i < gos::runtime::max_procs() + 2; ++i) {
    gos::go([&] {
      while (!stop.load()) {}
    });
  }
  return gos::run([&] {
    gos::runtime::lock_os_thread();
    if (thread_id() != ::getpid()) wrong("not on the main thread");
    auto ch = gos::make_chan<int>();
    for (int i = 0; i < 50; ++i) {
      gos::go([=] { ch.send(i); });
      if (ch.recv() != i) wrong("value");
      gos::yield();
      if (i % 10 == 0) gos::sleep(1ms);
      if (thread_id() != ::getpid()) wrong("not on the main thread any more");
    }
    stop = true;
    std::puts("stayed");
  });
}

// RT-08: a goroutine ends while locked to the process's first thread, which then runs nobody.
int main_thread_parked() {
  return gos::run([] {
    gos::runtime::set_max_procs(1);
    std::atomic<bool> ended{false};
    const bool found = eventually([&] {
      gos::spawn([&] {
        gos::runtime::lock_os_thread();
        ended = thread_id() == ::getpid();
        if (!ended) gos::runtime::unlock_os_thread();
      }).join();
      return ended.load();
    });
    if (!found) wrong("no goroutine came to the main thread");
    gos::runtime::set_max_procs(4);
    gos::wait_group done;
    for (int i = 0; i < 1000; ++i) {
      done.go([] {
        if (thread_id() == ::getpid()) wrong("somebody runs on the main thread");
        gos::yield();
        if (thread_id() == ::getpid()) wrong("somebody runs on the main thread");
      });
    }
    done.wait();
    if (thread_id() == ::getpid()) wrong("the main goroutine runs there again");
    std::puts("parked");
  });
}

// RT-08: the private state of a locked goroutine's thread is in no other thread.
bool user_signal_blocked() {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, SIGUSR2) == 1;
}

// Goroutines that hold their threads all at once, so that there are that many.
void look_at_threads(int count, int& seen) {
  std::mutex lock;
  std::set<int> threads;
  std::atomic<int> together{0};
  gos::wait_group done;
  for (int i = 0; i < count; ++i) {
    done.go([&] {
      ++together;
      while (together.load() < count) ::usleep(500);
      if (user_signal_blocked()) wrong("a thread inherited the mask of a locked one");
      const std::lock_guard guard(lock);
      threads.insert(thread_id());
    });
  }
  done.wait();
  seen = static_cast<int>(threads.size());
}

int private_state() {
  return gos::run([] {
    gos::runtime::set_max_procs(2);
    int seen = 0;
    auto ready = gos::make_chan<int>();
    auto go_on = gos::make_chan<int>();
    gos::go([&, ready, go_on] {
      gos::runtime::lock_os_thread();
      sigset_t mask;
      ::sigemptyset(&mask);
      ::sigaddset(&mask, SIGUSR2);
      ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
      for (int count = 4; count <= 12; count += 4) {
        look_at_threads(count, seen);
        if (seen < count) wrong("not enough threads");
      }
      ready.send(1);
      go_on.recv();
    });
    ready.recv();
    look_at_threads(20, seen);
    go_on.send(1);
    look_at_threads(28, seen);
    if (seen < 28) wrong("not enough threads");
    std::puts("clean");
  });
}

// RT-10.
int exhaustion() {
  const int limit = std::atoi(argument);
  if (gos::runtime::set_max_threads(0) != 10'000) wrong("the default");
  return gos::run([limit] {
    if (gos::runtime::set_max_threads(limit) != 10'000) wrong("the old limit");
    for (int i = 0; i < limit + 10; ++i) gos::go([] { ::pause(); });
    gos::sleep(60s);
  });
}

int lower_limit() {
  return gos::run([] {
    std::atomic<int> held{0};
    std::atomic<bool> stop{false};
    for (int i = 0; i < 6; ++i) {
      gos::go([&] {
        ++held;
        while (!stop) ::usleep(500);
      });
    }
    if (!eventually([&] { return held == 6; })) wrong("six threads");
    gos::runtime::set_max_threads(3);
    wrong("it was allowed");
  });
}

// Traces and last words -----------------------------------------------------------------------------------------------

int until_input_ends() {
  return gos::run([] {
    auto never = gos::make_chan<int>();
    gos::go([=] { never.recv(); });
    gos::spawn([] {
      gos::runtime::lock_os_thread();
      char byte;
      while (::read(0, &byte, 1) > 0) {}
    }).join();
    std::puts("end");
  });
}

int dumps() {
  return gos::run([] {
    auto never = gos::make_chan<int>();
    gos::go([=] { never.recv(); });
    eventually([] { return gos::runtime::stack_dump(true).find("[chan receive]") != std::string::npos; });
    std::printf("%s\n---\n%s", gos::runtime::stack_dump().c_str(), gos::runtime::stack_dump(true).c_str());
  });
}

// The copy goes to the file that the command line names.
void copy_crashes() {
  const int fd = ::open(argument, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (gos::runtime::set_crash_output(fd)) wrong("set_crash_output");
  ::close(fd);
}

int crash_panic() {
  copy_crashes();
  return gos::run([] { gos::panic("all is lost"); });
}

int crash_fatal() {
  copy_crashes();
  return gos::run([] { gos::spawn([] { gos::run([] {}); }).join(); });
}

[[gnu::noinline]] int dig(int depth) {
  volatile char room[512];
  room[0] = static_cast<char>(depth);
  return room[0] < 0 && depth < 0 ? 0 : dig(depth + 1) + room[0];
}

int crash_overflow() {
  copy_crashes();
  return gos::run([] { gos::spawn([] { dig(0); }).join(); });
}

int crash_removed() {
  copy_crashes();
  if (gos::runtime::set_crash_output(-1)) wrong("removing it");
  return gos::run([] { gos::panic("all is lost"); });
}

// A second file in place of the first; a failure changes nothing.
int crash_replaced() {
  const int first = ::open("/dev/full", O_WRONLY);
  if (gos::runtime::set_crash_output(first)) wrong("set_crash_output");
  copy_crashes();
  if (gos::runtime::set_crash_output(1 << 20) != std::errc::bad_file_descriptor) wrong("EBADF");
  return gos::run([] { gos::panic("all is lost"); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) argument = argv[2];
  return run_mode({{"procs", print_procs},
                   {"default", print_default},
                   {"work", work},
                   {"confined", confined},
                   {"follows", follows},
                   {"keeps", keeps},
                   {"keeps-environment", keeps_environment},
                   {"main-thread", main_thread},
                   {"main-thread-parked", main_thread_parked},
                   {"private-state", private_state},
                   {"exhaustion", exhaustion},
                   {"lower-limit", lower_limit},
                   {"until-input-ends", until_input_ends},
                   {"dumps", dumps},
                   {"crash-panic", crash_panic},
                   {"crash-fatal", crash_fatal},
                   {"crash-overflow", crash_overflow},
                   {"crash-removed", crash_removed},
                   {"crash-replaced", crash_replaced}},
                  argc, argv);
}
