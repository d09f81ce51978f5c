// races: the frame of the programs races.cpp and races_sync.cpp, in each mode of which there is one race (contract MM-12), for
// ThreadSanitizer.
//
// Two goroutines touch the same plain variable, one after the other: the second waits for the first on a relaxed atomic,
// which is no edge. Both are spawned before either touches and live until both have, so that neither inherits the other's
// stack. Between the two touches lie operations that a careless reader might take for an edge.
#pragma once
#include "modes.hpp"

inline int data = 0;
[[gnu::noinline]] inline void touch() { ++data; }

// The order of the steps, invisible for ThreadSanitizer.
class steps {
 public:
  // relaxed, all: nothing else may be ordered by them.
  void reach(int step) { reached_.store(step, std::memory_order_relaxed); }
  void await(int step) const {
    while (reached_.load(std::memory_order_relaxed) < step) gos::yield();
  }

 private:
  std::atomic<int> reached_{0};
};

// Runs `first`, then `second`, each on its goroutine.
inline int in_turn(std::function<void()> first, std::function<void()> second) {
  return gos::run([&] {
    steps order;
    gos::wait_group both;
    both.go([&] {
      first();
      order.reach(1);
      order.await(2);
    });
    both.go([&] {
      order.await(1);
      second();
      order.reach(2);
    });
    both.wait();
  });
}

// Waits until a goroutine is in that state; a dump is no edge.
inline void until_blocked(const char* state) {
  while (gos::runtime::stack_dump(true).find(std::string("[") + state) == std::string::npos) gos::yield();
}

// Starts `waits`, which is to block in `state`; when it has, runs `ends_it`. Then `waits` goes on.
inline int while_blocked(const char* state, std::function<void()> waits, std::function<void()> ends_it) {
  return gos::run([&] {
    gos::wait_group both;
    steps order;
    both.go([&] {
      waits();
      order.await(1);
    });
    both.go([&] {
      until_blocked(state);
      ends_it();
      order.reach(1);
    });
    both.wait();
  });
}

inline void caught(const std::function<void()>& panics) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([] {
      if (!gos::recover()) wrong("no panic");
    });
    panics();
  });
}
