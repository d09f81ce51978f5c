// Stalls: goroutines that do not enter the runtime for long are noted, with their stacks, once each.
#include "child.hpp"
#include "fixture.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <regex>

using namespace gos_test;

namespace {

// Sets the limit for a scope.
class stall_limit {
 public:
  explicit stall_limit(std::chrono::milliseconds limit) : before_(gos::runtime::set_stall_limit(limit)) {}
  ~stall_limit() { gos::runtime::set_stall_limit(before_); }
  stall_limit(const stall_limit&) = delete;
  stall_limit& operator=(const stall_limit&) = delete;

 private:
  std::chrono::nanoseconds before_;
};

std::vector<gos::runtime::stall> stalls_of(const std::string& name) {
  std::vector<gos::runtime::stall> found = gos::runtime::stalls();
  std::erase_if(found, [&](const auto& s) { return s.name != name; });
  return found;
}

bool noted(const std::string& name) {
  return eventually([&] { return !stalls_of(name).empty(); });
}

// A goroutine with a name, and its end.
class named {
 public:
  template <class F>
  named(std::string_view name, F f) {
    group_.add(1);
    gos::go({.name = name}, [this, f] {
      f();
      group_.done();
    });
  }
  void join() { group_.wait(); }

 private:
  gos::wait_group group_;
};

// The functions that stacks must name.
[[gnu::noinline]] void compute_long(const std::atomic<bool>& stop, std::atomic<bool>* inside = nullptr) {
  if (inside != nullptr) *inside = true;
  while (!stop.load(std::memory_order_relaxed)) {}
}

[[gnu::noinline]] std::uint64_t read_blocked(int fd, std::atomic<int>& thread) {
  std::uint64_t value = 0;
  thread = ::gettid();
  if (::read(fd, &value, sizeof value) != sizeof value) return 0;
  return value;
}

// The thread has come to the call that blocks it: by its state, the letter behind its name.
bool sleeps(int thread) {
  return eventually([=] {
    std::ifstream in("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(in, text);
    const auto name_end = text.rfind(')');
    return name_end != text.npos && text.compare(name_end, 4, ") S ") == 0;
  });
}

TEST(Stalls, a_computation_is_noted_once_and_grows_until_it_ends) {
  std::atomic<bool> stop{false}, inside{false};
  named handle("computes", [&] { compute_long(stop, &inside); });
  ASSERT_TRUE(eventually([&] { return inside.load(); }));
  const stall_limit limit(20ms);
  const bool seen = noted("computes");
  const auto first = stalls_of("computes");
  const bool grew = eventually([&] {
    const auto now = stalls_of("computes");
    return !now.empty() && !first.empty() && now.back().lasted > first.front().lasted + 20ms;
  });
  stop = true;
  handle.join();
  ASSERT_TRUE(seen);
  EXPECT_TRUE(grew);
  EXPECT_GE(first.front().lasted, 20ms);
  EXPECT_TRUE(first.front().ongoing);
  EXPECT_EQ(first.front().kind, gos::runtime::stall_kind::running) << first.front().text;
  EXPECT_NE(first.front().text.find("compute_long"), std::string::npos) << first.front().text;
  EXPECT_NE(first.front().text.find("created by "), std::string::npos) << first.front().text;
  EXPECT_NE(first.front().text.find(" UTC]: computes\n"), std::string::npos) << first.front().text;
  ASSERT_TRUE(eventually([] { return !stalls_of("computes").front().ongoing; }));
  const auto last = stalls_of("computes");
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last.front().goroutine, first.front().goroutine);
  EXPECT_GT(last.front().lasted, first.front().lasted);
  EXPECT_EQ(stalls_of("computes").front().lasted, last.front().lasted) << "an ended one does not grow";
  const std::string dump = gos::runtime::stack_dump(true);
  EXPECT_NE(dump.find("\ngoroutines that ran for long without entering the runtime, the last "), std::string::npos) << dump;
  const auto began = last.front().since;
  EXPECT_LT(began, std::chrono::system_clock::now());
  EXPECT_GT(began, std::chrono::system_clock::now() - 10min);
}

TEST(Stalls, one_in_a_blocking_call_is_marked_as_such) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  std::uint64_t got = 0;
  std::atomic<int> thread{0};
  named handle("reads", [&] { got = read_blocked(fd, thread); });
  EXPECT_TRUE(eventually([&] { return thread != 0; }));
  EXPECT_TRUE(sleeps(thread));
  const stall_limit limit(20ms);
  const bool seen = noted("reads");
  const auto found = stalls_of("reads");
  const std::uint64_t seven = 7;
  const bool wrote = ::write(fd, &seven, sizeof seven) == sizeof seven;
  handle.join();
  ::close(fd);
  ASSERT_TRUE(seen);
  ASSERT_TRUE(wrote);
  EXPECT_EQ(got, 7u) << "read is restarted after the look at its stack";
  EXPECT_EQ(found.front().kind, gos::runtime::stall_kind::in_a_call) << found.front().text;
  EXPECT_NE(found.front().text.find("read_blocked"), std::string::npos) << found.front().text;
  EXPECT_NE(found.front().text.find(", in a call"), std::string::npos) << found.front().text;
}

