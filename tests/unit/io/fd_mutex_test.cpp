// fd_mutex: exclusion, hand-over in order, and that closing is reported to exactly one (NF-10, NF-11, NF-14).
#include "fixture.hpp"

#include "io/fd_mutex.hpp"

namespace {

using namespace gos_test;
using gos::rt::direction;
using gos::rt::fd_mutex;

TEST(FdMutex, BeginsClosedAndCanBeReopened) {
  fd_mutex m;
  EXPECT_TRUE(m.closed());
  EXPECT_FALSE(m.lock(direction::read));
  EXPECT_FALSE(m.acquire());
  EXPECT_FALSE(m.close());
  m.reopen();
  EXPECT_FALSE(m.closed());
  ASSERT_TRUE(m.lock(direction::read));
  ASSERT_TRUE(m.lock(direction::write));
  ASSERT_TRUE(m.acquire());
  EXPECT_FALSE(m.unlock(direction::read));
  EXPECT_FALSE(m.release());
  ASSERT_TRUE(m.close());
  EXPECT_FALSE(m.close());
  EXPECT_FALSE(m.acquire());
  EXPECT_FALSE(m.release());            // of close(): the writer is still inside
  EXPECT_TRUE(m.unlock(direction::write));  // the last one out
}

TEST(FdMutex, ReadersExcludeEachOtherAndAreServedInOrder) {
  gos::run([] {
    fd_mutex m;
    m.reopen();
    ASSERT_TRUE(m.lock(direction::read));
    std::vector<int> order;
    gos::wait_group done;
    for (int i = 0; i < 4; ++i) {
      done.go([&, i] {
        EXPECT_TRUE(m.lock(direction::read));
        order.push_back(i);
        EXPECT_FALSE(m.unlock(direction::read));
      });
      ASSERT_TRUE(blocked("IO wait", i + 1));
    }
    ASSERT_TRUE(m.lock(direction::write));  // the other direction is free
    EXPECT_FALSE(m.unlock(direction::write));
    EXPECT_FALSE(m.unlock(direction::read));
    done.wait();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
  });
}

TEST(FdMutex, CloseSendsTheWaitingAway) {
  gos::run([] {
    fd_mutex m;
    m.reopen();
    ASSERT_TRUE(m.lock(direction::read));
    gos::wait_group done;
    for (int i = 0; i < 4; ++i) done.go([&] { EXPECT_FALSE(m.lock(direction::read)); });
    ASSERT_TRUE(blocked("IO wait", 4));
    ASSERT_TRUE(m.close());
    done.wait();
    EXPECT_FALSE(m.release());
    EXPECT_TRUE(m.unlock(direction::read));
  });
}

// Many enter and leave while others close: nobody is inside together, and one closes, after all have left.
TEST(FdMutex, HoldsUnderStress) {
  gos::run([] {
    for (int round = 0; round < rounds(300); ++round) {
      fd_mutex m;
      m.reopen();
      std::atomic<int> inside[2]{};
      std::atomic<int> together{0}, last{0}, successes{0}, busy{0};
      gos::wait_group done;
      for (int i = 0; i < 6; ++i) {
        done.go([&, d = i % 2 == 0 ? direction::read : direction::write] {
          auto& mine = inside[static_cast<int>(d)];
          for (int turn = 1; m.lock(d); ++turn) {
            ++busy;
            if (mine.fetch_add(1) != 0) ++together;
            if (round % 3 == 0) gos::yield();
            mine.fetch_sub(1);
            --busy;
            if (m.unlock(d)) ++last;
            if (turn % 64 == 0) gos::yield();  // with one processor, the others' only chance within the time slice
          }
        });
      }
      for (int i = 0; i < 2; ++i) {
        done.go([&] {
          for (int k = 0; k < round % 50; ++k) gos::yield();
          if (!m.close()) return;
          ++successes;
          if (m.release()) ++last;
        });
      }
      done.wait();
      ASSERT_EQ(together, 0);
      ASSERT_EQ(busy, 0);
      ASSERT_EQ(successes, 1);
      ASSERT_EQ(last, 1);
    }
  });
}

}  // namespace
