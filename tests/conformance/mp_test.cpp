// Contract section 9, Map.
#include "fixture.hpp"

#include <gossamer/concurrent_map.hpp>

#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gos_test;

namespace {

using int_map = gos::concurrent_map<int, int>;
using text_map = gos::concurrent_map<std::string, std::string>;

static_assert(!std::is_copy_constructible_v<int_map> && !std::is_move_constructible_v<int_map>);

// Everything in the map; fails on a key that comes twice.
template <class Map> auto contents(const Map& map) {
  std::map<int, int> all;
  map.range([&](int key, int value) { EXPECT_TRUE(all.emplace(key, value).second) << key << " twice"; });
  return all;
}

TEST(MP, MP_01_each_operation) {
  text_map map;
  EXPECT_EQ(map.load("a"), std::nullopt);
  map.store("a", "1");
  EXPECT_EQ(map.load("a"), "1");
  map.store("a", "2");
  EXPECT_EQ(map.load("a"), "2");
  EXPECT_EQ(map.load_or_store("a", "3"), std::pair(std::string("2"), true));
  EXPECT_EQ(map.load_or_store("b", "4"), std::pair(std::string("4"), false));
  EXPECT_EQ(map.load_and_delete("a"), "2");
  EXPECT_EQ(map.load_and_delete("a"), std::nullopt);
  map.erase("b");
  map.erase("b");
  EXPECT_EQ(map.load("b"), std::nullopt);
  EXPECT_EQ(map.swap("c", "5"), std::nullopt);
  EXPECT_EQ(map.swap("c", "6"), "5");
  EXPECT_FALSE(map.compare_and_swap("c", "5", "7"));
  EXPECT_TRUE(map.compare_and_swap("c", "6", "7"));
  EXPECT_EQ(map.load("c"), "7");
  EXPECT_FALSE(map.compare_and_delete("c", "6"));
  EXPECT_TRUE(map.compare_and_delete("c", "7"));
  EXPECT_EQ(map.load("c"), std::nullopt);
  map.store("d", "8");
  map.clear();
  EXPECT_EQ(map.load("d"), std::nullopt);
  map.clear();
}

TEST(MP, MP_02_a_missing_key_does_not_compare) {
  int_map map;
  EXPECT_FALSE(map.compare_and_swap(1, 0, 5));
  EXPECT_FALSE(map.compare_and_delete(1, 0));
  EXPECT_EQ(map.load(1), std::nullopt);
  map.store(1, 0);
  map.erase(1);
  EXPECT_FALSE(map.compare_and_swap(1, 0, 5));
  EXPECT_FALSE(map.compare_and_delete(1, 0));
}

// Random operations give what they give on a plain map.
TEST(MP, MP_01_equals_a_plain_map) {
  auto random = rng();
  for (const int keys : {3, 50, 5000}) {
    int_map map;
    std::map<int, int> plain;
    for (int i = 0; i < rounds(30000); ++i) {
      const int key = static_cast<int>(random() % static_cast<unsigned>(keys));
      const int value = static_cast<int>(random() % 3);
      const auto there = plain.find(key);
      const std::optional<int> old = there == plain.end() ? std::nullopt : std::optional(there->second);
      switch (random() % 9) {
        case 0:
          EXPECT_EQ(map.load(key), old);
          break;
        case 1:
          map.store(key, value);
          plain[key] = value;
          break;
        case 2:
          EXPECT_EQ(map.load_or_store(key, value), std::pair(old.value_or(value), old.has_value()));
          plain.emplace(key, value);
          break;
        case 3:
          EXPECT_EQ(map.load_and_delete(key), old);
          plain.erase(key);
          break;
        case 4:
          map.erase(key);
          plain.erase(key);
          break;
        case 5:
          EXPECT_EQ(map.swap(key, value), old);
          plain[key] = value;
          break;
        case 6:
          EXPECT_EQ(map.compare_and_swap(key, value, value + 1), old == value);
          if (old == value) plain[key] = value + 1;
          break;
        case 7:
          EXPECT_EQ(map.compare_and_delete(key, value), old == value);
          if (old == value) plain.erase(key);
          break;
        default:
          if (random() % 2000 == 0) {
            map.clear();
            plain.clear();
          }
      }
    }
    EXPECT_EQ(contents(map), plain);
  }
}

// Counters that only compare_and_swap raises: none of the increments is lost.
TEST(MP, MP_01_operations_are_atomic) {
  gos::run([] {
    int_map map;
    constexpr int keys = 4;
    const int each = rounds(2000);
    gos::wait_group group;
    std::atomic<int> claimed = 0;
    for (int g = 0; g < 8; ++g) {
      group.go([&] {
        for (int i = 0; i < each; ++i) {
          const int key = i % keys;
          for (;;) {
            const int seen = map.load_or_store(key, 0).first;
            if (map.compare_and_swap(key, seen, seen + 1)) break;
          }
          // Each token is taken by one only.
          map.store(100 + i % 7, 1);
          if (map.compare_and_delete(100 + i % 7, 1)) ++claimed;
          if (map.load_and_delete(100 + i % 7)) ++claimed;
          if (i % 16 == 0) gos::yield();
        }
      });
    }
    group.wait();
    int sum = 0;
    for (int key = 0; key < keys; ++key) sum += map.load(key).value_or(0);
    EXPECT_EQ(sum, 8 * each);
    EXPECT_LE(claimed, 8 * each);
  });
}

// std::stoi and its kin use errno, which belongs to the thread: ThreadSanitizer takes that for a race of goroutines.
std::size_t number(const std::string& text) {
  std::size_t value = 0;
  EXPECT_EQ(std::from_chars(text.data(), text.data() + text.size(), value).ec, std::errc());
  return value;
}

TEST(MP, MP_01_swap_hands_each_value_to_one) {
  gos::run([] {
    gos::concurrent_map<int, std::string> map;
    map.store(0, "0");
    const int each = rounds(2000);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(6 * each + 1));
    std::atomic<int> next = 0;
    gos::wait_group group;
    for (int g = 0; g < 6; ++g) {
      group.go([&] {
        for (int i = 0; i < each; ++i) {
          const auto old = map.swap(0, std::to_string(++next));
          ++seen[number(old.value())];
        }
      });
    }
    group.wait();
    ++seen[number(map.load(0).value())];
    for (const auto& count : seen) EXPECT_EQ(count, 1);
  });
}

