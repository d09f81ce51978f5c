// races: what the memory model does not order (contract MM-01 and MM-03..MM-12), one race in each mode, for ThreadSanitizer.
//
// In each mode two goroutines touch the same plain variable, one after the other: the second waits for the first on a
// relaxed atomic, which is no edge. Both are spawned before either touches and live until both have, so that neither
// inherits the other's stack. Between the two touches lie operations that a careless reader might take for an edge.
#include "modes.hpp"

#include <mutex>
#include <shared_mutex>
#include <thread>

namespace {

int data = 0;
[[gnu::noinline]] void touch() { ++data; }

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
int in_turn(std::function<void()> first, std::function<void()> second) {
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
void until_blocked(const char* state) {
  while (gos::runtime::stack_dump(true).find(std::string("[") + state) == std::string::npos) gos::yield();
}

// Starts `waits`, which is to block in `state`; when it has, runs `ends_it`. Then `waits` goes on.
int while_blocked(const char* state, std::function<void()> waits, std::function<void()> ends_it) {
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

void caught(const std::function<void()>& panics) {
  gos::with_defer([&](gos::defer_stack& defer) {
    defer([] {
      if (!gos::recover()) wrong("no panic");
    });
    panics();
  });
}

const modes race_modes = {
    // MM-12
    {"plain", [] { return in_turn(touch, touch); }},
    {"plain-sleep",
     [] {
       return in_turn(
           [] {
             touch();
             gos::sleep(1ms);
           },
           [] {
             gos::sleep(1ms);
             touch();
           });
     }},
    {"plain-blocking", [] { return in_turn([] { gos::blocking(touch); }, [] { gos::blocking(touch); }); }},
    {"plain-thread",
     [] {
       return gos::run([] {
         steps order;
         std::thread other([&] {
           touch();
           order.reach(1);
           order.await(2);
         });
         order.await(1);
         touch();
         order.reach(2);
         other.join();
       });
     }},
    {"plain-dump",
     [] {
       const auto dumping = [] {
         gos::runtime::stack_dump(true);
         gos::runtime::stats();
         touch();
         gos::runtime::stack_dump(true);
         gos::runtime::stats();
       };
       return in_turn(dumping, dumping);
     }},
    {"plain-set-max-procs",
     [] {
       const auto setting = [] {
         gos::runtime::set_max_procs(2);
         touch();
         gos::runtime::set_max_procs(3);
       };
       return in_turn(setting, setting);
     }},

    // MM-01
    {"end",
     [] {
       return gos::run([] {
         gos::go(touch);
         while (gos::runtime::num_goroutine() != 1) gos::yield();
         touch();
       });
     }},
    {"end-goexit",
     [] {
       return gos::run([] {
         gos::go([] {
           touch();
           gos::goexit();
         });
         while (gos::runtime::num_goroutine() != 1) gos::yield();
         touch();
       });
     }},
    {"end-detached",
     [] {
       return gos::run([] {
         static_cast<void>(gos::spawn(touch));
         while (gos::runtime::num_goroutine() != 1) gos::yield();
         touch();
       });
     }},
    {"after-spawn",  // what the spawner does after the spawn
     [] {
       return gos::run([] {
         steps order;
         gos::wait_group group;
         group.go([&] {
           order.await(1);
           touch();
           order.reach(2);
         });
         touch();
         order.reach(1);
         order.await(2);
         group.wait();
       });
     }},

    // MM-03, MM-04
    {"buffered-receive",
     [] {
       auto ch = gos::make_chan<int>(4);
       return in_turn(
           [ch] {
             ch.send(0);
             touch();
             ch.recv();
           },
           [ch] {
             ch.send(1);
             touch();
             ch.recv();
           });
     }},
    {"buffered-receive-that-waits",
     [] {
       auto ch = gos::make_chan<int>(4);
       return while_blocked(
           "chan receive",
           [ch] {
             touch();
             ch.recv();
           },
           [ch] {
             ch.send(1);
             touch();
           });
     }},
    {"buffered-send-and-send",
     [] {
       auto ch = gos::make_chan<int>(4);
       const auto sending = [ch] {
         touch();
         ch.send(1);
         touch();
       };
       return in_turn(sending, sending);
     }},
    {"after-send",  // what the sender does after a buffered send
     [] {
       auto ch = gos::make_chan<int>(1);
       return in_turn(
           [ch] {
             ch.send(1);
             touch();
           },
           [ch] {
             ch.recv();
             touch();
           });
     }},

    // MM-05
    {"failed-send",
     [] {
       auto ch = gos::make_chan<int>(1);
       return in_turn(
           [ch] {
             touch();
             ch.close();
           },
           [ch] {
             caught([ch] { ch.send(1); });
             touch();
           });
     }},
    {"failed-send-that-waits",
     [] {
       auto ch = gos::make_chan<int>();
       return while_blocked(
           "chan send",
           [ch] {
             caught([ch] { ch.send(1); });
             touch();
           },
           [ch] {
             touch();
             ch.close();
           });
     }},
    {"failed-select",
     [] {
       auto ch = gos::make_chan<int>();
       return while_blocked(
           "select",
           [ch] {
             caught([ch] { gos::select(gos::send(ch, 1), gos::recv(gos::make_chan<int>())); });
             touch();
           },
           [ch] {
             touch();
             ch.close();
           });
     }},
    {"failed-close",
     [] {
       auto ch = gos::make_chan<int>(1);
       return in_turn(
           [ch] {
             touch();
             ch.close();
           },
           [ch] {
             caught([ch] { ch.close(); });
             touch();
           });
     }},
    {"close-and-a-buffered-value",
     [] {
       auto ch = gos::make_chan<int>(1);
       return in_turn(
           [ch] {
             ch.send(1);
             touch();
             ch.close();
           },
           [ch] {
             ch.recv();
             touch();
           });
     }},

    // MM-06
    {"handles",  // copies of handles come and go
     [] {
       auto ch = gos::make_chan<int>(1);
       const auto copying = [ch] {
         touch();
         for (int i = 0; i < 3; ++i) static_cast<void>(gos::send_chan<int>(ch).size());
         touch();
       };
       return in_turn(copying, copying);
     }},
    {"size",
     [] {
       auto ch = gos::make_chan<int>(1);
       return in_turn(
           [ch] {
             touch();
             ch.send(1);
           },
           [ch] {
             while (ch.size() == 0) gos::yield();
             if (ch.capacity() != 1) wrong("capacity");
             touch();
           });
     }},
    {"failed-try",
     [] {
       auto ch = gos::make_chan<int>();
       const auto trying = [ch] {
         touch();
         if (ch.try_send(1) || ch.try_recv()) wrong("there was a partner");
         touch();
       };
       return in_turn(trying, trying);
     }},
    {"select-otherwise",
     [] {
       auto ch = gos::make_chan<int>();
       const auto trying = [ch] {
         touch();
         if (gos::select(gos::send(ch, 1), gos::recv(ch), gos::otherwise()) != 2) wrong("there was a partner");
         touch();
       };
       return in_turn(trying, trying);
     }},
    {"select-the-arm-not-taken",
     [] {
       auto taken = gos::make_chan<int>(1);
       auto other = gos::make_chan<int>();
       return while_blocked(
           "select",
           [=] {
             gos::select(gos::recv(taken), gos::send(other, 1));
             touch();
           },
           [=] {
             gos::spawn([=] { taken.send(1); }).join();
             touch();
             if (other.try_send(1)) wrong("nobody receives");
           });
     }},

    // MM-07
    {"failed-try-lock",
     [] {
       static gos::mutex m;
       return in_turn(
           [] {
             m.lock();
             touch();
           },
           [] {
             if (m.try_lock()) wrong("it is locked");
             touch();
           });
     }},
    {"lock-before",  // a lock orders nothing for who has unlocked before
     [] {
       static gos::mutex m;
       return in_turn(
           [] {
             m.lock();
             m.unlock();
             touch();
           },
           [] {
             const std::lock_guard held(m);
             touch();
           });
     }},
    {"two-mutexes",
     [] {
       static gos::mutex a, b;
       return in_turn(
           [] {
             const std::lock_guard held(a);
             touch();
           },
           [] {
             const std::lock_guard held(b);
             touch();
           });
     }},
    {"reader-and-reader",
     [] {
       static gos::shared_mutex m;
       const auto reading = [] {
         const std::shared_lock held(m);
         touch();
       };
       return in_turn(reading, reading);
     }},
    {"readers-that-waited",
     [] {
       static gos::shared_mutex m;
       return gos::run([] {
         steps order;
         gos::wait_group group;
         m.lock();
         for (int i = 0; i < 2; ++i) {
           group.go([&, i] {
             m.lock_shared();
             order.await(i);
             touch();
             m.unlock_shared();
             order.reach(i + 1);
             order.await(2);
           });
         }
         until_blocked("sync.RWMutex.RLock");
         m.unlock();
         group.wait();
       });
     }},
    {"failed-try-lock-shared",
     [] {
       static gos::shared_mutex m;
       return in_turn(
           [] {
             m.lock();
             touch();
           },
           [] {
             if (m.try_lock_shared()) wrong("it is locked");
             touch();
           });
     }},
    {"failed-try-lock-of-a-shared-mutex",
     [] {
       static gos::shared_mutex m;
       return in_turn(
           [] {
             m.lock_shared();
             touch();
           },
           [] {
             if (m.try_lock()) wrong("it is locked");
             touch();
           });
     }},

    // MM-08
    {"before-a-later-once",
     [] {
       static gos::once once;
       return in_turn(
           [] {
             once.call([] {});
             touch();
           },
           [] {
             once.call([] { wrong("twice"); });
             touch();
           });
     }},
    {"before-waiting-for-a-once",
     [] {
       static gos::once once;
       static steps order;
       return gos::run([] {
         gos::wait_group both;
         both.go([] {
           once.call([] {
             order.reach(1);
             order.await(2);
             touch();
           });
         });
         both.go([] {
           order.await(1);
           touch();
           order.reach(2);
           once.call([] { wrong("twice"); });
         });
         both.wait();
       });
     }},
    {"done-and-done",
     [] {
       static gos::wait_group group;
       group.add(3);
       return in_turn(
           [] {
             touch();
             group.done();
           },
           [] {
             group.done();
             touch();
           });
     }},
    {"wait-and-done",
     [] {
       static gos::wait_group group;
       group.add(1);
       return while_blocked(
           "sync.WaitGroup.Wait",
           [] {
             touch();
             group.wait();
           },
           [] {
             // The other one may be this program's own: the mode waits for two.
             while (gos::runtime::stack_dump(true).find("sync.WaitGroup.Wait") ==
                    gos::runtime::stack_dump(true).rfind("sync.WaitGroup.Wait"))
               gos::yield();
             touch();
             group.done();
           });
     }},
    {"after-done",
     [] {
       static gos::wait_group group;
       group.add(1);
       return in_turn(
           [] {
             group.done();
             touch();
           },
           [] {
             group.wait();
             touch();
           });
     }},
    {"notification-of-nobody",
     [] {
       static gos::mutex m;
       static gos::condition_variable changed;
       return gos::run([] {
         steps order;
         gos::wait_group group;
         group.go([&] {
           touch();
           changed.notify_one();
           changed.notify_all();
           order.reach(1);
           order.await(2);
         });
         group.go([&] {
           order.await(1);
           std::unique_lock held(m);
           changed.wait(held);
           touch();
           order.reach(2);
         });
         group.go([&] {
           until_blocked("sync.Cond.Wait");
           changed.notify_one();
         });
         group.wait();
       });
     }},
    {"wait-and-notification",  // what the waiter did before its wait
     [] {
       static gos::mutex m;
       static gos::condition_variable changed;
       return while_blocked(
           "sync.Cond.Wait",
           [] {
             touch();
             std::unique_lock held(m);
             changed.wait(held);
           },
           [] {
             changed.notify_one();
             touch();
           });
     }},

    // MM-11
    {"callback-and-who-set-it",
     [] {
       return gos::run([] {
         static steps order;
         auto timer = gos::after_func(1ms, [] {
           touch();
           order.reach(1);
           order.await(2);
         });
         order.await(1);
         if (timer.stop()) wrong("it runs");
         touch();
         order.reach(2);
       });
     }},
    {"after-setting-a-timer",
     [] {
       return gos::run([] {
         static steps order;
         gos::after_func(1ms, [] {
           order.await(1);
           touch();
           order.reach(2);
         });
         touch();
         order.reach(1);
         order.await(2);
       });
     }},
    {"after-setting-a-channel-timer",
     [] {
       static gos::timer timer(1ms);
       return in_turn([] { touch(); },
                      [] {
                        timer.channel().recv();
                        touch();
                      });
     }},
    {"stop-of-a-timer",
     [] {
       static gos::timer timer(1ms);
       return in_turn(
           [] {
             touch();
             timer.stop();
           },
           [] {
             timer.stop();
             touch();
           });
     }},

    // The context's edges begin with the cancellation that counts.
    {"second-cancel",
     [] {
       auto made = gos::with_cancel(gos::background());
       made.cancel();
       return in_turn(
           [made] {
             touch();
             made.cancel();
           },
           [made] {
             made.ctx.done().recv();
             if (!made.ctx.err()) wrong("no error");
             touch();
           });
     }},
    {"err-before-cancel",
     [] {
       auto made = gos::with_cancel(gos::background());
       const auto looking = [made] {
         touch();
         if (made.ctx.err() || made.ctx.deadline()) wrong("cancelled");
         touch();
       };
       return in_turn(looking, looking);
     }},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(race_modes, argc, argv); }
