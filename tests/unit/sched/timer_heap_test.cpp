// The heap of due times: against a reference, and from many threads at once. Timers are added to heaps of the test's own, so
// no processor looks at them behind its back.
#include "sched/timer_heap.hpp"

#include <map>
#include <memory>
#include <set>

#include "fixture.hpp"
#include "sched/timers.hpp"

using namespace gos_test;
using gos::rt::timer;
using gos::rt::timer_heap;

namespace {

struct recorded : timer {
  std::vector<recorded*>* fired = nullptr;
  std::int64_t again_in_ns = 0;  // fires again so much later, once
};

std::int64_t record(timer* due, std::int64_t now_ns) noexcept {
  auto* t = static_cast<recorded*>(due);
  t->fired->push_back(t);
  return t->again_in_ns == 0 ? 0 : now_ns + std::exchange(t->again_in_ns, 0);
}

TEST(timer_heap, agrees_with_a_reference_over_random_operations) {
  constexpr std::size_t count = 3000;
  timer_heap heap;
  std::vector<recorded*> fired;
  const auto timers = std::make_unique<recorded[]>(count);
  for (std::size_t i = 0; i < count; ++i) {
    timers[i].fire = record;
    timers[i].fired = &fired;
  }
  std::set<std::pair<std::int64_t, recorded*>> reference;
  auto random = rng();
  std::int64_t now_ns = 0;
  for (int i = 0; i < 100'000; ++i) {
    recorded& t = timers[random() % count];
    const bool pending = reference.contains({t.when_ns, &t});
    switch (random() % 8) {
      case 0: case 1: case 2: case 3:
        if (!pending) {
          const std::int64_t when_ns = now_ns + static_cast<std::int64_t>(random() % 5000);
          const bool earliest = reference.empty() || when_ns < reference.begin()->first;
          EXPECT_EQ(heap.add(t, when_ns), earliest) << "at step " << i;
          reference.insert({when_ns, &t});
        }
        break;
      case 4: case 5: case 6: {
        reference.erase({t.when_ns, &t});
        EXPECT_EQ(gos::rt::timer_stop(t), pending);
        break;
      }
      default: {
        now_ns += static_cast<std::int64_t>(random() % 200);
        if (pending && random() % 2 == 0) t.again_in_ns = 1 + static_cast<std::int64_t>(random() % 100);
        fired.clear();
        std::set<recorded*> continues;
        for (std::size_t k = 0; k < count; ++k) {
          if (timers[k].again_in_ns != 0) continues.insert(&timers[k]);
        }
        const int n = heap.run(now_ns);
        ASSERT_EQ(static_cast<std::size_t>(n), fired.size());
        std::int64_t last_ns = 0;
        for (recorded* f : fired) {
          const auto first = reference.begin();
          ASSERT_NE(first, reference.end());
          ASSERT_LE(first->first, now_ns);
          ASSERT_LE(last_ns, first->first);  // In order of due time,
          last_ns = first->first;
          // equal ones in any.
          auto mine = reference.end();
          for (auto it = first; it != reference.end() && it->first == last_ns; ++it) {
            if (it->second == f) mine = it;
          }
          ASSERT_NE(mine, reference.end());
          reference.erase(mine);
        }
        for (recorded* f : fired) {
          if (continues.contains(f)) reference.insert({f->when_ns, f});
        }
        if (!reference.empty()) {
          ASSERT_GT(reference.begin()->first, now_ns);
        }
      }
    }
    ASSERT_EQ(heap.next_ns(), reference.empty() ? gos::rt::never_ns : reference.begin()->first) << "at step " << i;
  }
  for (const auto& [when_ns, t] : reference) EXPECT_TRUE(gos::rt::timer_stop(*t));
}

TEST(timer_heap, moves_everything_and_stays_in_order) {
  timer_heap from, to;
  std::vector<recorded*> fired;
  const auto timers = std::make_unique<recorded[]>(5000);
  auto random = rng();
  for (int i = 0; i < 5000; ++i) {
    timers[i].fire = record;
    timers[i].fired = &fired;
    (i % 3 == 0 ? to : from).add(timers[i], static_cast<std::int64_t>(random() % 100'000));
  }
  for (int i = 0; i < 5000; i += 7) EXPECT_TRUE(gos::rt::timer_stop(timers[i]));
  from.move_to(to);
  EXPECT_EQ(from.next_ns(), gos::rt::never_ns);
  for (int i = 1; i < 5000; i += 7) EXPECT_TRUE(gos::rt::timer_stop(timers[i]));
  EXPECT_EQ(from.run(1'000'000), 0);
  const int n = to.run(1'000'000);
  EXPECT_EQ(static_cast<std::size_t>(n), fired.size());
  EXPECT_EQ(fired.size(), 5000U - 715U - 715U);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end(), [](recorded* a, recorded* b) { return a->when_ns < b->when_ns; }));
  EXPECT_EQ(to.next_ns(), gos::rt::never_ns);
}

struct tallied : timer {
  std::atomic<int> running{0};
  std::atomic<long> fires{0};
  std::atomic<bool> dead{false};
};

std::atomic<long> wrong{0};

std::int64_t tally(timer* due, std::int64_t now_ns) noexcept {
  auto* t = static_cast<tallied*>(due);
  if (t->running.fetch_add(1) != 0) ++wrong;  // Never twice at once,
  if (t->dead.load()) ++wrong;                // never after timer_stop.
  if (t->when_ns > now_ns) ++wrong;
  ++t->fires;
  if (t->dead.load()) ++wrong;
  t->running.fetch_sub(1);
  return 0;
}

// Each thread owns timers and starts and stops them; all threads run all heaps and move them into one another.
TEST(timer_heap, stands_many_threads) {
  constexpr int threads = 4;
  wrong = 0;
  timer_heap heaps[3];
  std::atomic<std::int64_t> clock{1};
  std::atomic<long> starts{0}, stops{0}, fires{0};
  std::vector<std::thread> all;
  const auto end = std::chrono::steady_clock::now() + 700ms;
  for (int id = 0; id < threads; ++id) {
    all.emplace_back([&, random = rng()]() mutable {
      std::map<int, std::unique_ptr<tallied>> mine;
      while (std::chrono::steady_clock::now() < end) {
        const std::int64_t now_ns = clock.fetch_add(1 + static_cast<std::int64_t>(random() % 20));
        auto& t = mine[static_cast<int>(random() % 64)];
        if (t == nullptr) {
          t = std::make_unique<tallied>();
          t->fire = tally;
          heaps[random() % 3].add(*t, now_ns + static_cast<std::int64_t>(random() % 3000));
          ++starts;
        } else {
          if (gos::rt::timer_stop(*t)) ++stops;
          if (t->running.load() != 0) ++wrong;
          t->dead = true;
          fires += t->fires;
          t.reset();  // The memory may go at once.
        }
        heaps[random() % 3].run(now_ns);
        if (random() % 50 == 0) {
          const auto from = random() % 3;
          heaps[from].move_to(heaps[(from + 1) % 3]);
        }
      }
      for (auto& [key, t] : mine) {
        if (t == nullptr) continue;
        if (gos::rt::timer_stop(*t)) ++stops;
        fires += t->fires;
      }
    });
  }
  for (auto& thread : all) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(starts, stops + fires);  // Each one fired or was stopped, exactly once.
  for (auto& heap : heaps) EXPECT_EQ(heap.next_ns(), gos::rt::never_ns);
}

}  // namespace
