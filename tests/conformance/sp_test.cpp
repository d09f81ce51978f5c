// Contract section 1: spawn and main.
#include "child.hpp"
#include "fixture.hpp"

#include <array>
#include <memory>
#include <set>

using namespace gos_test;

namespace {

TEST(SP, SP_01_spawn_does_not_wait_for_the_goroutine) {
  gos::run([] {
    auto gate = gos::make_chan<void>();
    auto done = gos::make_chan<int>();
    for (int i = 0; i < 100; ++i) {
      // Each needs something that happens only after its spawn has returned.
      gos::go([=] {
        gate.recv();
        done.send(i);
      });
    }
    EXPECT_EQ(done.size(), 0U);
    gate.close();
    int sum = 0;
    for (int i = 0; i < 100; ++i) sum += done.recv().value();
    EXPECT_EQ(sum, 4950);
  });
}

TEST(SP, SP_01_spawn_does_not_wait_for_a_free_processor) {
  std::atomic<bool> stop = false;
  gos::wait_group hogs;
  // Everything is busy; the spawns return all the same, and only then do the hogs end.
  for (int i = 0; i < 2 * gos::runtime::max_procs(); ++i) {
    hogs.go([&] {
      while (!stop.load(std::memory_order_relaxed)) {}
    });
  }
  std::atomic<int> ran = 0;
  gos::wait_group others;
  for (int i = 0; i < 100; ++i) others.go([&] { ++ran; });
  stop = true;
  hogs.wait();
  others.wait();
  EXPECT_EQ(ran, 100);
}

TEST(SP, SP_02_callable_and_arguments_are_taken_once_at_the_spawn) {
  gos::run([] {
    auto gate = gos::make_chan<void>();
    auto seen = gos::make_chan<int>();
    struct callable {
      int bias;
      void operator()(gos::chan<void> gate, gos::chan<int> seen, int value) const {
        gate.recv();
        seen.send(bias + value);
      }
    };
    callable f{100};
    int value = 1;
    int evaluated = 0;
    auto argument = [&] {
      ++evaluated;
      return value;
    };
    gos::go(f, gate, seen, argument());
    EXPECT_EQ(evaluated, 1);
    f.bias = 1000;
    value = 2;
    gate.close();
    EXPECT_EQ(seen.recv(), 101);
    EXPECT_EQ(evaluated, 1);
  });
}

TEST(SP, SP_02_arguments_are_copied_once_or_moved) {
  counted::reset();
  gos::run([] {
    auto seen = gos::make_chan<int>();
    auto report = [seen](const counted& c) { seen.send(c.value); };
    counted original(7);
    gos::go(report, original);
    EXPECT_EQ(counted::copies, 1);
    EXPECT_EQ(original.value, 7);
    gos::go(report, std::move(original));
    EXPECT_EQ(counted::copies, 1);
    EXPECT_EQ(original.value, -1);
    EXPECT_EQ(seen.recv(), 7);
    EXPECT_EQ(seen.recv(), 7);
  });
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

TEST(SP, SP_02_move_only_arguments_and_member_functions) {
  gos::run([] {
    auto seen = gos::make_chan<int>();
    gos::go([seen](std::unique_ptr<int> p) { seen.send(*p); }, std::make_unique<int>(5));
    EXPECT_EQ(seen.recv(), 5);
    struct object {
      gos::chan<int> out;
      void method(int n) { out.send(n); }
    } o{seen};
    gos::go(&object::method, &o, 9);
    EXPECT_EQ(seen.recv(), 9);
    int by_reference = 0;
    auto done = gos::make_chan<void>();
    gos::go(
        [done](int& n) {
          n = 3;
          done.send();
        },
        std::ref(by_reference));
    done.recv();
    EXPECT_EQ(by_reference, 3);
    gos::go(
        {.name = "named", .stack_size = 512 * 1024}, [seen](int n) { seen.send(n); }, 11);
    EXPECT_EQ(seen.recv(), 11);
  });
}

TEST(SP, SP_03_spawning_nothing_is_fatal) {
  for (const char* mode : {"nil-pointer", "nil-function", "nil-function-plain-thread"}) {
    const auto r = run_child("death_spawn", {mode});
    EXPECT_EQ(r.status, 2) << mode << '\n' << r;
    EXPECT_NE(r.err.find("fatal error: go of nil func value\n"), std::string::npos) << mode << '\n' << r;
    EXPECT_EQ(r.out, "") << mode;
  }
}

TEST(SP, SP_04_the_process_ends_with_main) {
  const auto r = run_child("death_spawn", {"main-returns"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "main returns\n") << r;
  EXPECT_EQ(r.err, "") << r;
}

TEST(SP, SP_04_run_returns_what_main_returns) {
  EXPECT_EQ(run_child("death_spawn", {"main-returns-7"}).status, 7);
  EXPECT_EQ(gos::run([] { return 5; }), 5);
  EXPECT_EQ(gos::run([] {}), 0);
}

TEST(SP, SP_05_exit_from_any_goroutine) {
  const struct {
    const char* mode;
    int status;
    const char* out;
  } cases[] = {
      {"exit-elsewhere", 3, "exiting\n"}, {"exit-in-main", 4, "exiting\n"}, {"exit-plain-thread", 5, ""}};
  for (const auto& c : cases) {
    const auto r = run_child("death_spawn", {c.mode});
    EXPECT_EQ(r.status, c.status) << c.mode << '\n' << r;
    EXPECT_EQ(r.out, c.out) << c.mode;
    EXPECT_EQ(r.err, "") << c.mode;
  }
}

TEST(SP, SP_06_a_panic_under_way_is_reported_although_main_returns) {
  // Best effort: main waits for a tenth of a second, and the kernel may set the panicking thread aside for longer.
  int reported = 0;
  for (int i = 0; i < 12; ++i) {
    const auto r = run_child("death_spawn", {"panic-race"});
    if (r.status == 0 && r.err.empty()) continue;
    ASSERT_EQ(r.status, 2) << r;
    ASSERT_NE(r.err.find("panic: crash in a race with main"), std::string::npos) << r;
    ++reported;
  }
  EXPECT_GE(reported, 9);
}

TEST(SP, SP_07_ten_thousand_goroutines_in_a_chain) {
  gos::run([] {
    const int n = live(10'000);
    auto leftmost = gos::make_chan<int>();
    auto right = leftmost;
    for (int i = 0; i < n; ++i) {
      auto next = gos::make_chan<int>();
      gos::go([right, next] { right.send(next.recv().value() + 1); });
      right = next;
    }
    gos::go([right] { right.send(0); });
    EXPECT_EQ(leftmost.recv(), n);
  });
}

TEST(SP, SP_08_the_goroutine_count) {
  gos::run([] {
    EXPECT_EQ(gos::runtime::num_goroutine(), 1U);
    // Timers, pollers and the watchdog of the runtime do not count.
    gos::sleep(1ms);
    EXPECT_EQ(gos::runtime::num_goroutine(), 1U);
    auto gate = gos::make_chan<void>();
    for (int i = 0; i < 50; ++i) gos::go([=] { gate.recv(); });
    EXPECT_EQ(gos::runtime::num_goroutine(), 51U);
    EXPECT_EQ(dump_headers(gos::runtime::stack_dump(true)).size(), 51U);
    EXPECT_TRUE(blocked("chan receive", 50));
    EXPECT_EQ(dump_headers(gos::runtime::stack_dump(true)).size(), 51U);
    gate.close();
    EXPECT_TRUE(goroutine_count_settles(1));
    EXPECT_EQ(dump_headers(gos::runtime::stack_dump(true)).size(), 1U);
  });
}

TEST(SP, SP_09_main_has_id_one) {
  const auto r = run_child("death_spawn", {"main-id"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "goroutine 1 [running]:\n");
}

TEST(SP, SP_09_ids_are_never_used_twice) {
  gos::run([] {
    std::set<std::uint64_t> ids{goroutine_id()};
    auto id = gos::make_chan<std::uint64_t>(8);
    const int n = rounds(2000);
    for (int i = 0; i < n; ++i) {
      gos::go([=] { id.send(goroutine_id()); });
      if (i % 8 != 7) continue;
      for (int k = 0; k < 8; ++k) EXPECT_TRUE(ids.insert(id.recv().value()).second);
    }
    for (int k = 0; k < n % 8; ++k) EXPECT_TRUE(ids.insert(id.recv().value()).second);
  });
}

[[gnu::noinline]] void one_place_that_spawns(gos::chan<void> gate) {
  gos::go([=] { gate.recv(); });
}

[[gnu::noinline]] void another_place_that_spawns(gos::chan<void> gate) {
  gos::go([=] { gate.recv(); });
}

[[gnu::noinline]] void third_place_that_spawns(gos::chan<void> gate) {
  gos::go([=] { gate.recv(); });
}

// The `created by F in goroutine N` line of each goroutine in a dump, with the line of its place, by id.
std::map<std::uint64_t, std::string> creators(const std::string& dump) {
  std::map<std::uint64_t, std::string> found;
  std::istringstream lines(dump);
  unsigned long long id = 0;
  for (std::string line; std::getline(lines, line);) {
    std::sscanf(line.c_str(), "goroutine %llu ", &id);
    if (!line.starts_with("created by ")) continue;
    std::string place;
    std::getline(lines, place);
    found[id] = line + '\n' + place;
  }
  return found;
}

TEST(SP, SP_09_a_goroutine_remembers_parent_and_place) {
  gos::run([] {
    const std::uint64_t me = goroutine_id();
    auto gate = gos::make_chan<void>();
    auto parent_id = gos::make_chan<std::uint64_t>();
    one_place_that_spawns(gate);
    another_place_that_spawns(gate);
    gos::go([=] {
      parent_id.send(goroutine_id());
      third_place_that_spawns(gate);
      gate.recv();
    });
    const std::uint64_t nested_parent = parent_id.recv().value();
    ASSERT_TRUE(blocked("chan receive", 4));
    const std::string dump = gos::runtime::stack_dump(true);
    const auto made_by = creators(dump);
    int by_main = 0, by_nested = 0;
    std::set<std::string> places;
    for (const auto& [id, text] : made_by) {
      if (id == me) continue;
      const std::string first = text.substr(0, text.find('\n'));
      by_main += first.ends_with(" in goroutine " + std::to_string(me));
      by_nested += first.ends_with(" in goroutine " + std::to_string(nested_parent));
      places.insert(text);
    }
    EXPECT_EQ(by_main, 3) << dump;
    EXPECT_EQ(by_nested, 1) << dump;
    EXPECT_EQ(places.size(), 4U) << dump;
    gate.close();
    EXPECT_TRUE(goroutine_count_settles(1));
  });
}

// Counts destructions of what a goroutine owns, and notes on which goroutine they happened.
struct owned {
  struct record {
    std::atomic<int> destroyed = 0;
    std::atomic<std::uint64_t> where = 0;
  };
  record* log;
  explicit owned(record* r) : log(r) {}
  owned(owned&& other) noexcept : log(std::exchange(other.log, nullptr)) {}
  ~owned() {
    if (log == nullptr) return;
    ++log->destroyed;
    log->where = goroutine_id();
  }
};

TEST(SP, SP_10_captures_die_once_on_their_goroutine) {
  gos::run([] {
    enum class ending { returns, goexits, recovers };
    for (ending how : {ending::returns, ending::goexits, ending::recovers}) {
      owned::record captured, passed;
      std::atomic<std::uint64_t> id = 0;
      gos::go(
          [&id, how, o = owned(&captured)](const owned&) {
            id = goroutine_id();
            if (how == ending::goexits) gos::goexit();
            if (how == ending::recovers) {
              EXPECT_EQ(panic_text([] { gos::panic("x"); }), "x");
            }
          },
          owned(&passed));
      EXPECT_TRUE(eventually([&] { return captured.where != 0 && passed.where != 0; }));
      EXPECT_EQ(captured.where, id);
      EXPECT_EQ(passed.where, id);
      EXPECT_TRUE(goroutine_count_settles(1));
      EXPECT_EQ(captured.destroyed, 1);
      EXPECT_EQ(passed.destroyed, 1);
    }
  });
}

TEST(SP, SP_10_a_large_callable) {
  gos::run([] {
    auto out = gos::make_chan<int>();
    std::array<int, 4096> large{};
    for (int i = 0; i < 4096; ++i) large[static_cast<std::size_t>(i)] = i;
    gos::go([out, large] {
      int sum = 0;
      for (int n : large) sum += n;
      out.send(sum);
    });
    large.fill(0);
    EXPECT_EQ(out.recv(), 4095 * 4096 / 2);
    struct alignas(64) aligned {
      int value = 1;
    } a;
    gos::go([out, a] { out.send(reinterpret_cast<std::uintptr_t>(&a) % 64 == 0 ? 1 : 0); });
    EXPECT_EQ(out.recv(), 1);
  });
}

TEST(SP, SP_11_no_goroutine_runs_when_statics_die) {
  const struct {
    const char* mode;
    int status;
    const char* out;
  } cases[] = {{"statics", 0, ""},
               {"statics-exit", 6, ""},
               {"late-static", 0, ""},
               {"late-static-held", 0, ""},
               {"use-in-destructor", 0, "used\n"}};
  for (const auto& c : cases) {
    for (int i = 0; i < rounds(10); ++i) {
      const auto r = run_child("death_spawn", {c.mode});
      ASSERT_EQ(r.status, c.status) << c.mode << '\n' << r;
      ASSERT_EQ(r.out, c.out) << c.mode << '\n' << r;
      ASSERT_EQ(r.err, "") << c.mode << '\n' << r;
    }
  }
}

}  // namespace
