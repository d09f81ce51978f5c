// Stacks: deep recursion on a default one, memory that comes back, sizes on request, and what overflow looks like (CR-10,
// CR-11).
#include "child.hpp"
#include "fixture.hpp"

#include <cstring>
#include <regex>

using namespace gos_test;

namespace {

// Goes down until `bytes` of stack are in use, touching all of it, and calls at_bottom there. Returns a checksum so that
// no call can be dropped or turned into a loop.
[[gnu::noinline]] long descend(const char* top, long bytes, const std::function<void()>& at_bottom) {
  volatile char frame[512];
  std::memset(const_cast<char*>(frame), static_cast<int>(bytes & 0x7f), sizeof frame);
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (top - here >= bytes) {
    at_bottom();
    return 1;
  }
  const long below = descend(top, bytes, at_bottom);
  return below + (frame[17] == static_cast<char>(bytes & 0x7f));
}

[[gnu::noinline]] void use_stack(
    long bytes, const std::function<void()>& at_bottom = [] {}) {
  EXPECT_GT(descend(static_cast<const char*>(__builtin_frame_address(0)), bytes, at_bottom), 1);
}

constexpr long kib = 1024;

TEST(Stack, CR_10_two_hundred_kib_on_a_default_stack) {
  gos::run([] {
    use_stack(200 * kib);  // Main is a goroutine as well.
    gos::wait_group group;
    for (int i = 0; i < 20; ++i) {
      group.go([] {
        use_stack(200 * kib);
        gos::yield();
        // Waiting at the bottom, and coming up again afterwards.
        use_stack(200 * kib, [] { gos::sleep(100us); });
      });
    }
    group.wait();
  });
}

TEST(Stack, what_lies_on_it_survives_waiting) {
  gos::run([] {
    auto gate = gos::make_chan<void>();
    gos::wait_group group;
    for (int i = 0; i < 50; ++i) {
      group.go([=] {
        char data[20'000];
        std::memset(data, i, sizeof data);
        gate.recv();
        for (char c : data) ASSERT_EQ(c, static_cast<char>(i));
      });
    }
    ASSERT_TRUE(blocked("chan receive", 50));
    use_stack(100 * kib);
    gate.close();
    group.wait();
  });
}

TEST(Stack, pages_come_back) {
  if (sanitized || slow_machine()) GTEST_SKIP() << "memory of a sanitizer or an emulator says nothing";
  time_limit(120s);
  const int n = 400;
  gos::run([] { gos::spawn([] { use_stack(200 * kib); }).join(); });
  const long before = status_kib("VmRSS");
  gos::run([&] {
    auto gate = gos::make_chan<void>(), deep = gos::make_chan<void>();
    gos::wait_group group;
    for (int i = 0; i < n; ++i) {
      group.go([=] {
        // All are down there at once.
        use_stack(200 * kib, [=] { deep.recv(); });
        gate.recv();
      });
    }
    ASSERT_TRUE(blocked("chan receive", n));
    const long peak = status_kib("VmRSS") - before;
    EXPECT_GT(peak, n * 190);
    deep.close();
    // They are parked near the top of their stacks now: the rest goes back to the kernel after a while.
    EXPECT_TRUE(eventually([&] { return status_kib("VmRSS") - before < peak / 4; }, 60s))
        << "parked: " << status_kib("VmRSS") - before << " KiB of " << peak;
    gate.close();
    group.wait();
    EXPECT_TRUE(eventually([&] { return status_kib("VmRSS") - before < peak / 4; }, 60s))
        << "ended: " << status_kib("VmRSS") - before << " KiB of " << peak;
  });
}

TEST(Stack, freed_stacks_do_not_pile_up) {
  if (sanitized || slow_machine()) GTEST_SKIP() << "memory of a sanitizer or an emulator says nothing";
  const long before = status_kib("VmRSS");
  gos::run([&] {
    for (int round = 0; round < 20; ++round) {
      gos::wait_group group;
      for (int i = 0; i < 2000; ++i) {
        group.go([] {
          gos::yield();
          use_stack(8 * kib);
        });
      }
      group.wait();
    }
    // 40 000 stacks of three pages, one after the other, are 480 MB.
    EXPECT_LT(status_kib("VmRSS") - before, 120'000);
  });
}

TEST(Stack, sizes_on_request) {
  gos::run([] {
    auto done = gos::make_chan<void>();
    gos::go({.stack_size = 4 * 1024 * 1024}, [=] {
      use_stack(3800 * kib);
      done.send();
    });
    done.recv();
    // A small one still works, and the default is what it was.
    gos::go({.name = "small", .stack_size = 16 * 1024}, [=] {
      gos::yield();
      done.send();
    });
    done.recv();
    gos::go([=] {
      use_stack(200 * kib);
      done.send();
    });
    done.recv();
  });
}

TEST(Stack, size_from_the_environment) {
  const auto r = run_child("death_stack", {"deep"}, {"GOS_STACK_SIZE=4194304"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "3 MiB are fine\n") << r;
}

// The limit in `runtime: goroutine stack exceeds N-byte limit`, 0 without such a line.
long limit_in(const std::string& text) {
  std::smatch found;
  if (!std::regex_search(text, found,
                         std::regex("(^|\n)runtime: goroutine stack exceeds ([0-9]+)-byte limit\n")))
    return 0;
  return std::stol(found[2]);
}

TEST(Stack, CR_10_overflow_is_fatal) {
  for (const char* mode : {"overflow", "overflow-main", "overflow-in-defer", "overflow-after-parking"}) {
    const auto r = run_child("death_stack", {mode});
    EXPECT_EQ(r.status, 2) << mode << '\n' << r;
    EXPECT_GE(limit_in(r.err), 200 * kib) << mode << '\n' << r;
    const auto first = r.err.find("runtime: goroutine stack exceeds");
    const auto second = r.err.find("\nfatal error: stack overflow\n");
    EXPECT_LT(first, second) << mode << '\n' << r;
    EXPECT_NE(second, std::string::npos) << mode << '\n' << r;
    EXPECT_EQ(r.out, "going down\n") << mode << '\n' << r;
  }
}

// Where a slot has no guard, the strip under it tells: when the goroutine ends, or when it waits for long.
TEST(Stack, CR_10_overflow_without_guards_is_found_later) {
  if (sanitized) GTEST_SKIP() << "frames are larger than the strip";
  for (const char* mode : {"overflow-a-little", "overflow-a-little-and-wait"}) {
    const auto r = run_child("death_stack", {mode}, {"GOS_DEBUG=noguards"});
    EXPECT_EQ(r.status, 2) << mode << '\n' << r;
    EXPECT_EQ(limit_in(r.err), 16 * kib) << mode << '\n' << r;
    EXPECT_NE(r.err.find("\nfatal error: stack overflow\n"), std::string::npos) << mode << '\n' << r;
  }
}

TEST(Stack, CR_10_the_limit_is_the_one_asked_for) {
  const auto r = run_child("death_stack", {"overflow-large"});
  EXPECT_EQ(r.status, 2) << r;
  EXPECT_GE(limit_in(r.err), 3 * 1024 * kib) << r;
  EXPECT_LE(limit_in(r.err), 8 * 1024 * kib) << r;
}

TEST(Stack, CR_11_overflow_names_the_goroutine) {
  const auto r = run_child("death_stack", {"overflow-named"});
  EXPECT_EQ(r.status, 2) << r;
  std::smatch printed;
  ASSERT_TRUE(std::regex_search(r.out, printed, std::regex("I am goroutine ([0-9]+) "))) << r;
  EXPECT_NE(r.err.find("goroutine " + printed[1].str() + " "), std::string::npos) << r;
  EXPECT_NE(r.err.find("the-deep-one"), std::string::npos) << r;
  // With the place that spawned it, and the setting to raise.
  EXPECT_TRUE(std::regex_search(r.err, std::regex("(created by|spawned at) .*goroutine 1"))) << r;
  EXPECT_TRUE(r.err.find("GOS_STACK_SIZE") != std::string::npos ||
              r.err.find("stack_size") != std::string::npos)
      << r;
}

// What to raise depends on whose stack it is.
TEST(Stack, CR_11_overflow_says_what_to_raise) {
  const auto advice = [](const char* mode) {
    const auto r = run_child("death_stack", {mode});
    std::smatch found;
    const bool any = std::regex_search(r.err, found, std::regex("fault at [^\n]*\n\t([^\n]*)\n"));
    return any ? found[1].str() : "(none)";
  };
  EXPECT_EQ(advice("overflow"),
            "raise its limit where it is spawned, gos::spawn_options{.stack_size = 524288}, or everybody's with "
            "GOS_STACK_SIZE=524288");
  EXPECT_EQ(advice("overflow-large"), "raise its limit where it is spawned: gos::spawn_options{.stack_size = 8388608}");
  EXPECT_EQ(advice("overflow-main"),
            "main's stack is fixed: go so deep in a goroutine of its own, gos::spawn_options{.stack_size = 16777216}");
}

TEST(Stack, CR_11_overflow_with_others_busy) {
  for (int i = 0; i < rounds(10); ++i) {
    const auto r = run_child("death_stack", {"overflow-beside-others"});
    ASSERT_EQ(r.status, 2) << r;
    ASSERT_NE(r.err.find("fatal error: stack overflow"), std::string::npos) << r;
  }
}

TEST(Stack, other_faults_keep_their_meaning) {
  if (sanitized) GTEST_SKIP() << "the sanitizer's handler answers first";
  // A wild pointer is no overflow: the process dies by that signal.
  for (const char* mode : {"wild-pointer", "wild-pointer-plain-thread"}) {
    const auto r = run_child("death_stack", {mode});
    EXPECT_EQ(r.signal, SIGSEGV) << mode << '\n' << r;
    EXPECT_EQ(r.err.find("stack overflow"), std::string::npos) << mode << '\n' << r;
  }
  const auto r = run_child("death_stack", {"own-handler"});
  EXPECT_EQ(r.status, 9) << r;
  EXPECT_EQ(r.out, "own handler\n") << r;
}

}  // namespace
