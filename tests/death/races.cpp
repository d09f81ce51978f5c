// races: what the memory model does not order between goroutines and by channels (contract MM-01, MM-03..MM-06, MM-12).
#include "races.hpp"

#include <thread>

namespace {

const modes race_modes = {
    // MM-12
    {"plain", [] { return in_turn(touch, touch); }},
    {"plain-fresh",  // the second begins when the first gives way
     [] {
       return gos::run([] {
         steps order;
         gos::wait_group both;
         both.go([&] {
           order.await(1);
           touch();
           order.reach(2);
         });
         both.go([&] {
           touch();
           order.reach(1);
           order.await(2);
         });
         both.wait();
       });
     }},
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
         steps order;
         {
           const auto dropped = gos::spawn([&] {
             order.await(1);  // who drops the handle of a goroutine that has ended comes after its end
             touch();
           });
         }
         order.reach(1);
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
         if (gos::select(gos::send(ch, 1), gos::recv(ch), gos::otherwise()) != 2)
           wrong("there was a partner");
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
};

}  // namespace

int main(int argc, char** argv) { return run_mode(race_modes, argc, argv); }