// clear is one step: outside of it everything that was stored is there, and once one key has gone all have.
TEST(MP, MP_01_clear_is_atomic) {
  gos::run([] {
    int_map map;
    std::atomic<bool> stop = false;
    std::atomic<int> clears = 0;
    gos::wait_group group;
    group.go([&] {
      while (!stop) {
        ++clears;
        map.clear();
        ++clears;
        gos::yield();
      }
    });
    for (int i = 0; i < rounds(2000); ++i) {
      const int before = clears;
      for (int key = 0; key < 16; ++key) map.store(key, i);
      if (i % 8 == 0) gos::yield();
      int here = 0;
      for (int key = 0; key < 16; ++key) here += map.load(key).has_value() ? 1 : 0;
      // No clear has been under way, so everything is there.
      if (before % 2 == 0 && clears == before) EXPECT_EQ(here, 16);
    }
    stop = true;
    group.wait();
    for (int key = 0; key < 1000; ++key) map.store(key, key);
    // While keys only go by a clear, and only one clear comes: each reader sees all of them or, from some moment, none.
    std::atomic<bool> ready = false;
    group.go([&] {
      bool gone = false;
      ready = true;
      while (!gone) {
        for (int key = 0; key < 1000 && !gone; ++key) gone = !map.load(key);
        gos::yield();
      }
      for (int key = 0; key < 1000; ++key) EXPECT_EQ(map.load(key), std::nullopt) << key;
    });
    ASSERT_TRUE(eventually([&] { return ready.load(); }));
    map.clear();
    group.wait();
  });
}

// Comparing one key, on behalf of one goroutine, waits at a gate: its part of the map is held meanwhile.
struct waiting_equal {
  static inline std::atomic<int> held = -1;
  static inline gos::chan<void> gate;
  bool operator()(int a, int b) const {
    if (a == b && a == held) gate.recv();
    return a == b;
  }
};

TEST(MP, MP_01_a_clear_that_is_held_up_half_way_shows_nothing) {
  gos::run([] {
    constexpr int keys = 64;
    for (int held = 0; held < 8; ++held) {
      gos::concurrent_map<int, int, std::hash<int>, waiting_equal> map;
      for (int key = 0; key < keys; ++key) map.store(key, key);
      waiting_equal::gate = gos::make_chan<void>();
      waiting_equal::held = held;
      gos::wait_group group;
      group.go([&] { EXPECT_EQ(map.load(held), held); });
      ASSERT_TRUE(blocked("chan receive"));
      group.go([&] { map.clear(); });
      ASSERT_TRUE(blocked("sync.RWMutex.Lock"));
      std::atomic<int> found = 0, missed = 0;
      for (int key = 0; key < keys; ++key) {
        if (key != held) group.go([&, key] { ++(map.load(key) ? found : missed); });
      }
      EXPECT_TRUE(eventually([&] { return found + missed + in_state("sync.RWMutex.RLock") == keys - 1; }));
      EXPECT_EQ(missed, 0);
      waiting_equal::held = -1;
      waiting_equal::gate.close();
      group.wait();
      EXPECT_EQ(found + missed, keys - 1);
      for (int key = 0; key < keys; ++key) EXPECT_EQ(map.load(key), std::nullopt);
    }
  });
}

