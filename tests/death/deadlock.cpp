// deadlock: programs in which nobody can go on, at once or after a while (DL).
#include "modes.hpp"

#include <gossamer/fd.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace {

using event = gos::chan<void>;

void say(const char* what) {
  std::puts(what);
  std::fflush(stdout);
}

// What no program below reaches if the report comes when it should.
int went_on() {
  say("went on");
  return 0;
}

// --- every goroutine waits, each in its way -----------------------------------------------------------------------------

int receive() {
  return gos::run([] { gos::make_chan<int>().recv(); });
}

int every_way() {
  return gos::run([] {
    static event never = gos::make_chan<void>();
    static gos::mutex locked;
    static gos::shared_mutex shared;
    static gos::wait_group group;
    static gos::weighted_semaphore none(1);
    none.acquire();
    static gos::condition_variable nobody_tells;
    static gos::mutex told;
    locked.lock();
    shared.lock();
    group.add(1);
    gos::go([] { never.recv(); });
    gos::go([] { never.recv(); });
    gos::go([] { gos::chan<int>().send(1); });
    gos::go([] { gos::chan<int>().recv(); });
    gos::go([] { gos::select(); });
    gos::go([] { gos::select(gos::recv(never), gos::recv(event())); });
    gos::go([] { locked.lock(); });
    gos::go([] { shared.lock(); });
    gos::go([] { shared.lock_shared(); });
    gos::go([] { group.wait(); });
    gos::go([] { none.acquire(); });
    gos::go([] {
      std::unique_lock held(told);
      nobody_tells.wait(held);
    });
    gos::spawn([] { never.recv(); }).join();
  });
}

int locked_threads() {
  return gos::run([] {
    const gos::pin here;
    gos::go([] {
      const gos::pin there;
      gos::select();
    });
    gos::select();
  });
}

struct before_main {
  before_main() {
    if (wanted) gos::make_chan<int>().recv();
  }
  static inline bool wanted = [] {
    // The command line, before main has it.
    char text[4096] = {};
    const int fd = ::open("/proc/self/cmdline", O_RDONLY);
    const ssize_t got = ::read(fd, text, sizeof text - 1);
    ::close(fd);
    const std::string all(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    return all.find("before-main") != std::string::npos;
  }();
};
before_main early;

int many() {
  return gos::run([] {
    auto never = gos::make_chan<int>();
    for (int i = 0; i < 1000; ++i) gos::go([=] { never.recv(); });
    never.recv();
  });
}

int plain_main() {
  gos::wait_group group;
  auto never = gos::make_chan<int>();
  group.go([=] { never.recv(); });
  group.wait();
  return went_on();
}

int plain_alone() {
  gos::make_chan<int>().recv();
  return went_on();
}

int after_set_max_procs() {
  return gos::run([] {
    gos::runtime::set_max_procs(8);
    gos::wait_group warm;
    for (int i = 0; i < 64; ++i) warm.go([] { gos::sleep(1ms); });
    warm.wait();
    gos::runtime::set_max_procs(2);
    gos::select();
  });
}

// --- goexit of main -----------------------------------------------------------------------------------------------------

int goexit_alone() {
  return gos::run([] {
    gos::go([] { gos::sleep(20ms); });
    gos::goexit();
  });
}

int goexit_others_wait() {
  return gos::run([] {
    gos::go([] { gos::select(); });
    gos::goexit();
  });
}

int goexit_others_end_it() {
  return gos::run([] {
    gos::go([] {
      gos::sleep(200ms);
      say("still here");
      std::exit(3);
    });
    gos::goexit();
  });
}

int goexit_pinned() {
  return gos::run([] {
    gos::runtime::lock_os_thread();
    gos::goexit();
  });
}

// --- timers: what is pending holds the report back until it fires -------------------------------------------------------

int after_sleep() {
  return gos::run([] {
    gos::go([] {
      gos::sleep(400ms);
      say("slept");
    });
    gos::select();
  });
}

int after_timers() {
  return gos::run([] {
    gos::go([] {
      gos::timer soon(200ms);
      soon.channel().recv();
      say("timer");
    });
    gos::go([] {
      gos::select(gos::after(300ms, [] { say("after"); }), gos::recv(event()));
    });
    auto alarm = gos::after_func(400ms, [] { say("func"); });
    auto [limited, cancel] = gos::with_timeout(gos::background(), 500ms);
    limited.done().recv();
    say("context");
    gos::select();
  });
}

int idle_timers() {
  return gos::run([] {
    static gos::timer unheard(1h);
    static gos::ticker unheard_too(1ms);
    static gos::timer stopped(1h);
    stopped.stop();
    static auto stopped_func = gos::after_func(1h, [] {});
    stopped_func.stop();
    // Somebody has waited for it, and no longer does.
    gos::select(gos::recv(unheard.channel()), gos::recv(unheard_too.channel()), gos::after(10us, [] {}));
    gos::select();
  });
}

// --- the world outside --------------------------------------------------------------------------------------------------

int pipe_reader() {
  return gos::run([] {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) wrong("no pipe");
    gos::go([from = ends[0]] {
      if (!gos::net::wait_readable(from)) wrong("no waiting");
      say("readable");
    });
    std::thread([to = ends[1]] {
      std::this_thread::sleep_for(400ms);
      if (::write(to, "x", 1) != 1) wrong("no writing");
    }).join();
    gos::select();
  });
}

