// Goroutines that are kept on a thread, under load and with changing numbers of processors.
#include <gossamer/gossamer.hpp>

#include <mutex>
#include <set>

#include "fixture.hpp"
#include "platform/thread.hpp"

using namespace gos_test;

namespace {

// Asked anew each time: the C library declares pthread_self() a constant, which clang then keeps over a switch.
[[gnu::noinline]] std::thread::id this_thread_id() {
  __asm__ volatile("" ::: "memory");
  return std::this_thread::get_id();
}

// Threads that belong to a pinned goroutine now.
class owned_threads {
 public:
  void add(std::thread::id id) {
    std::lock_guard guard(lock_);
    ids_.insert(id);
  }
  void remove(std::thread::id id) {
    std::lock_guard guard(lock_);
    ids_.erase(id);
  }
  bool contains(std::thread::id id) {
    std::lock_guard guard(lock_);
    return ids_.contains(id);
  }

 private:
  std::mutex lock_;
  std::set<std::thread::id> ids_;
};

void pinned_under_load(int limit, std::chrono::milliseconds duration) {
  procs p(limit);
  owned_threads owned;
  std::atomic<bool> stop{false};
  std::atomic<long> moved{0}, trespassed{0}, pinned_rounds{0}, free_rounds{0};
  gos::wait_group done;
  auto ch = gos::make_chan<int>();
  for (int i = 0; i < 4; ++i) {
    done.go([&, ch, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        gos::pin pin;
        const auto home = this_thread_id();
        owned.add(home);
        for (int step = 0; step < 20; ++step) {
          switch (random() % 6) {
            case 0: gos::sleep(50us); break;
            case 1: ch.send(step); break;
            case 2: gos::select(gos::recv(ch, [](std::optional<int>) {}), gos::otherwise([] {})); break;
            case 3: {
              gos::pin nested;
              gos::yield();
              break;
            }
            case 4:
              if (random() % 64 == 0) burn(12ms);  // loses its processor
              break;
            default: gos::yield();
          }
          if (this_thread_id() != home) ++moved;
        }
        owned.remove(home);
        ++pinned_rounds;
      }
    });
  }
  for (int i = 0; i < 4; ++i) {
    done.go([&, ch, random = rng()]() mutable {
      while (!stop.load(std::memory_order_relaxed)) {
        // The answer is from before the look: a goroutine may be pinned here as soon as this one has left.
        if (owned.contains(this_thread_id())) ++trespassed;
        if (random() % 3 == 0) {
          gos::yield();
        } else {
          gos::select(gos::recv(ch, [](std::optional<int>) {}), gos::otherwise([] { gos::sleep(20us); }));
        }
        ++free_rounds;
      }
    });
  }
  std::this_thread::sleep_for(scaled(duration));
  EXPECT_TRUE(eventually([&] { return pinned_rounds > 0 && free_rounds > 0; }));
  stop = true;
  std::atomic<bool> ended{false};
  gos::go([&, ch] {
    while (!ended) gos::select(gos::recv(ch, [](std::optional<int>) {}), gos::otherwise([] { gos::sleep(100us); }));
    ended = false;
  });
  done.wait();
  ended = true;
  EXPECT_TRUE(eventually([&] { return !ended; }));
  EXPECT_EQ(moved, 0);
  EXPECT_EQ(trespassed, 0);
}

TEST(pin, keeps_its_thread_with_1_processor) { pinned_under_load(1, 400ms); }
TEST(pin, keeps_its_thread_with_2_processors) { pinned_under_load(2, 400ms); }
TEST(pin, keeps_its_thread_with_4_processors) { pinned_under_load(4, 400ms); }
TEST(pin, keeps_its_thread_with_8_processors) { pinned_under_load(8, 400ms); }

TEST(pin, many_short_ones) {
  gos::wait_group done;
  for (int i = 0; i < rounds(2000); ++i) {
    done.go([] {
      gos::pin pin;
      const auto home = this_thread_id();
      gos::yield();
      EXPECT_EQ(this_thread_id(), home);
    });
  }
  done.wait();
}

TEST(pin, ends_with_the_goroutine) {
  for (int i = 0; i < 50; ++i) {
    gos::spawn([] { gos::runtime::lock_os_thread(); }).join();
    gos::spawn([] { gos::yield(); }).join();
  }
}

TEST(pin, main_may_pin_itself) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(gos::run([] {
                gos::pin pin;
                const auto home = this_thread_id();
                auto ch = gos::make_chan<int>();
                gos::go([=] { ch.send(3); });
                const int got = ch.recv().value();
                gos::sleep(200us);
                EXPECT_EQ(this_thread_id(), home);
                return got;
              }),
              3);
  }
}

// A thread local value is the goroutine's own while it is pinned.
TEST(pin, thread_locals_are_kept) {
  static thread_local int mine = 0;
  gos::wait_group done;
  for (int i = 1; i <= 8; ++i) {
    done.go([i] {
      gos::pin pin;
      mine = i;
      for (int step = 0; step < rounds(200); ++step) {
        gos::yield();
        if (step % 16 == 0) gos::sleep(10us);
        EXPECT_EQ(mine, i);
      }
    });
  }
  done.wait();
}

}  // namespace
