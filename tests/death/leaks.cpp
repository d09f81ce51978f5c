// leaks: programs whose goroutines are stuck, for certain or perhaps. Each says of its goroutines, by name, what runtime::leaks
// finds.
#include "modes.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace {

using ints = gos::chan<int>;

template <class F> void start(const char* name, F&& f) {
  gos::go(gos::spawn_options{.name = name}, std::forward<F>(f));
}

std::string name_in(const std::string& text) {
  const std::size_t from = text.find("]: ") + 3;
  return text.substr(from, text.find('\n') - from);
}

// When all have come to rest: a line for each that was found. Some of it shows only when all do rest, on a busy machine late:
// then again. What must not be certain must not be so at any time.
void tell() {
  std::map<std::string, std::string> lines;
  const auto look = [&] {
    gos::sleep(50ms);
    lines.clear();
    for (const gos::runtime::leak& one : gos::runtime::leaks(0s)) {
      lines[name_in(one.text)] = one.certain ? "certain" : "blocked";
      const bool marked = one.text.find(" (leaked)") < one.text.find('\n');
      if (marked != one.certain) wrong("the mark is not in the header");
    }
    return std::all_of(lines.begin(), lines.end(), [](const auto& line) { return line.second == "certain"; });
  };
  for (int round = 0; !look() && round < 5; ++round) {}
  for (const auto& [name, what] : lines) std::printf("%s %s\n", name.c_str(), what.c_str());
}

int program(void (*body)()) {
  return gos::run([=] {
    // Elsewhere: words that it leaves on its stack, in what will be gaps of later frames, must not look like references.
    gos::spawn([=] { body(); }).join();
    tell();
    std::fflush(stdout);
    std::_Exit(0);
  });
}

// --- for certain --------------------------------------------------------------------------------------------------------

void forgotten_sender() {
  auto results = gos::make_chan<int>();
  start("sender", [results] { results.send(1); });
}

void forgotten_receiver() {
  auto jobs = gos::make_chan<int>();
  start("receiver", [jobs] { jobs.recv(); });
}

// The first answer is taken, the others nobody waits for.
void early_return() {
  [] {
    auto answers = gos::make_chan<int>();
    for (const char* name : {"first", "second", "third"}) start(name, [answers] { answers.send(1); });
    answers.recv();
  }();
}

void dropped_pool() {
  auto jobs = gos::make_chan<int>();
  for (const char* name : {"worker 1", "worker 2", "worker 3"}) {
    start(name, [jobs] {
      for (int job : jobs) static_cast<void>(job);
    });
  }
  jobs.send(1);
}

void ring() {
  std::vector<ints> links;
  for (int i = 0; i < 3; ++i) links.push_back(gos::make_chan<int>());
  const char* const names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) {
    start(names[i], [from = links[i], to = links[(i + 1) % 3]] {
      from.recv();
      to.send(1);
    });
  }
}

void own_channel() {
  start("alone", [] {
    auto mine = gos::make_chan<int>();
    mine.recv();
  });
}

void in_a_select() {
  auto a = gos::make_chan<int>();
  auto b = gos::make_chan<int>();
  start("selector", [a, b] { gos::select(gos::recv(a), gos::send(b, 1), gos::recv(ints())); });
}

void nil_and_nothing() {
  start("nil receiver", [] { ints().recv(); });
  start("nil sender", [] { ints().send(1); });
  start("nothing", [] { gos::select(); });
}

void large_callable() {
  auto results = gos::make_chan<int>();
  std::array<char, 4096> ballast{};
  start("sender", [results, ballast] { results.send(ballast[0]); });
}

void crossed_locks() {
  static gos::mutex a, b;
  start("a then b", [] {
    a.lock();
    gos::sleep(10ms);
    b.lock();
  });
  start("b then a", [] {
    b.lock();
    gos::sleep(10ms);
    a.lock();
  });
}

void crossed_shared_locks() {
  static gos::shared_mutex a;
  static gos::mutex b;
  start("writer", [] {
    a.lock();
    gos::sleep(10ms);
    b.lock();
  });
  start("reader", [] {
    b.lock();
    gos::sleep(10ms);
    a.lock_shared();
  });
}

void locked_twice() {
  static gos::mutex a;
  start("self", [] {
    a.lock();
    a.lock();
  });
}

