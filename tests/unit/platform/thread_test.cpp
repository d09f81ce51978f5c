// thread: start, name, CPU counts.
#include "platform/thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <string>

#include "platform/futex.hpp"

namespace gos::rt {
namespace {

struct probe {
  std::atomic<std::uint32_t> done{0};
  char name[16] = {};
  std::size_t stack_size = 0;
  int detach_state = -1;
};

void probe_body(void* opaque) {
  auto* p = static_cast<probe*>(opaque);
  ::pthread_getname_np(::pthread_self(), p->name, sizeof p->name);
  pthread_attr_t attributes;
  ::pthread_getattr_np(::pthread_self(), &attributes);
  ::pthread_attr_getstacksize(&attributes, &p->stack_size);
  ::pthread_attr_getdetachstate(&attributes, &p->detach_state);
  ::pthread_attr_destroy(&attributes);
  // release: pairs with: the load in await().
  p->done.store(1, std::memory_order_release);
  futex_wake(p->done, 1);
}

void await(probe& p) {
  // acquire: pairs with: the store in probe_body().
  while (p.done.load(std::memory_order_acquire) == 0) futex_wait(p.done, 0);
}

TEST(Thread, RunsDetachedWithItsName) {
  static probe p;
  ASSERT_TRUE(thread_start(probe_body, &p, "a-name-that-is-too-long", 256 << 10));
  await(p);
  EXPECT_STREQ(p.name, "a-name-that-is-");
  EXPECT_GE(p.stack_size, std::size_t{256} << 10);
  EXPECT_EQ(p.detach_state, PTHREAD_CREATE_DETACHED);
}

TEST(Thread, RaisesATinyStackAndTakesNoName) {
  static probe p;
  ASSERT_TRUE(thread_start(probe_body, &p, nullptr, 1));
  await(p);
}

TEST(Thread, FailsWithoutResources) {
  static probe p;
  EXPECT_FALSE(thread_start(probe_body, &p, "giant", std::size_t{1} << 60));
}

// RT-02, RT-05: CPUs come from the affinity mask; cpu_count() stays what it was at first.
TEST(Thread, CountsTheCpusOfTheAffinityMask) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  const int count = CPU_COUNT(&all);
  EXPECT_EQ(cpu_count(), count);
  EXPECT_EQ(cpu_count_now(), count);
  EXPECT_LE(default_procs(), count);
  EXPECT_GE(default_procs(), 1);

  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(cpu_count_now(), 1);
  EXPECT_EQ(default_procs(), 1);
  EXPECT_EQ(cpu_count(), count);
  ASSERT_EQ(::sched_setaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(cpu_count_now(), count);
}

TEST(Thread, YieldReturns) {
  thread_yield();
}

}  // namespace
}  // namespace gos::rt
