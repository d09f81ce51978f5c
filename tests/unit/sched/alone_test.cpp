// Locks while one processor is active (sched/alone.hpp), in the runtime as it is: goroutines, the other processors as they come
// and go, plain threads that live for a moment, timers that fire. What the locks guard is plain memory.
#include <gossamer/gossamer.hpp>

#include "fixture.hpp"
#include "park/park.hpp"
#include "platform/membarrier.hpp"
#include "sched/alone.hpp"

using namespace gos_test;
namespace rt = gos::rt;

namespace {

struct guarded {
  rt::object_lock lock;
  long first = 0, second = 0;  // under lock
};

std::atomic<long> violations{0};

void update(guarded& object) {
  rt::kernel_section kernel;
  object.lock.lock();
  const long before = object.first;
  if (before != object.second) ++violations;
  object.first = before + 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: two stores
  object.second = before + 1;
  object.lock.unlock();
}

class eager_alone {
 public:
  eager_alone() { rt::sched.alone_after_ns = 0; }
  ~eager_alone() { rt::sched.alone_after_ns = before_; }

 private:
  const std::int64_t before_ = rt::sched.alone_after_ns;
};

bool is_alone() { return rt::alone.load(std::memory_order_relaxed); }

TEST(alone, nothing_is_lost_between_the_modes) {
  if (!rt::membarrier_init()) GTEST_SKIP() << "the mode needs membarrier";
  const eager_alone eager;
  violations = 0;
  guarded objects[2];
  long times_alone = 0, times_shared = 0;
  std::atomic<long> updates{0};
  gos::run([&] {
    std::atomic<bool> stop{false};
    gos::wait_group done;
    done.go([&] {
      std::uint32_t mix = 1;
      long mine = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        mix = mix * 1664525U + 1013904223U;
        update(objects[(mix >> 16) % 2]);
        ++mine;
        if ((mix >> 16) % 16 == 0) gos::yield();
        ++(is_alone() ? times_alone : times_shared);
      }
      updates += mine;
    });
    // Others: now as goroutines of other processors, now as plain threads.
    done.go([&, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        gos::sleep(std::chrono::microseconds(random() % 3000));
        const long turns = 1 + static_cast<long>(random() % 2000);
        updates += 4 * turns;
        const auto body = [&objects, turns] {
          for (long i = 0; i < turns; ++i) update(objects[i % 2]);
        };
        if (random() % 2 == 0) {
          std::vector<std::thread> threads;
          for (int i = 0; i < 4; ++i) threads.emplace_back(body);
          gos::blocking([&] {
            for (auto& thread : threads) thread.join();
          });
        } else {
          gos::wait_group burst;
          for (int i = 0; i < 4; ++i) burst.go(body);
          burst.wait();
        }
      }
    });
    gos::sleep(scaled(700ms));
    EXPECT_TRUE(eventually([&] { return times_alone > 0 && times_shared > 0; }));
    stop = true;
    done.wait();
    return 0;
  });
  EXPECT_EQ(violations, 0);
  EXPECT_EQ(objects[0].first + objects[1].first, updates);
  testing::Test::RecordProperty("alone", static_cast<int>(times_alone));
  testing::Test::RecordProperty("shared", static_cast<int>(times_shared));
}

// The same through a channel: every number arrives once, whoever sends and receives it.
TEST(alone, channels_lose_nothing) {
  const eager_alone eager;
  gos::run([] {
    auto ch = gos::make_chan<long>(4);
    std::atomic<bool> stop{false};
    std::atomic<long> sent{0}, received{0};
    gos::wait_group senders, receivers;
    const auto send_until = [&, ch](long count) {
      for (long i = 1; i <= count && !stop.load(std::memory_order_relaxed); ++i) {
        ch.send(i);
        sent += i;
      }
    };
    senders.go([&] { send_until(LONG_MAX); });
    senders.go([&, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        gos::sleep(std::chrono::microseconds(random() % 3000));
        std::thread plain([&] { send_until(50); });
        gos::blocking([&] { plain.join(); });
      }
    });
    for (int i = 0; i < 2; ++i) {
      receivers.go([&, ch] {
        for (long n : ch) received += n;
      });
    }
    gos::sleep(scaled(300ms));
    stop = true;
    senders.wait();
    ch.close();
    receivers.wait();
    EXPECT_EQ(sent, received);
    return 0;
  });
}

// Who waits is not in the way: a program whose main thread waits for its goroutines is alone, too.
TEST(alone, a_plain_thread_that_waits_does_not_count) {
  if (!rt::membarrier_init()) GTEST_SKIP() << "the mode needs membarrier";
  const eager_alone eager;
  bool seen = false;
  gos::wait_group done;
  done.go([&] {
    seen = [] {
      const auto end = std::chrono::steady_clock::now() + scaled(20s);
      while (!is_alone() && std::chrono::steady_clock::now() < end) gos::yield();
      return is_alone();
    }();
  });
  done.wait();
  EXPECT_TRUE(seen);
}

}  // namespace