void holder_ended() {
  static gos::mutex a;
  gos::spawn([] { a.lock(); }).join();
  start("heir", [] { a.lock(); });
}

// One that waits for a lock which is held by one that leaked.
void behind_a_leak() {
  static gos::mutex a;
  auto never = gos::make_chan<int>();
  start("holder", [never] {
    a.lock();
    never.recv();
  });
  start("waits for it", [] {
    gos::sleep(10ms);
    a.lock();
  });
}

// --- not for certain ----------------------------------------------------------------------------------------------------

void handle_in_a_global() {
  static ints kept;
  kept = gos::make_chan<int>();
  start("receiver", [] { kept.recv(); });
  start("receiver with its own", [own = kept] { own.recv(); });
}

void handle_in_the_heap() {
  static auto kept = std::make_unique<ints>(gos::make_chan<int>());
  start("receiver", [own = *kept] { own.recv(); });
}

void handle_in_a_vector() {
  std::vector<ints> all{gos::make_chan<int>()};
  start("receiver", [own = all[0], all] { own.recv(); });
}

void handle_on_a_stack() {
  static std::atomic<bool> stop{false};
  auto kept = gos::make_chan<int>();
  start("receiver", [kept] { kept.recv(); });
  start("runs", [kept] {
    while (!stop.load()) gos::yield();
    kept.send(1);
  });
}

void handle_with_a_sleeper() {
  auto kept = gos::make_chan<int>();
  start("receiver", [kept] { kept.recv(); });
  start("sleeps", [kept] {
    gos::sleep(1h);
    kept.send(1);
  });
}

void handle_in_a_buffer() {
  static auto box = gos::make_chan<ints>(1);
  auto kept = gos::make_chan<int>();
  box.send(kept);
  start("receiver", [kept] { kept.recv(); });
}

void handle_of_a_thread() {
  auto kept = gos::make_chan<int>();
  std::thread([kept] {
    std::this_thread::sleep_for(1h);
    kept.send(1);
  }).detach();
  start("receiver", [kept] { kept.recv(); });
}

void reference_of_a_goroutine() {
  start("receiver", [] {
    auto kept = gos::make_chan<int>();
    start("sleeps", [&kept] {
      gos::sleep(1h);
      kept.send(1);
    });
    kept.recv();
  });
}

void reference_of_a_timer() {
  start("receiver", [] {
    auto kept = gos::make_chan<int>();
    auto later = gos::after_func(1h, [&kept] { kept.send(1); });
    kept.recv();
  });
}

void reference_of_a_thread() {
  start("receiver", [kept = gos::make_chan<int>()] {
    std::thread([&kept] {
      std::this_thread::sleep_for(1h);
      kept.send(1);
    }).detach();
    kept.recv();
  });
}

void with_a_time_limit() {
  auto kept = gos::make_chan<int>();
  start("limited", [kept] { static_cast<void>(kept.recv_for(1h)); });
  start("limited select", [kept] { gos::select(gos::recv(kept), gos::after(1h, [] {})); });
}

void with_a_context() {
  static auto cancellable = gos::with_cancel(gos::background());
  auto kept = gos::make_chan<int>();
  start("stoppable", [kept] { static_cast<void>(kept.recv(cancellable.ctx)); });
}

void of_a_timer() {
  start("waits", [] { gos::timer(1h).channel().recv(); });
}

void other_waits() {
  static gos::wait_group group;
  group.add(1);
  start("group", [] { group.wait(); });
  static gos::condition_variable changed;
  static gos::mutex lock;
  start("condition", [] {
    std::unique_lock held(lock);
    changed.wait(held);
  });
}

void lock_of_a_sleeper() {
  static gos::mutex a;
  start("holder", [] {
    a.lock();
    gos::sleep(1h);
  });
  start("waits", [] {
    gos::sleep(10ms);
    a.lock();
  });
}

void lock_of_a_thread() {
  static gos::mutex a;
  std::thread([] {
    a.lock();
    std::this_thread::sleep_for(1h);
  }).detach();
  start("waits", [] {
    gos::sleep(10ms);
    a.lock();
  });
}

// --- handles that are none any more -------------------------------------------------------------------------------------