TEST(MP, MP_03_range_visits_each_key_once_and_stops_when_told) {
  int_map map;
  for (int key = 0; key < 10000; ++key) map.store(key, -key);
  const auto all = contents(map);
  EXPECT_EQ(all.size(), 10000U);
  for (const auto& [key, value] : all) EXPECT_EQ(value, -key);
  int seen = 0;
  map.range([&](int, int) { return ++seen < 77; });
  EXPECT_EQ(seen, 77);
  int_map empty;
  empty.range([](int, int) { ADD_FAILURE(); });
  EXPECT_THROW(map.range([](int, int) { throw std::runtime_error("from f"); }), std::runtime_error);
}

TEST(MP, MP_03_the_callback_may_call_any_method) {
  gos::run([] {
    int_map map;
    for (int key = 0; key < 200; ++key) map.store(key, key);
    int visited = 0;
    map.range([&](int key, int value) {
      ++visited;
      EXPECT_EQ(key, value);
      map.store(key, value);
      map.load_or_store(key + 1000, 0);
      EXPECT_EQ(map.swap(key, value), value);
      EXPECT_TRUE(map.compare_and_swap(key, value, value));
      map.erase(key + 1000);
      if (visited % 50 == 1) {
        int inner = 0;
        map.range([&](int, int) { ++inner; });
        EXPECT_EQ(inner, 200 - visited + 1);
      }
      map.erase(key);  // The current one.
      gos::yield();
      return true;
    });
    EXPECT_GE(visited, 200);
    EXPECT_EQ(contents(map), (std::map<int, int>()));
    for (int key = 0; key < 500; ++key) map.store(key, key);
    int before_clear = 0;
    map.range([&](int, int) {
      ++before_clear;
      map.clear();
    });
    EXPECT_GE(before_clear, 1);
    map.range([](int, int) { ADD_FAILURE(); });
  });
}

TEST(MP, MP_03_range_blocks_nobody) {
  gos::run([] {
    int_map map;
    for (int key = 0; key < 100; ++key) map.store(key, key);
    map.range([&](int, int) {
      // Inside the callback, others get everything done.
      gos::spawn([&] {
        for (int key = 0; key < 300; ++key) {
          map.store(key, -1);
          map.erase(key);
        }
        map.clear();
        map.store(1, 1);
      }).join();
      return false;
    });
    EXPECT_EQ(contents(map), (std::map<int, int>{{1, 1}}));
  });
}

// What is there all the time is visited exactly once, while the tables grow and are changed around it.
TEST(MP, MP_03_range_beside_writers) {
  auto random = rng();
  gos::run([&] {
    for (int round = 0; round < rounds(20); ++round) {
      int_map map;
      for (int key = 0; key < 1000; key += 2) map.store(key, key);
      std::atomic<bool> stop = false;
      gos::wait_group group;
      for (int g = 0; g < 3; ++g) {
        group.go([&, seed = random()] {
          std::mt19937_64 own(seed);
          while (!stop) {
            const int odd = static_cast<int>(own() % 20000) * 2 + 1;
            map.store(odd, odd);
            if (own() % 2 == 0) map.erase(static_cast<int>(own() % 20000) * 2 + 1);
            map.store(static_cast<int>(own() % 500) * 2, 7);  // Changes a value, not a key.
            if (own() % 32 == 0) gos::yield();
          }
        });
      }
      for (int i = 0; i < 5; ++i) {
        const auto seen = contents(map);
        for (int key = 0; key < 1000; key += 2) EXPECT_EQ(seen.count(key), 1U) << key;
        gos::yield();
      }
      stop = true;
      group.wait();
    }
  });
}

// A value whose copy, comparison and destructor use the map.
struct curious {
  gos::concurrent_map<int, curious>* map = nullptr;
  int value = 0;
  static inline std::atomic<int> looked = 0;
  void look() const {
    if (map == nullptr) return;
    ++looked;
    map->store(value + 1000, curious{});
    map->erase(value + 1000);
  }
  curious() = default;
  curious(gos::concurrent_map<int, curious>* m, int v) : map(m), value(v) {}
  curious(const curious& other) : map(other.map), value(other.value) { look(); }
  curious(curious&& other) noexcept : map(std::exchange(other.map, nullptr)), value(other.value) {}
  curious& operator=(const curious&) = delete;
  ~curious() { look(); }
  friend bool operator==(const curious& a, const curious& b) {
    a.look();
    return a.value == b.value;
  }
};

