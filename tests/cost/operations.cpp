// One operation after the other, many times each, for callgrind to count instructions: see cost.py. Between two operations it
// has the counts so far written out under the operation's name. Without valgrind it does the work and says nothing.
#include <gossamer/gossamer.hpp>

#include <unistd.h>
#include <valgrind/callgrind.h>

#include "sched/sched.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace {

constexpr int turns = 20'000;

// Once to warm up, once counted. Counts are a thread's: where the processor has changed threads meanwhile, once more.
template <class F> void measure(const char* name, F f) {
  pid_t thread = 0;
  f();
  do {
    thread = ::gettid();
    CALLGRIND_ZERO_STATS;
    f();
  } while (thread != ::gettid());
  CALLGRIND_DUMP_STATS_AT(name);
}

void check(bool right) {
  if (right) return;
  std::fprintf(stderr, "operations: wrong result\n");
  std::abort();
}

void spawn() {
  constexpr int batch = 1000;
  int ran = 0;
  for (int round = 0; round < turns / batch; ++round) {
    gos::wait_group done;
    done.add(batch);
    for (int i = 0; i < batch; ++i) {
      gos::go([&ran, &done] {
        ++ran;
        done.done();
      });
    }
    done.wait();
  }
  check(ran == turns);
}

void join() {
  int sum = 0;
  for (int i = 0; i < turns; ++i) sum += gos::spawn([] { return 1; }).join();
  check(sum == turns);
}

void yield() {
  gos::wait_group done;
  for (int g = 0; g < 8; ++g) {
    done.go([] {
      for (int i = 0; i < turns / 8; ++i) gos::yield();
    });
  }
  done.wait();
}

void ping_pong() {
  auto ping = gos::make_chan<std::int64_t>();
  auto pong = gos::make_chan<std::int64_t>();
  gos::go([ping, pong] {
    for (std::int64_t v : ping) pong.send(v + 1);
    pong.close();
  });
  std::int64_t v = 0;
  for (int i = 0; i < turns; ++i) {
    ping.send(v);
    v = *pong.recv();
  }
  ping.close();
  check(v == turns && !pong.recv());
}

void buffered() {
  auto ch = gos::make_chan<std::int64_t>(128);
  gos::go([ch] {
    for (int i = 0; i < turns; ++i) ch.send(1);
    ch.close();
  });
  std::int64_t sum = 0;
  for (std::int64_t v : ch) sum += v;
  check(sum == turns);
}

void select_of(std::size_t capacity) {
  gos::chan<std::int64_t> ch[4];
  for (auto& mine : ch) {
    mine = gos::make_chan<std::int64_t>(capacity);
    gos::go([mine] {
      for (int i = 0; i < turns / 4; ++i) mine.send(1);
    });
  }
  std::int64_t sum = 0;
  const auto add = [&sum](std::optional<std::int64_t> v) { sum += *v; };
  for (int i = 0; i < turns; ++i) {
    gos::select(gos::recv(ch[0], add), gos::recv(ch[1], add), gos::recv(ch[2], add), gos::recv(ch[3], add));
  }
  check(sum == turns);
}

void mutex() {
  gos::mutex lock;
  int count = 0;
  for (int i = 0; i < turns; ++i) {
    const std::lock_guard held(lock);
    __asm__ volatile("" : "+m"(count));
    ++count;
  }
  check(count == turns);
}

std::int64_t fib(int n) {
  if (n < 2) return n;
  const auto [a, b] = gos::fork_join([n] { return fib(n - 1); }, [n] { return fib(n - 2); });
  return a + b;
}

void fork_join() { check(fib(20) == 6765); }

}  // namespace

int main() {
  return gos::run([] {
    // Under valgrind little is done in 50 us: the looks around would outweigh what is measured.
    gos::rt::sched.look_interval_ns = INT64_MAX / 2;
    measure("spawn", spawn);
    measure("join", join);
    measure("yield", yield);
    measure("ping_pong", ping_pong);
    measure("buffered", buffered);
    measure("select_unbuffered", [] { select_of(0); });
    measure("select_buffered", [] { select_of(128); });
    measure("mutex", mutex);
    measure("fork_join", fork_join);
  });
}
