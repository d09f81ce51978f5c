// boost_fiber: sets Boost.Fiber up the way its manual recommends, for one or several processors.
//
// One processor: round_robin, stacks of 64 KiB from a pool. Several: work_stealing with suspended (not spinning) idle
// threads, which in practice keeps nearly everything on the first thread because nobody wakes a suspended thief; with
// spinning thieves both processors are used and almost every workload here gets several times slower. The pool is not
// safe for stacks that die on another thread, so several processors use plain fixed-size stacks.
#pragma once

#include <boost/fiber/all.hpp>

#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bench.hpp"

namespace bench {

namespace fibers = boost::fibers;

inline constexpr std::size_t boost_stack_size = 64 * 1024;

// Starts a fiber on a stack of 64 KiB.
template <class F> fibers::fiber start_fiber(F&& body) {
  static const bool pooled = processors() == 1;
  if (pooled) {
    static fibers::pooled_fixedsize_stack pool(boost_stack_size);
    return fibers::fiber(fibers::launch::post, std::allocator_arg, pool, std::forward<F>(body));
  }
  return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(boost_stack_size),
                       std::forward<F>(body));
}

// Runs main_fiber with processors() threads taking part.
template <class F> void run_boost(F main_fiber) {
  const int threads = processors();
  if (threads == 1) {
    main_fiber();
    return;
  }
  fibers::mutex lock;
  fibers::condition_variable ended;
  bool over = false;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&, threads] {
      fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(threads),
                                                                    true);
      std::unique_lock<fibers::mutex> held(lock);
      ended.wait(held, [&] { return over; });
    });
  }
  fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(threads), true);
  main_fiber();
  {
    std::unique_lock<fibers::mutex> held(lock);
    over = true;
  }
  ended.notify_all();
  for (std::thread& other : others) other.join();
}

}  // namespace bench