// What has said that it may take long is not noted, though it was there first.
TEST(Stalls, blocking_sections_are_not_noted) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  std::atomic<int> thread{0};
  std::atomic<bool> stop{false};
  named blocking("says so", [&] {
    gos::blocking([&] { return read_blocked(fd, thread); });
  });
  const bool began = eventually([&] { return thread != 0; });
  const stall_limit limit(20ms);
  named computing("beside", [&] { compute_long(stop); });
  const bool seen = eventually([] {
    const auto found = stalls_of("beside");
    return !found.empty() && found.front().lasted > 100ms;
  });
  EXPECT_TRUE(stalls_of("says so").empty());
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(fd, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  stop = true;
  blocking.join();
  computing.join();
  ::close(fd);
  EXPECT_TRUE(began);
  EXPECT_TRUE(seen);
}

// A goroutine that never parks but comes by is none: an empty channel is looked at all the time.
TEST(Stalls, who_enters_the_runtime_does_not_stall) {
  const stall_limit limit(1s);
  std::atomic<bool> stop{false};
  named busy("comes by", [&] {
    auto empty = gos::make_chan<int>();
    while (!stop) {
      if (empty.try_recv()) break;
    }
  });
  named computing("does not", [&] { compute_long(stop); });
  const bool seen = eventually([] {
    const auto found = stalls_of("does not");
    return !found.empty() && found.front().lasted > 2s;
  });
  stop = true;
  busy.join();
  computing.join();
  EXPECT_TRUE(seen);
  EXPECT_TRUE(stalls_of("comes by").empty()) << stalls_of("comes by").front().text;
}

// The same goroutine stalls twice: two entries.
TEST(Stalls, each_stall_is_one) {
  const stall_limit limit(10ms);
  std::atomic<int> round{0};
  named handle("twice", [&] {
    for (int i = 0; i < 2; ++i) {
      while (round.load(std::memory_order_relaxed) == i) {}
      gos::sleep(1ms);
    }
  });
  const bool first = eventually([] { return stalls_of("twice").size() == 1; });
  round = 1;
  const bool second = eventually([] { return stalls_of("twice").size() == 2; });
  round = 2;
  handle.join();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_TRUE(eventually([] { return !stalls_of("twice").back().ongoing; }));
  EXPECT_LE(stalls_of("twice").front().since, stalls_of("twice").back().since);
}

TEST(Stalls, the_last_64_are_kept) {
  const stall_limit limit(1ms);
  constexpr int n = 70;
  for (int i = 0; i < n; ++i) {
    const std::string name = "number " + std::to_string(i);
    std::atomic<bool> stop{false};
    named handle(name, [&] { compute_long(stop); });
    const bool seen = noted(name);
    stop = true;
    handle.join();
    ASSERT_TRUE(seen) << i;
  }
  const auto all = gos::runtime::stalls();
  EXPECT_LE(all.size(), 64u);
  EXPECT_TRUE(stalls_of("number 0").empty());
  EXPECT_EQ(stalls_of("number 69").size(), 1u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.goroutine < b.goroutine; }));
}

TEST(Stalls, the_limit_is_what_was_set) {
  const auto before = gos::runtime::set_stall_limit(3s);
  EXPECT_EQ(gos::runtime::set_stall_limit(1us), 3s);
  EXPECT_EQ(gos::runtime::set_stall_limit(-5s), 1ms) << "the least";
  EXPECT_EQ(gos::runtime::set_stall_limit(before), 0s) << "off";
}

TEST(Stalls, none_are_noted_unless_asked_for) {
  const auto r = run_child("death_stalls", {"computes"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "0 stalls\n") << r;
  EXPECT_EQ(r.err, "") << r;
}

TEST(Stalls, the_environment_asks_for_them) {
  const auto r = run_child("death_stalls", {"noted"}, {"GOS_DEBUG=stalls=20"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_EQ(r.out, "noted\n") << r;
  EXPECT_EQ(r.err, "") << r;
}

TEST(Stalls, they_are_printed_at_once) {
  const auto r = run_child("death_stalls", {"noted"}, {"GOS_DEBUG=stalls=20,printstalls"});
  EXPECT_EQ(r.status, 0) << r;
  EXPECT_TRUE(std::regex_search(r.err, std::regex("(^|\n)gossamer: goroutine 1 \\[stalled [0-9]+ ms, running, still going on, "
                                                  "since [-0-9]+ [0-9:.]+ UTC\\]:\n([^\n]+\n\t[^\n]+\n)*[^\n]*spin_until_noted")))
      << r;
}

}  // namespace
