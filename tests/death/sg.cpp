// sg: processes to which signals are sent from outside.
#include "modes.hpp"

#include <unistd.h>

#include <csignal>

namespace {

void say(const char* text) {
  std::puts(text);
  std::fflush(stdout);
}

int unregistered() {
  return gos::run([] {
    say("ready");
    gos::sleep(60s);
  });
}

// Gets what comes; the third SIGINT meets nobody.
int registered() {
  return gos::run([] {
    auto signals = gos::make_chan<int>(4);
    gos::notify(signals, SIGINT, SIGTERM, SIGHUP);
    say("ready");
    for (int i = 0; i < 3; ++i) {
      std::printf("got %d\n", signals.recv().value());
      std::fflush(stdout);
    }
    gos::stop_notify(signals);
    say("stopped");
    gos::sleep(60s);
  });
}

int context() {
  return gos::run([] {
    auto [ctx, stop] = gos::notify_context(gos::background(), SIGINT);
    say("ready");
    ctx.done().recv();
    std::printf("over: %s\n", gos::cause(ctx).message().c_str());
    for (int i = 0; i < 10; ++i) std::raise(SIGINT);
    say("still here");
    stop();
    say("stopped");
    gos::sleep(60s);
  });
}

// A registration keeps nothing alive, also where nobody ever called gos::run.
int ends() {
  auto signals = gos::make_chan<int>(1);
  gos::notify(signals);
  gos::notify(signals, SIGTERM);
  gos::run([] { gos::sleep(1ms); });
  return 7;
}

// The runtime has been started, and runs a goroutine that never enters it.
int own_quit() {
  return gos::run([] {
    ::signal(SIGQUIT, [](int) {
      [[maybe_unused]] auto written = ::write(1, "mine\n", 5);
      ::_exit(7);
    });
    static std::atomic<bool> computing{false};
    gos::go([] {
      computing = true;
      for (;;) computing.load();
    });
    while (!computing) gos::yield();
    say("ready");
    gos::sleep(60s);
  });
}

}  // namespace

int main(int argc, char** argv) {
  // Who starts programs in the background may have had them ignored.
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  return run_mode({{"unregistered", unregistered},
                   {"registered", registered},
                   {"context", context},
                   {"ends", ends},
                   {"own-quit", own_quit}},
                  argc, argv);
}
