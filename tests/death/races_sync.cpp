// races_sync: what the memory model does not order by locks, waits, timers and contexts (contract MM-07, MM-08, MM-11, MM-12).
#include "races.hpp"

#include <mutex>
#include <shared_mutex>

namespace {

const modes race_modes = {
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
    {"notification-of-another",  // of who waited before, with another mutex
     [] {
       static gos::mutex a, b;
       static gos::condition_variable changed;
       return gos::run([] {
         steps order;
         gos::wait_group group;
         group.go([] {
           std::unique_lock held(a);
           changed.wait(held);
         });
         group.go([&] {
           until_blocked("sync.Cond.Wait");
           touch();
           changed.notify_one();
           order.reach(1);
           order.await(2);
         });
         group.go([&] {
           order.await(1);
           std::unique_lock held(b);
           changed.wait(held);
           touch();
           order.reach(2);
         });
         group.go([&] {
           order.await(1);
           while (gos::runtime::stack_dump(true).find("[sync.Cond.Wait") == std::string::npos) gos::yield();
           changed.notify_all();
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
