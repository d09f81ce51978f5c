// The chains of a concurrent_map's part: growing, and walks that go on over changes.
#include "fixture.hpp"

#include <gossamer/detail/hash_table.hpp>

#include <deque>
#include <set>

using namespace gos_test;
using gos::detail::hash_link;
using gos::detail::hash_table;
using gos::detail::mixed_hash;

namespace {

struct links {
  std::deque<hash_link> all;
  hash_link& add(hash_table& table, std::uint64_t hash) {
    table.insert(all.emplace_back(hash));
    return all.back();
  }
};

bool holds(const hash_table& table, const hash_link& wanted) {
  for (hash_link* link = table.chain(wanted.hash); link != nullptr; link = link->next) {
    if (link == &wanted) return true;
  }
  return false;
}

std::multiset<std::uint64_t> hashes(const hash_table& table, std::size_t enough) {
  std::multiset<std::uint64_t> seen;
  std::uint64_t from = 0;
  while (table.walk(from, enough, [&](hash_link& link) { seen.insert(link.hash); })) {}
  return seen;
}

TEST(HashTable, finds_what_was_inserted_at_every_size) {
  hash_table table;
  links made;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    made.add(table, mixed_hash(i));
    if (i % 100 == 0) {
      for (const hash_link& link : made.all) ASSERT_TRUE(holds(table, link));
    }
  }
  for (std::size_t i = 0; i < 3000; i += 2) {
    EXPECT_TRUE(table.remove(made.all[i]));
    EXPECT_FALSE(table.remove(made.all[i]));
  }
  for (std::size_t i = 0; i < 3000; ++i) EXPECT_EQ(holds(table, made.all[i]), i % 2 == 1);
}

TEST(HashTable, replaces_in_place) {
  hash_table table;
  links made;
  for (int i = 0; i < 5; ++i) made.add(table, 42);  // One chain.
  hash_link other(42);
  EXPECT_TRUE(table.replace(made.all[2], other));
  EXPECT_FALSE(table.replace(made.all[2], other));
  EXPECT_TRUE(holds(table, other));
  EXPECT_FALSE(holds(table, made.all[2]));
  EXPECT_EQ(hashes(table, 1).size(), 5U);
}

TEST(HashTable, walks_from_the_lowest_hash_to_the_highest) {
  hash_table table;
  links made;
  std::multiset<std::uint64_t> expected;
  for (const std::uint64_t edge :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 62}) {
    made.add(table, edge);
    expected.insert(edge);
  }
  EXPECT_EQ(hashes(table, 1), expected);
  auto random = rng();
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t hash = i % 10 == 0 ? 7 : random();
    made.add(table, hash);
    expected.insert(hash);
  }
  for (const std::size_t enough : {1, 5, 64, 100000}) EXPECT_EQ(hashes(table, enough), expected);
}

TEST(HashTable, a_walk_goes_on_when_the_table_grows_or_starts_anew) {
  auto random = rng();
  for (int round = 0; round < rounds(50); ++round) {
    hash_table table;
    links made;
    for (int i = 0; i < 500; ++i) made.add(table, random());
    std::set<const hash_link*> seen;
    std::uint64_t from = 0;
    for (bool more = true; more;) {
      more = table.walk(from, 16, [&](hash_link& link) { EXPECT_TRUE(seen.insert(&link).second); });
      if (random() % 8 == 0) {
        // The same links in a table of another size.
        hash_table anew;
        table.swap(anew);
        for (std::size_t i = 0; i < 500; ++i) {
          EXPECT_TRUE(anew.remove(made.all[i]));
          table.insert(made.all[i]);
        }
      } else {
        for (std::size_t i = random() % 200; i != 0; --i) made.add(table, random());
      }
      while (made.all.size() > 500) {  // Those come and go.
        static_cast<void>(table.remove(made.all.back()));
        seen.erase(&made.all.back());
        made.all.pop_back();
      }
    }
    for (const hash_link& link : made.all) EXPECT_TRUE(seen.contains(&link));
  }
}

}  // namespace
