// The table that parks the waiters of mutexes and wait groups: order, collisions, leaving from the middle.
#include "fixture.hpp"
#include "sync/sleep_table.hpp"

#include <deque>

using namespace gos::rt;

namespace {

// Addresses that share a bucket.
std::vector<const void*> colliding(std::size_t n) {
  std::vector<const void*> found;
  const sleep_bucket* bucket = &sleep_bucket_of(reinterpret_cast<const void*>(std::uintptr_t{8}));
  for (std::uintptr_t address = 8; found.size() < n; address += 8) {
    if (&sleep_bucket_of(reinterpret_cast<const void*>(address)) == bucket)
      found.push_back(reinterpret_cast<const void*>(address));
  }
  return found;
}

TEST(SleepTable, first_in_first_out_for_each_address) {
  const auto addresses = colliding(3);
  sleep_bucket& bucket = sleep_bucket_of(addresses[0]);
  sleeper sleepers[9];
  for (int i = 0; i < 9; ++i) bucket.push_back(sleepers[i], addresses[static_cast<std::size_t>(i % 3)]);
  EXPECT_EQ(bucket.first(addresses[1]), &sleepers[1]);
  for (int i : {4, 5, 3, 7, 8, 6}) {
    EXPECT_EQ(bucket.pop(addresses[static_cast<std::size_t>(i % 3)]), &sleepers[i - 3]);
  }
  for (int i : {6, 7, 8}) EXPECT_EQ(bucket.pop(addresses[static_cast<std::size_t>(i % 3)]), &sleepers[i]);
  for (const void* address : addresses) EXPECT_EQ(bucket.pop(address), nullptr);
}

TEST(SleepTable, push_front_goes_before_all) {
  const auto addresses = colliding(2);
  sleep_bucket& bucket = sleep_bucket_of(addresses[0]);
  sleeper a, b, c, other;
  bucket.push_front(a, addresses[0]);
  bucket.push_back(other, addresses[1]);
  bucket.push_back(b, addresses[0]);
  bucket.push_front(c, addresses[0]);
  EXPECT_EQ(bucket.pop(addresses[0]), &c);
  EXPECT_EQ(bucket.pop(addresses[0]), &a);
  EXPECT_EQ(bucket.pop(addresses[0]), &b);
  EXPECT_EQ(bucket.pop(addresses[1]), &other);
}

TEST(SleepTable, take_all_leaves_the_neighbours) {
  const auto addresses = colliding(3);
  sleep_bucket& bucket = sleep_bucket_of(addresses[0]);
  sleeper sleepers[6];
  for (int i = 0; i < 6; ++i) bucket.push_back(sleepers[i], addresses[static_cast<std::size_t>(i % 3)]);
  const sleeper* taken = bucket.take_all(addresses[1]);
  EXPECT_EQ(taken, &sleepers[1]);
  EXPECT_EQ(taken->next, &sleepers[4]);
  EXPECT_EQ(taken->next->next, nullptr);
  EXPECT_EQ(bucket.take_all(addresses[1]), nullptr);
  for (int i : {0, 3}) EXPECT_EQ(bucket.pop(addresses[0]), &sleepers[i]);
  for (int i : {2, 5}) EXPECT_EQ(bucket.pop(addresses[2]), &sleepers[i]);
}

// Against a plain model: a list for each address.
TEST(SleepTable, random_operations_match_a_model) {
  auto random = gos_test::rng();
  const auto addresses = colliding(4);
  sleep_bucket& bucket = sleep_bucket_of(addresses[0]);
  std::deque<sleeper*> model[4];
  std::vector<sleeper> pool(24);
  std::vector<sleeper*> unused;
  for (sleeper& s : pool) unused.push_back(&s);
  for (int step = 0; step < gos_test::rounds(200'000); ++step) {
    const std::size_t which = random() % 4;
    const void* address = addresses[which];
    switch (random() % 4) {
      case 0:
      case 1:
        if (unused.empty()) break;
        if (random() % 3 == 0) {
          bucket.push_front(*unused.back(), address);
          model[which].push_front(unused.back());
        } else {
          bucket.push_back(*unused.back(), address);
          model[which].push_back(unused.back());
        }
        unused.pop_back();
        break;
      case 2: {
        sleeper* expected = model[which].empty() ? nullptr : model[which].front();
        ASSERT_EQ(bucket.pop(address), expected);
        if (expected == nullptr) break;
        model[which].pop_front();
        unused.push_back(expected);
        break;
      }
      default: {
        if (model[which].empty()) break;
        const auto at = model[which].begin() + static_cast<std::ptrdiff_t>(random() % model[which].size());
        bucket.remove(**at);
        unused.push_back(*at);
        model[which].erase(at);
      }
    }
  }
  for (std::size_t which = 0; which < 4; ++which) {
    for (sleeper* expected : model[which]) ASSERT_EQ(bucket.pop(addresses[which]), expected);
    ASSERT_EQ(bucket.pop(addresses[which]), nullptr);
  }
}

}  // namespace
