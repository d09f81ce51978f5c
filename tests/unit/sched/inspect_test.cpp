// Goroutines as others see them: whole stacks of those that wait, in whatever they wait, wherever the one who looks is; and
// nothing wrong while they come, run and go.
#include <gossamer/gossamer.hpp>

#include <set>

#include "fixture.hpp"
#include "platform/membarrier.hpp"
#include "sched/inspect.hpp"
#include "sched/sample.hpp"
#include "sched/sched.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

struct seen {
  rt::goroutine_view view;
  std::vector<void*> frames;
};

std::vector<seen> inspect(rt::inspect_options options = {}) {
  std::vector<seen> all;
  all.reserve(20'000);
  rt::inspect_goroutines(
      options,
      [](const rt::goroutine_view& view, void* argument) {
        auto& out = *static_cast<std::vector<seen>*>(argument);
        out.push_back({view, {view.frames, view.frames + view.depth}});
      },
      &all);
  return all;
}

const seen* find(const std::vector<seen>& all, const rt::goroutine* gp) {
  for (const seen& one : all) {
    if (one.view.gp == gp) return &one;
  }
  return nullptr;
}

// What one goroutine's recursion knows of itself.
struct descent {
  const rt::goroutine* gp = nullptr;
  std::vector<void*> returns;  // outermost first
  // All room is made and given back by who looks: this file is not instrumented, and TSan sees its allocations only.
  descent() { returns.reserve(1024); }
};

template <class F>
[[gnu::noinline]] int descend(descent& d, int left, F& bottom) {
  d.returns.push_back(__builtin_return_address(0));
  volatile int kept = left;
  if (left == 0) {
    d.gp = rt::current_goroutine();
    bottom();
  } else {
    descend(d, left - 1, bottom);
  }
  return kept;
}

bool has_all(const std::vector<void*>& frames, const descent& d) {
  // The calls lie one after the other, wherever the wait's own frames end.
  const auto first = std::find(frames.begin(), frames.end(), d.returns.back());
  if (static_cast<std::size_t>(frames.end() - first) < d.returns.size()) return false;
  return std::equal(d.returns.rbegin(), d.returns.rend(), first);
}

bool can_hold() {
  gos::spawn([] {}).join();  // starts the runtime
  return rt::inspect_sees_stacks();
}

// In each kind of wait, `depth` calls deep; looked at from here.
template <class F, class G>
void expect_whole_stack(const char* reason, int depth, F wait, G end_it) {
  descent d;
  gos::wait_group done;
  done.go([&] { descend(d, depth, wait); });
  ASSERT_TRUE(blocked(reason, 1)) << reason;
  const std::vector<seen> all = inspect({.frames_max = 128});
  const seen* one = find(all, d.gp);
  ASSERT_NE(one, nullptr) << reason;
  EXPECT_TRUE(one->view.held) << reason;
  EXPECT_EQ(one->view.state, rt::goroutine_state::waiting);
  EXPECT_STREQ(rt::wait_reason_text(one->view.reason), reason);
  EXPECT_TRUE(has_all(one->frames, d)) << reason << ": " << one->frames.size() << " frames";
  EXPECT_LT(one->frames.size(), d.returns.size() + 20) << reason << ": it ends where the goroutine began";
  EXPECT_GT(one->view.stack_pointer, one->view.stack.low());
  EXPECT_LT(one->view.stack_pointer, one->view.stack.top());
  end_it();
  done.wait();
}

void all_kinds_of_waits(int depth) {
  auto ch = gos::make_chan<int>();
  gos::mutex m;
  expect_whole_stack("chan receive", depth, [ch] { ch.recv(); }, [ch] { ch.send(1); });
  expect_whole_stack("chan send", depth, [ch] { ch.send(1); }, [ch] { ch.recv(); });
  m.lock();
  expect_whole_stack(
      "sync.Mutex.Lock", depth,
      [&m] {
        m.lock();
        m.unlock();
      },
      [&m] { m.unlock(); });
  expect_whole_stack("sleep", depth, [] { gos::sleep(1s); }, [] {});
}

TEST(inspect, finds_whole_stacks_of_those_that_wait) {
  if (!can_hold()) GTEST_SKIP() << "no membarrier";
  all_kinds_of_waits(0);
  all_kinds_of_waits(37);
}

TEST(inspect, finds_them_from_a_goroutine_too) {
  if (!can_hold()) GTEST_SKIP() << "no membarrier";
  gos::spawn([] { all_kinds_of_waits(5); }).join();
}

TEST(inspect, leaves_out_whom_it_is_told_to) {
  gos::spawn([] {
    const rt::goroutine* me = rt::current_goroutine();
    EXPECT_EQ(find(inspect({.omit = me}), me), nullptr);
    const std::vector<seen> all = inspect();
    const seen* self = find(all, me);
    ASSERT_NE(self, nullptr);
    EXPECT_EQ(self->view.state, rt::goroutine_state::running);
    EXPECT_EQ(self->frames.size(), 0U) << "the caller's own stack moves";
  }).join();
}

TEST(inspect, sees_the_fresh_as_fresh) {
  gos::spawn([] {
    const std::size_t others = gos::runtime::num_goroutine();
    gos::wait_group done;
    auto go_on = gos::make_chan<void>();
    for (int i = 0; i < 100; ++i) done.go([go_on] { go_on.recv(); });
    const std::vector<seen> all = inspect();
    EXPECT_EQ(all.size(), others + 100);
    std::set<std::uint64_t> ids;
    for (const seen& one : all) {
      ids.insert(one.view.id);
      if (one.view.fresh) EXPECT_EQ(one.frames.size(), 0U);
    }
    EXPECT_EQ(ids.size(), all.size());
    go_on.close();
    done.wait();
  }).join();
}

std::atomic<bool> stop{false};
[[gnu::noinline]] void spin_here(std::atomic<int>& spinning) {
  ++spinning;
  while (!stop.load(std::memory_order_relaxed)) {
  }
  asm volatile("");
}

TEST(inspect, asks_those_that_run_on_other_threads) {
  can_hold();
  stop = false;
  descent d;
  std::atomic<int> spinning{0};
  gos::wait_group done;
  auto spin = [&] { spin_here(spinning); };
  done.go([&] { descend(d, 10, spin); });
  ASSERT_TRUE(eventually([&] { return spinning == 1; }));
  EXPECT_TRUE(eventually([&] {
    const std::vector<seen> all = inspect({.running_stacks = true, .frames_max = 128});
    const seen* one = find(all, d.gp);
    return one != nullptr && one->view.state == rt::goroutine_state::running && has_all(one->frames, d);
  }));
  // Not asked, not interrupted.
  const std::vector<seen> all = inspect();
  const seen* one = find(all, d.gp);
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->frames.size(), 0U);
  stop = true;
  done.wait();
}

