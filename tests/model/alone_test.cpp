// A model of locks without atomic operations (src/sched/alone.hpp): who is alone takes a lock by a plain load and a plain
// store; who comes second pays for both by a membarrier, and waits until the first has been seen outside.
//
// Threads become active and inactive. While one is active it locks with plain operations, else by exchanges. The locks guard
// plain counters: no update is lost, nobody meets another inside. Without the wait in cross() hundreds of updates are lost
// within a second on two CPUs.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/spin.hpp"
#include "platform/clock.hpp"
#include "platform/membarrier.hpp"
#include "platform/thread.hpp"

namespace gos::rt {
namespace {

constexpr int machine_count = 3;
constexpr std::int64_t duration_ns = 2'000'000'000;

struct alignas(64) model_machine {
  std::atomic<int> in_kernel{0};
  bool active = false;  // under the registry's lock
  long sections = 0;    // own, until it is joined
  long plain = 0;       // own: those begun alone
};

struct alignas(64) guarded {
  spin_lock word;
  long first = 0, second = 0;  // under word
};

class alone_model {
 public:
  void run() {
    std::vector<std::thread> threads;
    for (int id = 0; id < machine_count; ++id) threads.emplace_back([this, id] { machine_loop(id); });
    const std::int64_t end_ns = monotonic_ns() + duration_ns;
    while (monotonic_ns() < end_ns) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop_.store(true, std::memory_order_relaxed);  // relaxed: ends the loops, nothing else
    for (auto& thread : threads) thread.join();
  }

  void check() const {
    long sections = 0, plain = 0, counted = 0;
    for (const model_machine& machine : machines_) sections += machine.sections, plain += machine.plain;
    for (const guarded& object : objects_) counted += object.first;
    EXPECT_EQ(violations_.load(std::memory_order_relaxed), 0);  // relaxed: all threads are joined
    EXPECT_EQ(counted, sections);
    EXPECT_GT(plain, 0);
    EXPECT_GT(sections, plain);
    EXPECT_GT(crossed_, 0);
    testing::Test::RecordProperty("plain", static_cast<int>(plain / 1000));
    testing::Test::RecordProperty("atomic", static_cast<int>((sections - plain) / 1000));
    testing::Test::RecordProperty("crossed", static_cast<int>(crossed_));
  }

 private:
  void machine_loop(int id) {
    model_machine& machine = machines_[static_cast<std::size_t>(id)];
    std::uint32_t seed = static_cast<std::uint32_t>(id) * 77 + 1;
    while (!stop_.load(std::memory_order_relaxed)) {  // relaxed: ends the loop
      activate(machine);
      for (std::uint32_t turns = 50 + (seed >> 24); turns > 0; --turns) {
        seed = seed * 1664525 + 1013904223;
        machine.in_kernel.store(1, std::memory_order_relaxed);  // relaxed: ordered by the membarrier in cross()
        std::atomic_signal_fence(std::memory_order_seq_cst);    // seq_cst, the compiler's: as above
        section(machine, objects_[(seed >> 20) % objects_.size()]);
        machine.in_kernel.store(0, std::memory_order_release);  // release: pairs with cross()
      }
      deactivate(machine);
      if (id != 0) std::this_thread::sleep_for(std::chrono::microseconds(seed >> 24));
    }
  }

  void section(model_machine& machine, guarded& object) {
    ++machine.sections;
    // relaxed: as in object_lock.
    if (alone_.load(std::memory_order_relaxed)) {
      ++machine.plain;
      for (int i = 0; i < 4; ++i) cpu_relax();  // what is to be shown lies between this look and the store
      if (!object.word.try_lock_alone()) object.word.lock();
    } else {
      object.word.lock();
    }
    const long before = object.first;
    if (before != object.second) violations_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
    object.first = before + 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // seq_cst, the compiler's: two stores
    object.second = before + 1;
    object.word.unlock();
  }

  void activate(model_machine& machine) {
    const std::lock_guard guard(registry_);
    if (alone_.load(std::memory_order_relaxed)) {    // relaxed: written under the lock
      alone_.store(false, std::memory_order_relaxed);  // relaxed: pairs with the membarrier in cross()
      cross(machine);
    }
    machine.active = true;
    become_alone_if(1);
  }

  void deactivate(model_machine& machine) {
    const std::lock_guard guard(registry_);
    machine.active = false;
    become_alone_if(1);
  }

  void become_alone_if(int wanted) {
    int active = 0;
    for (const model_machine& machine : machines_) active += machine.active ? 1 : 0;
    alone_.store(active == wanted, std::memory_order_relaxed);  // relaxed: for the only one who is active
  }

  void cross(const model_machine& second) {
    ++crossed_;
    membarrier_all();
    backoff wait;
    for (const model_machine& first : machines_) {
      if (&first == &second || !first.active) continue;
      while (first.in_kernel.load(std::memory_order_acquire) != 0) wait.pause();  // acquire: pairs with machine_loop()
    }
  }

  std::array<model_machine, machine_count> machines_;
  std::array<guarded, 2> objects_;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<bool> alone_{false};
  std::atomic<long> violations_{0};
  std::mutex registry_;
  long crossed_ = 0;  // under registry_
};

TEST(AloneModel, NothingIsLostBetweenTheModes) {
  if (!membarrier_init()) GTEST_SKIP() << "no membarrier here: the mode is not used";
  alone_model model;
  model.run();
  model.check();
}

}  // namespace
}  // namespace gos::rt