void moved_from() {
  static std::vector<ints> kept;
  start("receiver", [own = gos::make_chan<int>(), again = ints()]() mutable {
    again = own;
    kept.push_back(std::move(own));
    again.recv();
  });
}

void destroyed() {
  static std::vector<ints> kept;
  start("receiver", [own = gos::make_chan<int>(), gone = std::optional<ints>()]() mutable {
    gone = own;
    kept.push_back(own);
    gone.reset();
    own.recv();
  });
}

// --- at the end ---------------------------------------------------------------------------------------------------------

int at_end() {
  return gos::run([] {
    forgotten_sender();
    while (gos::runtime::stack_dump(true).find(" [chan send]: sender\n") == std::string::npos) gos::sleep(1ms);
  });
}

int none_at_end() {
  return gos::run([] {
    gos::wait_group group;
    group.go([] { gos::sleep(1ms); });
    group.wait();
  });
}

// Each waits for the one before. Returns the channel that would set the first going; in a ring, the last one is before the first.
ints row(int size, bool is_ring) {
  std::vector<ints> links;
  for (int i = 0; i <= size; ++i) links.push_back(gos::make_chan<int>());
  if (is_ring) links[static_cast<std::size_t>(size)] = links[0];
  for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
    gos::go([from = links[i], to = links[i + 1]] {
      from.recv();
      to.send(1);
    });
  }
  return links[0];
}

// A ring that nobody can wake, and a chain that we can.
int crowd() {
#if defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t half = 5'000;
#else
  constexpr std::size_t half = 50'000;
#endif
  return gos::run([] {
    static ints kept;
    gos::spawn([] {
      row(half, true);
      kept = row(half, false);
    }).join();
    for (int tries = 0; tries < 20; ++tries) {
      gos::sleep(100ms);  // until all rest
      const std::vector<gos::runtime::leak> all = gos::runtime::leaks(0s);
      const auto certain = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.certain; }));
      if (certain > half) wrong("one that can be woken is certain");
      if (certain < half || all.size() < 2 * half) continue;
      std::puts("half of them");
      break;
    }
    std::fflush(stdout);
    std::_Exit(0);
  });
}

int report() {
  return gos::run([] {
    forgotten_sender();
    gos::sleep(50ms);
    std::fputs(gos::runtime::leak_report().c_str(), stdout);
    std::fflush(stdout);
  });
}

modes all() {
  modes known = {{"at-end", at_end}, {"none-at-end", none_at_end}, {"report", report}, {"crowd", crowd}};
  const std::map<std::string, void (*)()> bodies = {
      {"forgotten-sender", forgotten_sender},
      {"forgotten-receiver", forgotten_receiver},
      {"early-return", early_return},
      {"dropped-pool", dropped_pool},
      {"ring", ring},
      {"own-channel", own_channel},
      {"in-a-select", in_a_select},
      {"nil-and-nothing", nil_and_nothing},
      {"large-callable", large_callable},
      {"crossed-locks", crossed_locks},
      {"crossed-shared-locks", crossed_shared_locks},
      {"locked-twice", locked_twice},
      {"holder-ended", holder_ended},
      {"behind-a-leak", behind_a_leak},
      {"handle-in-a-global", handle_in_a_global},
      {"handle-in-the-heap", handle_in_the_heap},
      {"handle-in-a-vector", handle_in_a_vector},
      {"handle-on-a-stack", handle_on_a_stack},
      {"handle-with-a-sleeper", handle_with_a_sleeper},
      {"handle-in-a-buffer", handle_in_a_buffer},
      {"handle-of-a-thread", handle_of_a_thread},
      {"reference-of-a-goroutine", reference_of_a_goroutine},
      {"reference-of-a-timer", reference_of_a_timer},
      {"reference-of-a-thread", reference_of_a_thread},
      {"with-a-time-limit", with_a_time_limit},
      {"with-a-context", with_a_context},
      {"of-a-timer", of_a_timer},
      {"other-waits", other_waits},
      {"lock-of-a-sleeper", lock_of_a_sleeper},
      {"lock-of-a-thread", lock_of_a_thread},
      {"moved-from", moved_from},
      {"destroyed", destroyed},
  };
  for (const auto& [name, body] : bodies) {
    known[name] = [body = body] { return program(body); };
  }
  return known;
}

}  // namespace

int main(int argc, char** argv) { return run_mode(all(), argc, argv); }