// Nobody has the other end but this process, and it never writes: it might, for all the runtime knows.
int pipe_for_ever() {
  return gos::run([] {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) wrong("no pipe");
    gos::go([] {
      gos::sleep(700ms);
      std::exit(0);
    });
    static_cast<void>(gos::net::wait_readable(ends[0]));
  });
}

int blocking_read() {
  return gos::run([] {
    gos::go([] {
      char byte;
      static_cast<void>(!::read(0, &byte, 1));
      say("read");
    });
    gos::select();
  });
}

int signals() {
  return gos::run([] {
    auto got = gos::make_chan<int>(1);
    gos::notify(got, SIGUSR1);
    gos::go([=] {
      got.recv();
      say("signal");
      gos::stop_notify(got);
    });
    std::thread([] {
      std::this_thread::sleep_for(400ms);
      ::kill(::getpid(), SIGUSR1);
    }).detach();
    gos::select();
  });
}

int signals_linked() {
  return gos::run([] {
    auto got = gos::make_chan<int>(1);
    gos::notify(got, SIGUSR1);
    gos::stop_notify(got);
    gos::select();
  });
}

// --- other threads ------------------------------------------------------------------------------------------------------

int stranger_helps() {
  return gos::run([] {
    auto done = gos::make_chan<int>();
    std::thread([=] {
      std::this_thread::sleep_for(500ms);
      done.send(1);
    }).detach();
    done.recv();
    say("helped");
  });
}

// Never met the runtime, and ends without a word.
int stranger_ends() {
  std::thread([] { std::this_thread::sleep_for(400ms); say("ends"); }).detach();
  return gos::run([] { gos::select(); });
}

int strangers_end_in_turn() {
  for (int i = 1; i <= 4; ++i) {
    std::thread([i] {
      std::this_thread::sleep_for(i * 100ms);
      if (i == 4) say("ends");
    }).detach();
  }
  return gos::run([] { gos::select(); });
}

int acquaintance_ends() {
  std::thread([] {
    gos::make_chan<int>(1).send(1);
    std::this_thread::sleep_for(400ms);
    say("ends");
  }).detach();
  return gos::run([] { gos::select(); });
}

int acquaintance_parks() {
  std::thread([] {
    std::this_thread::sleep_for(400ms);
    say("parks");
    gos::make_chan<int>().recv();
  }).detach();
  return gos::run([] { gos::select(); });
}

// The thread that made all others ends, and they go on.
int first_thread_ends() {
  std::thread([] {
    std::exit(gos::run([] {
      gos::sleep(100ms);
      say("parks");
      gos::select();
    }));
  }).detach();
  ::pthread_exit(nullptr);
}

// A thread that stops the only timer, then parks.
int timer_stopped_from_outside() {
  static gos::chan<gos::timer*> handed = gos::make_chan<gos::timer*>(1);
  std::thread([] {
    gos::timer* far = *handed.recv();
    std::this_thread::sleep_for(300ms);
    say("stops");
    far->stop();
    gos::make_chan<int>().recv();
  }).detach();
  return gos::run([] {
    gos::timer far(1h);
    handed.send(&far);
    far.channel().recv();
  });
}

// As before Linux 6.9: a thread has no descriptor, and says EINVAL.
void without_descriptors_of_threads() {
  constexpr unsigned pidfd_open = 434;
  static sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pidfd_open, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::_Exit(77);
  }
}

template <int (*mode)()> int before_6_9() {
  without_descriptors_of_threads();
  return mode();
}

const modes known = {
    {"receive", receive},
    {"every-way", every_way},
    {"locked-threads", locked_threads},
    {"before-main", went_on},
    {"many", many},
    {"plain-main", plain_main},
    {"plain-alone", plain_alone},
    {"after-set-max-procs", after_set_max_procs},
    {"goexit-alone", goexit_alone},
    {"goexit-others-wait", goexit_others_wait},
    {"goexit-others-end-it", goexit_others_end_it},
    {"goexit-pinned", goexit_pinned},
    {"after-sleep", after_sleep},
    {"after-timers", after_timers},
    {"idle-timers", idle_timers},
    {"pipe-reader", pipe_reader},
    {"pipe-for-ever", pipe_for_ever},
    {"blocking-read", blocking_read},
    {"signals", signals},
    {"signals-linked", signals_linked},
    {"stranger-helps", stranger_helps},
    {"stranger-ends", stranger_ends},
    {"strangers-end-in-turn", strangers_end_in_turn},
    {"stranger-ends-before-6.9", before_6_9<stranger_ends>},
    {"strangers-end-in-turn-before-6.9", before_6_9<strangers_end_in_turn>},
    {"stranger-helps-before-6.9", before_6_9<stranger_helps>},
    {"acquaintance-ends", acquaintance_ends},
    {"acquaintance-parks", acquaintance_parks},
    {"first-thread-ends", first_thread_ends},
    {"timer-stopped-from-outside", timer_stopped_from_outside},
};

}  // namespace

int main(int argc, char** argv) { return run_mode(known, argc, argv); }
