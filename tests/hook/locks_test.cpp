// locks: hooked mutexes, condition variables, read-write locks, semaphores and joins, between goroutines and threads. The
// variant: every wake-up on another thread.
#include "hook.hpp"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

namespace {

using namespace gos_test;

timespec in_time(clockid_t clock, std::chrono::milliseconds d) {
  timespec when{};
  ::clock_gettime(clock, &when);
  const long ns = when.tv_nsec + d.count() % 1000 * 1'000'000;
  return {.tv_sec = when.tv_sec + d.count() / 1000 + ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

// A mutex of the given type for the scope.
struct posix_mutex {
  pthread_mutex_t m;
  explicit posix_mutex(int type, bool shared = false) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_settype(&attributes, type);
    if (shared) ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    EXPECT_EQ(::pthread_mutex_init(&m, &attributes), 0);
    ::pthread_mutexattr_destroy(&attributes);
  }
  ~posix_mutex() { EXPECT_EQ(::pthread_mutex_destroy(&m), 0); }
  posix_mutex(const posix_mutex&) = delete;
  posix_mutex& operator=(const posix_mutex&) = delete;
};

constexpr int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};

// Goroutines that park with the mutex held, goroutines that do not, and threads.
TEST(HookedMutex, ExcludesGoroutinesAndThreads) {
  for (const int type : types) {
    SCOPED_TRACE(type);
    posix_mutex mutex(type);
    long counter = 0;
    const auto add = [&](int times, bool parks) {
      for (int i = 0; i < times; ++i) {
        ASSERT_EQ(::pthread_mutex_lock(&mutex.m), 0);
        const long before = counter;
        if (parks && i % 8 == 0) ::usleep(100);
        counter = before + 1;
        ASSERT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
      }
    };
    const int times = rounds(200);
    gos::wait_group all;
    std::vector<std::thread> threads;
    for (int i = 0; i < 10; ++i) all.go([&, i] { add(times, i % 2 == 0); });
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { add(times, false); });
    for (std::thread& t : threads) t.join();
    all.wait();
    EXPECT_EQ(counter, 12L * times);
  }
}

TEST(HookedMutex, WhoWaitsForAParkedHolderHoldsNoThread) {
  const int before = thread_count();
  constexpr int count = 200;
  std::mutex plain;
  std::recursive_mutex recursive;
  gos::chan<void> release = gos::make_chan<void>();
  gos::wait_group all;
  all.go([&] {
    const std::scoped_lock both(plain, recursive);
    release.recv();
  });
  EXPECT_TRUE(blocked("chan receive"));
  for (int i = 0; i < count; ++i) {
    all.go([&, i] {
      if (i % 2 == 0) {
        const std::lock_guard held(plain);
      } else {
        const std::lock_guard held(recursive);
      }
    });
  }
  EXPECT_TRUE(blocked("pthread_mutex_lock", count));
  EXPECT_LE(thread_count(), few_more(before));
  release.close();
  all.wait();
}

TEST(HookedMutex, BelongsToTheGoroutine) {
  for (const int type : types) {
    SCOPED_TRACE(type);
    const bool recursive = type == PTHREAD_MUTEX_RECURSIVE;
    const bool checks = type == PTHREAD_MUTEX_ERRORCHECK;
    posix_mutex mutex(type);
    gos::chan<void> next = gos::make_chan<void>();
    gos::wait_group all;
    all.go([&] {
      EXPECT_EQ(::pthread_mutex_lock(&mutex.m), 0);
      next.recv();
      EXPECT_EQ(::pthread_mutex_trylock(&mutex.m), recursive ? 0 : EBUSY);
      if (recursive || checks) EXPECT_EQ(::pthread_mutex_lock(&mutex.m), recursive ? 0 : EDEADLK);
      next.recv();
      if (recursive) {
        EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
        EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
      }
      next.recv();
      EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
      if (recursive || checks) EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), EPERM);
    });
    const auto others_fail = [&] {
      EXPECT_EQ(::pthread_mutex_trylock(&mutex.m), EBUSY);
      if (recursive || checks) EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), EPERM);
      const timespec past = in_time(CLOCK_REALTIME, 2ms);
      EXPECT_EQ(::pthread_mutex_timedlock(&mutex.m, &past), ETIMEDOUT);
    };
    for (int round = 0; round < 3; ++round) {
      EXPECT_TRUE(blocked("chan receive"));
      for (int i = 0; i < 4; ++i) on_goroutine(others_fail);  // one of them on the holder's thread, likely
      std::thread(others_fail).join();
      next.send();
    }
    all.wait();
    std::thread([&] {
      EXPECT_EQ(::pthread_mutex_trylock(&mutex.m), 0);
      on_goroutine([&] {
        EXPECT_EQ(::pthread_mutex_trylock(&mutex.m), EBUSY);
        const timespec soon = in_time(CLOCK_MONOTONIC, 5ms);
        EXPECT_EQ(::pthread_mutex_clocklock(&mutex.m, CLOCK_MONOTONIC, &soon), ETIMEDOUT);
        if (recursive || checks) EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), EPERM);
      });
      EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
    }).join();
  }
}

