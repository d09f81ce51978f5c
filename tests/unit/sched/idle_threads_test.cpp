// idle_threads: threads that blocking calls have made, and that nobody needs afterwards.
#include "fixture.hpp"

#include "sched/sched.hpp"

namespace {

using namespace gos_test;

// How long an idle thread waits for work before it ends, for a scope.
class patience {
 public:
  explicit patience(std::chrono::nanoseconds d) : before_(word().exchange(d.count())) {}
  ~patience() { word() = before_; }
  patience(const patience&) = delete;
  patience& operator=(const patience&) = delete;

 private:
  static std::atomic<std::int64_t>& word() { return gos::rt::sched.idle_thread_ns; }
  std::int64_t before_;
};

// Those that blocking calls have made end when nobody has needed them for a while; as many as there are processors stay.
TEST(IdleThreads, EndWhenNobodyNeedsThem) {
  const procs two(2);
  const patience short_one(20ms);
  const int blocked_calls = rounds(200);
  for (int round = 0; round < 3; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    gos::wait_group all;
    for (int i = 0; i < blocked_calls; ++i) {
      all.go([&] {
        char byte;
        EXPECT_EQ(gos::blocking([&] { return ::read(ends[0], &byte, 1); }), 1);
      });
    }
    EXPECT_TRUE(eventually([&] { return gos::runtime::stats().threads >= blocked_calls; }));
    EXPECT_EQ(::write(ends[1], std::string(static_cast<std::size_t>(blocked_calls), 'x').data(),
                      static_cast<std::size_t>(blocked_calls)),
              blocked_calls);
    all.wait();
    // One more may wait in the poller or for the timers.
    EXPECT_TRUE(eventually([] { return gos::runtime::stats().threads <= 2 + 1; }))
        << gos::runtime::stats().threads;
    ::close(ends[0]);
    ::close(ends[1]);
  }
}

// While threads end, others are wanted: work is found and timers fire all the same.
TEST(IdleThreads, EndWhileOthersAreNeeded) {
  const procs four(4);
  const patience none(100us);
  gos::wait_group all;
  std::atomic<int> done{0};
  for (int i = 0; i < 16; ++i) {
    all.go([&, random = rng()]() mutable {
      for (int k = 0; k < rounds(60); ++k) {
        if (random() % 2 == 0) gos::blocking([&] { ::usleep(random() % 500); });
        else gos::sleep(std::chrono::microseconds(random() % 500));
        ++done;
      }
    });
  }
  all.wait();
  EXPECT_EQ(done, 16 * rounds(60));
}

}  // namespace
