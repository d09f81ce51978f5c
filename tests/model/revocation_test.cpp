// A model of revocable processors: entering the runtime costs two plain memory operations, because the one who takes a processor
// away pays for the ordering with a membarrier.
//
// Several machines, one processor. A machine in user mode spins; to touch the processor it enters: stores in_kernel, then loads
// revoked. The revoker stores revoked, issues the barrier, then loads in_kernel; zero means that the machine cannot have
// entered without seeing `revoked`, so the processor may be given to another. Never is a machine
// inside that is not the owner, and no non-atomic update of the processor is lost. Without the barrier this model fails within a second on two CPUs.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "platform/clock.hpp"
#include "platform/membarrier.hpp"
#include "platform/thread.hpp"

namespace gos::rt {
namespace {

constexpr int machine_count = 4;
constexpr std::int64_t duration_ns = 2'000'000'000;

struct alignas(64) model_machine {
  std::atomic<int> in_kernel{0};
  std::atomic<int> revoked{1};
  long entries = 0;  // owner only, until it is joined
};

class revocation_model {
 public:
  void run() {
    // relaxed: the threads do not exist yet.
    machines_[0].revoked.store(0, std::memory_order_relaxed);
    std::vector<std::thread> threads;
    for (int id = 0; id < machine_count; ++id) threads.emplace_back([this, id] { machine_loop(id); });
    revoker_loop();
    // relaxed: ends the loops, nothing else.
    stop_.store(true, std::memory_order_relaxed);
    for (auto& thread : threads) thread.join();
  }

  void check() const {
    long entries = 0;
    for (const model_machine& machine : machines_) entries += machine.entries;
    // relaxed: all threads are joined.
    EXPECT_EQ(violations_.load(std::memory_order_relaxed), 0);
    EXPECT_EQ(updates_, entries);
    EXPECT_GT(entries, 0);
    EXPECT_GT(given_, 0);
    testing::Test::RecordProperty("entries", static_cast<int>(entries / 1000));
    testing::Test::RecordProperty("given", static_cast<int>(given_));
    testing::Test::RecordProperty("refused", static_cast<int>(refused_));
  }

 private:
  // True when this machine may touch the processor.
  bool enter(model_machine& machine) {
    // relaxed: ordered against the load below by membarrier_all() in the revoker, or by the fence.
    machine.in_kernel.store(1, std::memory_order_relaxed);
    if (membarrier_available) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      membarrier_all();  // then a fence on both sides
    }
    // acquire: pairs with: the store of revoked in try_to_move().
    if (machine.revoked.load(std::memory_order_acquire) == 0) return true;
    leave(machine);
    return false;
  }

  void leave(model_machine& machine) {
    // release: pairs with: the load of in_kernel in try_to_move().
    machine.in_kernel.store(0, std::memory_order_release);
  }

  void machine_loop(int id) {
    model_machine& machine = machines_[static_cast<std::size_t>(id)];
    std::uint32_t seed = static_cast<std::uint32_t>(id) + 1;
    // relaxed: ends the loop, nothing else.
    while (!stop_.load(std::memory_order_relaxed)) {
      seed = seed * 1664525 + 1013904223;
      user_work(seed);
      if (enter(machine)) {
        touch_processor(id);
        ++machine.entries;
        leave(machine);
      } else {
        await_processor(machine);
      }
    }
  }

  void await_processor(model_machine& machine) {
    // relaxed (both): enter() looks again, with the order it needs.
    while (machine.revoked.load(std::memory_order_relaxed) != 0 && !stop_.load(std::memory_order_relaxed)) thread_yield();
  }

  // Stores to lines that the others write too: the store to in_kernel then waits behind them in the store buffer, which is
  // what makes a missing barrier show.
  void user_work(std::uint32_t seed) {
    for (std::uint32_t i = 0; i < seed >> 29; ++i) {
      // relaxed: noise.
      noise_[i].store(seed, std::memory_order_relaxed);
    }
  }

  // No read-modify-write in here: it would empty the store buffer and hide the fault.
  void touch_processor(int id) {
    const long before = updates_;
    count_violation_unless_owner(id);
    updates_ = before + 1;
    count_violation_unless_owner(id);
  }

  void count_violation_unless_owner(int id) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // relaxed (both): a machine that may be here has seen its own number through `revoked`.
    if (owner_.load(std::memory_order_relaxed) != id) violations_.fetch_add(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }

  void revoker_loop() {
    const std::int64_t end_ns = monotonic_ns() + duration_ns;
    std::uint32_t seed = 7;
    int owner = 0;  // as owner_
    while (monotonic_ns() < end_ns) {
      seed = seed * 1664525 + 1013904223;
      const int other = (owner + 1 + static_cast<int>((seed >> 20) % (machine_count - 1))) % machine_count;
      if (try_to_move(owner, other)) {
        owner = other;
        ++given_;
      } else {
        ++refused_;
      }
      if (seed >> 27 == 0) std::this_thread::sleep_for(std::chrono::microseconds(1));
      user_work(seed);
    }
  }

  bool try_to_move(int from_id, int to_id) {
    model_machine& from = machines_[static_cast<std::size_t>(from_id)];
    model_machine& to = machines_[static_cast<std::size_t>(to_id)];
    // relaxed: membarrier_all() orders it before the load.
    from.revoked.store(1, std::memory_order_relaxed);
    membarrier_all();
    // acquire: pairs with: the store in leave(); what the machine did to the processor is done.
    const bool outside = from.in_kernel.load(std::memory_order_acquire) == 0;
    // relaxed: published by the store to revoked below.
    if (outside) owner_.store(to_id, std::memory_order_relaxed);
    // release: pairs with: the load of revoked in enter(). A machine that was inside keeps the processor.
    (outside ? to : from).revoked.store(0, std::memory_order_release);
    return outside;
  }

  std::array<model_machine, machine_count> machines_;
  std::atomic<bool> stop_{false};
  struct alignas(64) noise_line : std::atomic<std::uint32_t> {
    using std::atomic<std::uint32_t>::atomic;
  };
  std::array<noise_line, 8> noise_{};
  alignas(64) std::atomic<int> owner_{0};
  std::atomic<long> violations_{0};
  long updates_ = 0;  // owner of the processor only: the state that revocation protects
  long given_ = 0;    // revoker only
  long refused_ = 0;  // revoker only
};

TEST(RevocationModel, WithTheChosenBarrierNothingIsViolated) {
  membarrier_init();
  revocation_model model;
  model.run();
  model.check();
}

TEST(RevocationModel, WithFencesInsteadNothingIsViolated) {
  const bool available = membarrier_init();
  membarrier_available = false;
  revocation_model model;
  model.run();
  model.check();
  membarrier_available = available;
}

}  // namespace
}  // namespace gos::rt
