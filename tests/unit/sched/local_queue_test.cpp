// The two containers of runnable goroutines against std::deque.
#include "sched/local_queue.hpp"

#include <deque>
#include <memory>

#include "fixture.hpp"

using namespace gos_test;
using gos::rt::goroutine;
using gos::rt::goroutine_list;
using local_queue = gos::rt::local_queue<256>;

namespace {

// Enough goroutines to tell apart; none of them ever runs.
class unborn {
 public:
  explicit unborn(std::size_t n) : all_(std::make_unique<goroutine[]>(n)), size_(n) {}
  goroutine* at(std::size_t i) { return &all_[i % size_]; }

 private:
  std::unique_ptr<goroutine[]> all_;
  std::size_t size_;
};

TEST(local_queue, is_a_ring_open_at_both_ends) {
  unborn gs(3 * local_queue::capacity);
  local_queue queue;
  std::deque<goroutine*> reference;
  auto random = rng();
  std::size_t fresh = 0;
  for (int i = 0; i < 200'000; ++i) {
    // Phases of growth and of shrinking, so that both ends of the range are met.
    const bool growing = (i / 1000) % 2 == 0;
    const auto choice = random() % 10;
    if (choice < (growing ? 7U : 3U)) {
      EXPECT_EQ(queue.full(), reference.size() == local_queue::capacity);
      if (queue.full()) continue;
      goroutine* gp = gs.at(fresh++);
      queue.push_back(gp);
      reference.push_back(gp);
    } else if (!reference.empty()) {
      if (choice % 2 == 0) {
        ASSERT_EQ(queue.pop_front(), reference.front());
        reference.pop_front();
      } else {
        ASSERT_EQ(queue.pop_back(), reference.back());
        reference.pop_back();
      }
    }
    ASSERT_EQ(queue.size(), reference.size());
    ASSERT_EQ(queue.empty(), reference.empty());
  }
}

TEST(local_queue, holds_exactly_its_capacity) {
  unborn gs(local_queue::capacity);
  local_queue queue;
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < local_queue::capacity; ++i) {
      EXPECT_FALSE(queue.full());
      queue.push_back(gs.at(i));
    }
    EXPECT_TRUE(queue.full());
    for (std::uint32_t i = 0; i < local_queue::capacity; ++i) EXPECT_EQ(queue.pop_front(), gs.at(i));
    EXPECT_TRUE(queue.empty());
  }
}

TEST(goroutine_list, is_a_chain_and_can_be_joined) {
  unborn gs(1000);
  goroutine_list list;
  std::deque<goroutine*> reference;
  auto random = rng();
  std::size_t fresh = 0;
  for (int i = 0; i < 50'000; ++i) {
    switch (random() % 5) {
      case 0:
        if (reference.size() >= 900) break;
        list.push_back(gs.at(fresh));
        reference.push_back(gs.at(fresh++));
        break;
      case 1:
        if (reference.size() >= 900) break;
        list.push_front(gs.at(fresh));
        reference.push_front(gs.at(fresh++));
        break;
      case 2: {
        goroutine_list other;
        for (std::size_t n = random() % 4; n > 0 && reference.size() < 900; --n) {
          other.push_back(gs.at(fresh));
          reference.push_back(gs.at(fresh++));
        }
        list.append(other);
        EXPECT_TRUE(other.empty());
        break;
      }
      default:
        ASSERT_EQ(list.pop_front(), reference.empty() ? nullptr : reference.front());
        if (!reference.empty()) reference.pop_front();
        // What is in the list must not be pushed again: begin anew before the numbers wrap around.
        if (fresh > 90 && reference.empty()) fresh = 0;
    }
    ASSERT_EQ(list.size(), reference.size());
    ASSERT_EQ(list.empty(), reference.empty());
    if (fresh >= 995) {
      while (goroutine* gp = list.pop_front()) {
        ASSERT_EQ(gp, reference.front());
        reference.pop_front();
      }
      ASSERT_TRUE(reference.empty());
      fresh = 0;
    }
  }
}

}  // namespace