// Half of those that wait give up, beside a thread that unlocks inside pthread_cond_wait: no wake-up is lost.
TEST(HookedMutex, TimeLimitsLoseNoWakeUp) {
  posix_mutex mutex(PTHREAD_MUTEX_NORMAL);
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  std::atomic<bool> stop{false};
  std::thread waiter([&] {
    ::pthread_mutex_lock(&mutex.m);
    while (!stop) {
      const timespec soon = in_time(CLOCK_REALTIME, 1ms);
      ::pthread_cond_timedwait(&condition, &mutex.m, &soon);
    }
    ::pthread_mutex_unlock(&mutex.m);
  });
  std::atomic<int> locked{0};
  gos::wait_group all;
  for (int i = 0; i < 20; ++i) {
    all.go([&, i] {
      for (int round = 0; round < rounds(60); ++round) {
        const timespec soon = in_time(CLOCK_REALTIME, std::chrono::milliseconds(round % 3));
        const int result = i % 2 == 0 ? ::pthread_mutex_timedlock(&mutex.m, &soon) : ::pthread_mutex_lock(&mutex.m);
        if (result == ETIMEDOUT) continue;
        ASSERT_EQ(result, 0);
        ++locked;
        if (round % 4 == 0) ::usleep(100);
        ::pthread_mutex_unlock(&mutex.m);
      }
    });
  }
  all.wait();
  EXPECT_GE(locked, 10 * rounds(60));
  stop = true;
  waiter.join();
}

TEST(HookedMutex, OfOtherProcessesIsTheSystems) {
  posix_mutex mutex(PTHREAD_MUTEX_NORMAL, true);
  on_goroutine([&] {
    EXPECT_EQ(::pthread_mutex_lock(&mutex.m), 0);
    EXPECT_EQ(::pthread_mutex_trylock(&mutex.m), EBUSY);
    EXPECT_EQ(::pthread_mutex_unlock(&mutex.m), 0);
  });
}

// A queue of one between goroutines and threads, either way.
TEST(HookedCondition, GoroutinesAndThreadsWakeEachOther) {
  struct slot {
    std::mutex mutex;
    std::condition_variable changed;
    int value = 0;
    void put(int v) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return value == 0; });
      value = v;
      changed.notify_all();
    }
    int take() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return value != 0; });
      changed.notify_all();
      return std::exchange(value, 0);
    }
  };
  for (const bool to_thread : {false, true}) {
    slot s;
    constexpr int putters = 4;
    const int times = rounds(300);
    long sum = 0;
    const auto take_all = [&] {
      for (int i = 0; i < putters * times; ++i) sum += s.take();
    };
    gos::wait_group all;
    for (int p = 0; p < putters; ++p) {
      all.go([&] {
        for (int i = 1; i <= times; ++i) s.put(i);
      });
    }
    if (to_thread) {
      std::thread(take_all).join();
    } else {
      on_goroutine(take_all);
    }
    all.wait();
    EXPECT_EQ(sum, putters * (static_cast<long>(times) * (times + 1) / 2));
  }
}

TEST(HookedCondition, ManyWaitAndHoldNoThread) {
  const int before = thread_count();
  constexpr int count = 200;
  std::mutex mutex;
  std::condition_variable changed;
  bool go_on = false;
  int woken = 0;
  gos::wait_group all;
  for (int i = 0; i < count; ++i) {
    all.go([&] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return go_on; });
      ++woken;
    });
  }
  EXPECT_TRUE(blocked("pthread_cond_wait", count));
  EXPECT_LE(thread_count(), few_more(before));
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  all.wait();
  EXPECT_EQ(woken, count);
}

TEST(HookedCondition, TimeLimitsAndMisuse) {
  on_goroutine([] {
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_lock lock(mutex);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(changed.wait_for(lock, 10ms), std::cv_status::timeout);
    EXPECT_EQ(changed.wait_until(lock, std::chrono::system_clock::now() + 10ms), std::cv_status::timeout);
    EXPECT_GE(std::chrono::steady_clock::now() - began, 19ms);
    EXPECT_TRUE(lock.owns_lock());

    posix_mutex checked(PTHREAD_MUTEX_ERRORCHECK);
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    EXPECT_EQ(::pthread_cond_wait(&condition, &checked.m), EPERM);
    const timespec bad{.tv_sec = 0, .tv_nsec = -1};
    EXPECT_EQ(::pthread_cond_timedwait(&condition, mutex.native_handle(), &bad), EINVAL);
  });
}

