// poller: edges, both directions, wake-ups, time-outs.
#include "platform/poller.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "platform/clock.hpp"

namespace gos::rt {
namespace {

constexpr std::int64_t second = 1'000'000'000;

class Poller : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ::setenv("GOS_DEBUG", GetParam(), 1);
    ASSERT_TRUE(poller_.open());
    ::unsetenv("GOS_DEBUG");
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair_), 0);
  }
  void TearDown() override {
    for (const int fd : pair_) {
      if (fd >= 0) ::close(fd);
    }
  }
  void close_peer() {
    ::close(pair_[1]);
    pair_[1] = -1;
  }
  // The readiness of the one event that is there, 0 without an event.
  std::uint32_t look() {
    poll_event event{};
    const int count = poller_.wait(&event, 1, 0);
    if (count == 0) return 0;
    EXPECT_EQ(event.user, this);
    return event.readiness;
  }

  poller poller_;
  int pair_[2] = {-1, -1};
};

TEST_P(Poller, ReportsTheFirstStateThenEdges) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  EXPECT_EQ(look(), poll_writable);
  EXPECT_EQ(look(), 0u);
  ASSERT_EQ(::write(pair_[1], "x", 1), 1);
  EXPECT_NE(look() & poll_readable, 0u);
  EXPECT_EQ(look(), 0u);
  ASSERT_EQ(::write(pair_[1], "y", 1), 1);
  EXPECT_NE(look() & poll_readable, 0u);
}

TEST_P(Poller, HangUpSetsEverything) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  look();
  close_peer();
  EXPECT_EQ(look(), poll_readable | poll_writable | poll_error);
}

TEST_P(Poller, HalfClosedIsReadable) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  look();
  ASSERT_EQ(::shutdown(pair_[1], SHUT_WR), 0);
  const std::uint32_t readiness = look();
  EXPECT_NE(readiness & poll_readable, 0u);
  EXPECT_EQ(readiness & poll_error, 0u);
}

TEST_P(Poller, RemovedDescriptorsAreSilent) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  ASSERT_EQ(poller_.remove(pair_[0]), 0);
  ASSERT_EQ(::write(pair_[1], "x", 1), 1);
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(poller_.remove(pair_[0]), ENOENT);
}

TEST_P(Poller, AddReportsErrors) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  EXPECT_EQ(poller_.add(pair_[0], this), EEXIST);
  EXPECT_EQ(poller_.add(-1, this), EBADF);
  const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_EQ(poller_.add(file, this), EPERM);
  ::close(file);
}

TEST_P(Poller, TimesOutNotTooEarly) {
  poll_event event{};
  for (const std::int64_t timeout : {std::int64_t{1}, std::int64_t{300'000}, std::int64_t{3'000'001}}) {
    const std::int64_t start = monotonic_ns();
    EXPECT_EQ(poller_.wait(&event, 1, timeout), 0);
    EXPECT_GE(monotonic_ns() - start, timeout);
  }
}

TEST_P(Poller, AWakeEndsTheNextBlockingWaitOnce) {
  poll_event event{};
  poller_.wake();
  poller_.wake();
  EXPECT_EQ(poller_.wait(&event, 1, 0), 0);  // only looks: leaves the wake-up
  const std::int64_t start = monotonic_ns();
  EXPECT_EQ(poller_.wait(&event, 1, 10 * second), 0);
  EXPECT_LT(monotonic_ns() - start, 5 * second);
  const std::int64_t again = monotonic_ns();
  EXPECT_EQ(poller_.wait(&event, 1, 2'000'000), 0);
  EXPECT_GE(monotonic_ns() - again, 2'000'000);
}

TEST_P(Poller, AWakeCrossesThreads) {
  for (int round = 0; round < 100; ++round) {
    int published = 0;
    std::thread waker([&] {
      published = round + 1;
      poller_.wake();
    });
    poll_event event{};
    EXPECT_EQ(poller_.wait(&event, 1, -1), 0);
    waker.join();
    EXPECT_EQ(published, round + 1);
  }
}

// A wake-up is never lost, however it falls between the waiter's steps: no wait runs into its time-out.
TEST_P(Poller, NoWakeIsLost) {
  constexpr std::uint32_t rounds_max = 20'000;
  constexpr std::uint32_t last = rounds_max + 1;  // ends the waiter
  std::atomic<std::uint32_t> asked{0};
  std::atomic<std::uint32_t> seen{0};
  std::thread waiter([&] {
    poll_event event{};
    // acquire: pairs with: the store of asked below. release: pairs with: the load of seen below.
    for (std::uint32_t mine = 0; mine < last;) {
      const std::int64_t start = monotonic_ns();
      poller_.wait(&event, 1, 20 * second);
      EXPECT_LT(monotonic_ns() - start, 20 * second);
      mine = asked.load(std::memory_order_acquire);
      seen.store(mine, std::memory_order_release);
    }
  });
  const std::int64_t end_ns = monotonic_ns() + 5 * second;
  for (std::uint32_t i = 1; i <= rounds_max && monotonic_ns() < end_ns; ++i) {
    // release: pairs with: the load of asked above.
    asked.store(i, std::memory_order_release);
    poller_.wake();
    // Every other time without waiting for it, so that wake-ups meet a waiter in all phases. acquire: pairs with: the store of seen.
    while (i % 2 == 0 && seen.load(std::memory_order_acquire) < i) std::this_thread::yield();
  }
  asked.store(last, std::memory_order_release);  // release: as above
  poller_.wake();
  waiter.join();
}

TEST_P(Poller, EventsComeWithAWakePending) {
  ASSERT_EQ(poller_.add(pair_[0], this), 0);
  poller_.wake();
  std::uint32_t readiness = look();
  if (readiness == 0) readiness = look();  // with room for one, the wake-up may have had it
  EXPECT_EQ(readiness, poll_writable);
}

TEST_P(Poller, ASignalEndsTheWaitWithNothing) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction old {};
  ::sigaction(SIGUSR1, &action, &old);
  const pthread_t self = ::pthread_self();
  std::atomic<bool> done{false};
  std::thread sender([&] {
    // relaxed: ends a loop, nothing else.
    while (!done.load(std::memory_order_relaxed)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::pthread_kill(self, SIGUSR1);
    }
  });
  poll_event event{};
  EXPECT_EQ(poller_.wait(&event, 1, 20 * second), 0);
  // relaxed: as above.
  done.store(true, std::memory_order_relaxed);
  sender.join();
  ::sigaction(SIGUSR1, &old, nullptr);
}

// The second run cannot undo the first one's fallback within one process, so the exact call goes first.
INSTANTIATE_TEST_SUITE_P(ExactTime, Poller, testing::Values(""));
INSTANTIATE_TEST_SUITE_P(Milliseconds, Poller, testing::Values("nopwait2"));

}  // namespace
}  // namespace gos::rt
