// Contract section 9, Pool.
#include "fixture.hpp"

#include <gossamer/pool.hpp>

#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gos_test;

namespace {

static_assert(!std::is_copy_constructible_v<gos::pool<int>> && !std::is_move_constructible_v<gos::pool<int>>);

TEST(PO, PO_01_get_returns_what_was_put) {
  gos::pool<std::string> pool;
  EXPECT_FALSE(pool.get());
  pool.put("a");
  pool.put("b");
  std::set<std::string> got;
  got.insert(pool.get().value());
  got.insert(pool.get().value());
  EXPECT_EQ(got, (std::set<std::string>{"a", "b"}));
  EXPECT_FALSE(pool.get());
}

TEST(PO, PO_01_or_the_result_of_make) {
  int made = 0;
  gos::pool<int> pool([&] { return ++made; });
  EXPECT_EQ(pool.get(), 1);
  EXPECT_EQ(pool.get(), 2);
  pool.put(40);
  EXPECT_EQ(pool.get(), 40);
  EXPECT_EQ(pool.get(), 3);
  gos::pool<int> without{std::function<int()>()};
  EXPECT_FALSE(without.get());
  gos::pool<int> fails([]() -> int { throw std::runtime_error("cannot make"); });
  EXPECT_THROW(fails.get(), std::runtime_error);
  fails.put(1);
  EXPECT_EQ(fails.get(), 1);
}

TEST(PO, PO_01_what_was_put_elsewhere_is_found) {
  gos::pool<int> pool;
  std::multiset<int> got;
  std::thread([&] { pool.put(1); }).join();
  gos::run([&] {
    gos::spawn([&] { pool.put(2); }).join();
    pool.put(3);
  });
  for (int i = 0; i < 3; ++i) got.insert(pool.get().value());
  EXPECT_EQ(got, (std::multiset<int>{1, 2, 3}));
}

TEST(PO, PO_01_put_of_null_is_ignored) {
  int object = 0;
  gos::pool<int*> pointers;
  pointers.put(nullptr);
  EXPECT_FALSE(pointers.get());
  pointers.put(&object);
  EXPECT_EQ(pointers.get(), &object);
  gos::pool<std::unique_ptr<int>> owned;
  owned.put(nullptr);
  EXPECT_FALSE(owned.get());
  owned.put(std::make_unique<int>(3));
  EXPECT_EQ(**owned.get(), 3);
  gos::pool<std::shared_ptr<int>> shared;
  shared.put({});
  EXPECT_FALSE(shared.get());
  gos::pool<std::function<void()>> functions;
  functions.put(nullptr);
  EXPECT_FALSE(functions.get());
  functions.put([] {});
  EXPECT_TRUE(functions.get());
  gos::pool<gos::chan<int>> channels;
  channels.put(nullptr);
  EXPECT_FALSE(channels.get());
  // Zero and empty are values.
  gos::pool<int> numbers;
  numbers.put(0);
  EXPECT_EQ(numbers.get(), 0);
  gos::pool<std::string> texts;
  texts.put("");
  EXPECT_EQ(texts.get(), "");
}

TEST(PO, PO_01_make_may_use_the_pool) {
  std::unique_ptr<gos::pool<int>> pool;
  pool = std::make_unique<gos::pool<int>>([&] {
    pool->put(5);
    return pool->get().value() + 1;
  });
  EXPECT_EQ(pool->get(), 6);
}

// Each item is in one hand at a time.
TEST(PO, PO_01_one_item_is_never_in_two_hands) {
  struct item {
    std::atomic<int> holders = 0;
    int uses = 0;  // not atomic: MM-09
  };
  auto random = rng();
  std::atomic<int> made = 0;
  std::vector<std::unique_ptr<item>> all(10000);
  gos::run([&] {
    gos::pool<item*> pool([&] {
      const auto at = static_cast<std::size_t>(made++);
      all.at(at) = std::make_unique<item>();
      return all[at].get();
    });
    gos::wait_group group;
    std::atomic<long> uses = 0;
    const auto work = [&](std::uint64_t seed) {
      std::mt19937_64 own(seed);
      std::vector<item*> mine;
      for (int i = 0; i < rounds(5000); ++i) {
        if (mine.size() < 4 && own() % 2 == 0) {
          mine.push_back(pool.get().value());
          EXPECT_EQ(++mine.back()->holders, 1);
          ++mine.back()->uses;
          ++uses;
        } else if (!mine.empty()) {
          EXPECT_EQ(--mine.back()->holders, 0);
          pool.put(mine.back());
          mine.pop_back();
        }
        if (own() % 50 == 0) gos::yield();
      }
      for (item* each : mine) {
        --each->holders;
        pool.put(each);
      }
    };
    for (int g = 0; g < 6; ++g) group.go(work, random());
    std::thread thread(work, random());
    thread.join();
    group.wait();
    // At most four in each of seven hands, and what met a taken part of the pool and was made instead.
    long sum = 0;
    for (const auto& each : all) sum += each ? each->uses : 0;
    EXPECT_EQ(sum, uses);
  });
}

TEST(PO, PO_02_trim_drops_what_nobody_has_needed_since_the_last) {
  counted::reset();
  gos::pool<counted> pool;
  for (int i = 0; i < 10; ++i) pool.put(counted(i));
  EXPECT_EQ(counted::alive, 10);
  EXPECT_EQ(pool.trim(), 0U);  // All of them are new.
  {
    // Two are used, at a time: the others have lain there.
    auto a = pool.get();
    auto b = pool.get();
    pool.put(std::move(*a));
    pool.put(std::move(*b));
  }
  EXPECT_EQ(pool.trim(), 8U);
  EXPECT_EQ(counted::alive, 2);
  EXPECT_EQ(pool.trim(), 2U);
  EXPECT_EQ(counted::alive, 0);
  EXPECT_FALSE(pool.get());
}

TEST(PO, PO_02_clear_and_the_destructor_drop_all) {
  counted::reset();
  {
    gos::pool<counted> pool;
    for (int i = 0; i < 10; ++i) pool.put(counted(i));
    EXPECT_EQ(pool.clear(), 10U);
    EXPECT_EQ(counted::alive, 0);
    EXPECT_EQ(pool.trim(), 0U);
    pool.put(counted(1));
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(PO, PO_02_a_peak_is_forgotten_in_use) {
  counted::reset();
  procs p(1);
  gos::run([] {
    gos::pool<counted> pool;
    for (int i = 0; i < 1000; ++i) pool.put(counted(i));
    for (int i = 0; i < 3 * 4096; ++i) pool.put(std::move(*pool.get()));
    EXPECT_LT(counted::alive, 10);
    EXPECT_GT(counted::alive, 0);
  });
}

// Its destructor uses the pool and waits: legal only where no lock is held.
struct returns_to_the_pool {
  gos::pool<returns_to_the_pool>* pool = nullptr;
  static inline std::atomic<int> destroyed = 0;
  explicit returns_to_the_pool(gos::pool<returns_to_the_pool>* p) : pool(p) {}
  returns_to_the_pool(returns_to_the_pool&& other) noexcept : pool(std::exchange(other.pool, nullptr)) {}
  returns_to_the_pool& operator=(returns_to_the_pool&&) = delete;
  ~returns_to_the_pool() {
    if (pool == nullptr) return;
    ++destroyed;
    gos::sleep(1ns);
    static_cast<void>(pool->get());
    pool->put(returns_to_the_pool(nullptr));
    static_cast<void>(pool->trim());
  }
};

TEST(PO, PO_02_dropped_items_are_destroyed_outside_of_locks) {
  returns_to_the_pool::destroyed = 0;
  gos::run([] {
    gos::pool<returns_to_the_pool> pool;
    for (int i = 0; i < 5; ++i) pool.put(returns_to_the_pool(&pool));
    while (pool.clear() != 0) {}
    EXPECT_EQ(returns_to_the_pool::destroyed, 5);
  });
}

struct move_may_throw {
  int value;
  explicit move_may_throw(int v) : value(v) {}
  move_may_throw(move_may_throw&& other) noexcept(false) : value(other.value) {}
};

TEST(PO, extra_items_whose_move_may_throw) {
  gos::pool<move_may_throw> pool([] { return move_may_throw(1); });
  pool.put(move_may_throw(2));
  EXPECT_EQ(pool.get()->value, 2);
  EXPECT_EQ(pool.get()->value, 1);
  pool.put(move_may_throw(3));
  EXPECT_EQ(pool.trim(), 0U);
  EXPECT_EQ(pool.trim(), 1U);
}

TEST(PO, extra_trims_beside_gets_and_puts_lose_and_double_nothing) {
  counted::reset();
  auto random = rng();
  gos::run([&] {
    gos::pool<counted> pool([] { return counted(1); });
    gos::wait_group group;
    for (int g = 0; g < 6; ++g) {
      group.go([&, seed = random()] {
        std::mt19937_64 own(seed);
        for (int i = 0; i < rounds(3000); ++i) {
          auto item = pool.get();
          EXPECT_EQ(item->value, 1);
          if (own() % 3 != 0) pool.put(std::move(*item));
          if (own() % 64 == 0) static_cast<void>(own() % 2 == 0 ? pool.trim() : pool.clear());
        }
      });
    }
    group.wait();
  });
  EXPECT_EQ(counted::alive, 0);
}

}  // namespace