TEST(HookedRwlock, ReadersShareAndWritersDoNot) {
  std::shared_mutex lock;
  long value = 0;
  std::atomic<int> readers{0};
  std::atomic<int> most_readers{0};
  const int times = rounds(40);
  const auto write = [&] {
    for (int i = 0; i < times; ++i) {
      const std::unique_lock held(lock);
      EXPECT_EQ(readers, 0);
      const long before = value;
      if (i % 4 == 0) ::usleep(50);
      value = before + 1;
    }
  };
  const auto read = [&] {
    for (int i = 0; i < times; ++i) {
      const std::shared_lock held(lock);
      const int now = ++readers;
      for (int most = most_readers; now > most && !most_readers.compare_exchange_weak(most, now);) {}
      const long before = value;
      ::usleep(50);
      EXPECT_EQ(value, before);
      --readers;
    }
  };
  gos::wait_group all;
  for (int i = 0; i < 4; ++i) all.go(write);
  for (int i = 0; i < 8; ++i) all.go(read);
  std::thread writer(write);
  std::thread reader(read);
  writer.join();
  reader.join();
  all.wait();
  EXPECT_EQ(value, 5L * times);
  EXPECT_GT(most_readers, 1);
}

TEST(HookedRwlock, TimeLimits) {
  std::shared_timed_mutex lock;
  lock.lock();
  on_goroutine([&] {
    EXPECT_FALSE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock_for(5ms));
    EXPECT_FALSE(lock.try_lock_shared_for(5ms));
  });
  lock.unlock();
  on_goroutine([&] {
    EXPECT_TRUE(lock.try_lock_for(5ms));
    lock.unlock();
  });
}

TEST(HookedSemaphore, CountsForGoroutinesAndThreads) {
  sem_t full;
  ASSERT_EQ(::sem_init(&full, 0, 0), 0);
  std::atomic<int> taken{0};
  gos::wait_group all;
  for (int i = 0; i < 20; ++i) {
    all.go([&] {
      for (int k = 0; k < 20; ++k) {
        EXPECT_EQ(::sem_wait(&full), 0);
        ++taken;
      }
    });
  }
  std::thread thread([&] {
    for (int k = 0; k < 100; ++k) {
      EXPECT_EQ(::sem_wait(&full), 0);
      ++taken;
    }
  });
  for (int k = 0; k < 500; ++k) EXPECT_EQ(::sem_post(&full), 0);
  all.wait();
  thread.join();
  EXPECT_EQ(taken, 500);
  on_goroutine([&] {
    const timespec soon = in_time(CLOCK_REALTIME, 5ms);
    EXPECT_EQ(::sem_timedwait(&full, &soon), -1);
    EXPECT_EQ(errno_here(), ETIMEDOUT);
    EXPECT_EQ(::sem_trywait(&full), -1);
    EXPECT_EQ(::sem_post(&full), 0);
    EXPECT_EQ(::sem_wait(&full), 0);
  });
  ::sem_destroy(&full);
}

TEST(HookedJoin, WaitsWithoutAThread) {
  const int before = thread_count();
  constexpr int count = 30;
  std::mutex gate;
  gate.lock();
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&] { const std::lock_guard passed(gate); });
  gos::wait_group all;
  for (std::thread& t : threads) {
    all.go([&] { t.join(); });
  }
  EXPECT_TRUE(blocked("pthread_join", count));
  EXPECT_LE(thread_count(), few_more(before) + count);
  gate.unlock();
  all.wait();
}

TEST(HookedJoin, ReturnsWhatTheThreadLeft) {
  on_goroutine([] {
    pthread_t thread;
    void* value = nullptr;
    const auto exits = [](void* p) -> void* {
      ::usleep(2000);
      ::pthread_exit(p);
    };
    int here = 0;
    ASSERT_EQ(::pthread_create(&thread, nullptr, exits, &here), 0);
    EXPECT_EQ(::pthread_join(thread, &value), 0);
    EXPECT_EQ(value, &here);

    sem_t gate;
    ::sem_init(&gate, 0, 0);
    const auto waits = [](void* p) -> void* {
      while (::sem_wait(static_cast<sem_t*>(p)) != 0) {}
      return p;
    };
    ASSERT_EQ(::pthread_create(&thread, nullptr, waits, &gate), 0);
    const timespec soon = in_time(CLOCK_REALTIME, 5ms);
    EXPECT_EQ(::pthread_timedjoin_np(thread, &value, &soon), ETIMEDOUT);
    EXPECT_EQ(::pthread_tryjoin_np(thread, &value), EBUSY);
    ::sem_post(&gate);
    EXPECT_EQ(::pthread_join(thread, &value), 0);
    EXPECT_EQ(value, &gate);

    ASSERT_EQ(::pthread_create(&thread, nullptr, waits, &gate), 0);
    EXPECT_EQ(::pthread_detach(thread), 0);
    ::sem_post(&gate);
    int left = 1;
    while (::sem_getvalue(&gate, &left) == 0 && left != 0) ::usleep(500);
  });
}

TEST(HookedOnce, OthersWaitForAParkedFirst) {
  static std::once_flag once;
  static int made = 0;
  gos::wait_group all;
  for (int i = 0; i < 20; ++i) {
    all.go([] {
      std::call_once(once, [] {
        ::usleep(5000);
        ++made;
      });
      EXPECT_EQ(made, 1);
    });
  }
  all.wait();
}

}  // namespace