TEST(MP, extra_values_may_use_the_map) {
  gos::run([] {
    curious::looked = 0;
    gos::concurrent_map<int, curious> map;
    map.store(1, curious(&map, 1));
    map.store(1, curious(&map, 2));
    EXPECT_EQ(map.load(1)->value, 2);
    EXPECT_TRUE(map.load_or_store(1, curious(&map, 3)).second);
    EXPECT_TRUE(map.compare_and_swap(1, curious(&map, 2), curious(&map, 4)));
    EXPECT_EQ(map.swap(1, curious(&map, 5))->value, 4);
    EXPECT_TRUE(map.compare_and_delete(1, curious(&map, 5)));
    map.store(1, curious(&map, 6));
    EXPECT_EQ(map.load_and_delete(1)->value, 6);
    map.store(2, curious(&map, 7));
    map.store(3, curious(&map, 8));
    map.range([&](int, const curious& c) { c.look(); });
    map.clear();
    EXPECT_GT(curious::looked, 10);
  });
}

struct folded_hash {
  std::size_t operator()(int) const { return 7; }  // All in one chain.
};
struct folded_equal {
  bool operator()(int a, int b) const { return a % 100 == b % 100; }
};

TEST(MP, extra_own_hash_and_equality) {
  gos::concurrent_map<int, int, folded_hash, folded_equal> map;
  for (int key = 0; key < 1000; ++key) map.store(key, key);
  std::set<int> values;
  map.range([&](int, int value) { values.insert(value); });
  EXPECT_EQ(values.size(), 100U);
  EXPECT_EQ(map.load(5), 905);
  EXPECT_EQ(map.load_and_delete(1005), 905);
  EXPECT_EQ(map.load(5), std::nullopt);
}

TEST(MP, extra_entries_live_as_long_as_somebody_looks_at_them) {
  counted::reset();
  {
    gos::concurrent_map<int, counted> map;
    for (int key = 0; key < 100; ++key) map.store(key, counted(key));
    EXPECT_EQ(counted::alive, 100);
    map.range([&](int key, const counted& value) {
      map.clear();
      EXPECT_EQ(value.value, key);
    });
    EXPECT_EQ(counted::alive, 0);
    for (int key = 0; key < 100; ++key) map.store(key, counted(key));
    counted::copies = 0;
    EXPECT_EQ(map.load_and_delete(3)->value, 3);  // Moved out: nobody else looks.
    EXPECT_EQ(counted::copies, 0);
    EXPECT_EQ(counted::alive, 99);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(MP, extra_move_only_keys_and_plain_threads) {
  gos::concurrent_map<std::unique_ptr<int>, std::shared_ptr<int>> map;
  map.store(std::make_unique<int>(1), std::make_shared<int>(2));
  int sum = 0;
  std::thread([&] {
    map.range([&](const std::unique_ptr<int>& key, const auto& value) { sum += *key + *value; });
  }).join();
  EXPECT_EQ(sum, 3);
}

// Everything at once, values that say whose key they are; under TSan the judge of the edges (MM-09).
TEST(MP, extra_storm) {
  auto random = rng();
  gos::run([&] {
    struct payload {
      int key;
      std::string text;
      bool operator==(const payload&) const = default;
    };
    gos::concurrent_map<int, payload> map;
    const auto make = [](int key, std::uint64_t n) { return payload{key, std::to_string(n)}; };
    gos::wait_group group;
    for (int g = 0; g < 6; ++g) {
      group.go([&, seed = random()] {
        std::mt19937_64 own(seed);
        const auto check = [](int key, const std::optional<payload>& got) {
          if (got) EXPECT_EQ(got->key, key);
        };
        for (int i = 0; i < rounds(4000); ++i) {
          const int key = static_cast<int>(own() % 64);
          switch (own() % 10) {
            case 0:
              map.store(key, make(key, own()));
              break;
            case 1:
              check(key, map.load_or_store(key, make(key, own())).first);
              break;
            case 2:
              check(key, map.load_and_delete(key));
              break;
            case 3:
              map.erase(key);
              break;
            case 4:
              check(key, map.swap(key, make(key, own())));
              break;
            case 5:
              if (const auto seen = map.load(key)) map.compare_and_swap(key, *seen, make(key, own()));
              break;
            case 6:
              if (const auto seen = map.load(key)) map.compare_and_delete(key, *seen);
              break;
            case 7:
              if (own() % 20 == 0) map.clear();
              break;
            case 8:
              if (own() % 10 == 0) map.range([&](int k, const payload& value) { EXPECT_EQ(value.key, k); });
              break;
            default:
              check(key, map.load(key));
          }
          if (own() % 64 == 0) gos::yield();
        }
      });
    }
    group.wait();
  });
}

}  // namespace