TEST(inspect, a_thread_that_does_not_answer_holds_nobody_up) {
  can_hold();
  stop = false;
  const rt::goroutine* gp = nullptr;
  std::atomic<int> spinning{0};
  gos::wait_group done;
  done.go([&] {
    const gos::pin here;
    sigset_t all_signals;
    sigset_t before;
    ::sigfillset(&all_signals);
    ::pthread_sigmask(SIG_BLOCK, &all_signals, &before);
    gp = rt::current_goroutine();
    spin_here(spinning);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  });
  ASSERT_TRUE(eventually([&] { return spinning == 1; }));
  void* frames[8];
  EXPECT_EQ(rt::sample_running(rt::machine_that_runs(gp), gp, frames, 8, 30'000'000), 0U);
  const std::vector<seen> all = inspect({.running_stacks = true});
  const seen* one = find(all, gp);
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->frames.size(), 0U);
  EXPECT_TRUE(one->view.locked);
  stop = true;
  done.wait();
}

TEST(inspect, a_section_that_blocks_its_thread_is_told) {
  can_hold();
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  const rt::goroutine* gp = nullptr;
  gos::wait_group done;
  done.go([&] {
    gp = rt::current_goroutine();
    gos::blocking([&] {
      inside = true;
      while (!leave) ::usleep(1000);
    });
  });
  ASSERT_TRUE(eventually([&] { return inside.load(); }));
  const std::vector<seen> all = inspect();
  const seen* one = find(all, gp);
  ASSERT_NE(one, nullptr);
  EXPECT_TRUE(one->view.blocking);
  leave = true;
  done.wait();
}

// Every kind of passage at once, while somebody looks without pause.
TEST(inspect, is_right_while_goroutines_come_wait_and_go) {
  can_hold();
  std::atomic<bool> end{false};
  gos::wait_group done;
  auto ch = gos::make_chan<int>();
  for (int i = 0; i < 8; ++i) {
    done.go([&, i] {
      while (!end) {
        gos::wait_group children;
        for (int k = 0; k < 20; ++k) {
          children.go([&, k] {
            if (k % 3 == 0) gos::yield();
            if (k % 5 == 0) gos::sleep(50us);
            if (k % 2 == 0) {
              ch.send(k);
            } else {
              ch.recv();
            }
          });
        }
        children.wait();
        if (i == 0) gos::yield();
      }
    });
  }
  std::size_t with_stack = 0;
  for (int i = 0; i < rounds(400); ++i) {
    std::set<std::uint64_t> ids;
    for (const seen& one : inspect({.running_stacks = i % 4 == 0, .frames_max = 32})) {
      EXPECT_TRUE(ids.insert(one.view.id).second) << "seen twice";
      if (one.view.depth > 0) ++with_stack;
      for (const void* frame : one.frames) EXPECT_NE(frame, nullptr);
    }
  }
  if (rt::inspect_sees_stacks()) {
    EXPECT_TRUE(with_stack > 0 || eventually([] {
                  const std::vector<seen> all = inspect();
                  return std::any_of(all.begin(), all.end(), [](const seen& one) { return one.view.depth > 0; });
                }));
  }
  end = true;
  done.wait();
}

TEST(inspect, knows_whose_stacks_they_are) {
  gos::spawn([] {
    const rt::goroutine* const gp = rt::current_goroutine();
    const std::vector<rt::goroutine_stack> all = rt::goroutine_stacks();
    EXPECT_EQ(std::count_if(all.begin(), all.end(), [gp](const auto& one) { return one.gp == gp && one.base == gp->stack_base; }), 1);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.base < b.base; }));
  }).join();
}

}  // namespace
