// fork in a goroutine: safe up to exec, for the parent and for the child, and a clear end for a child that goes on.
#include "fixture.hpp"

#include <fcntl.h>
#include <sys/wait.h>

namespace {

using namespace gos_test;

struct ended {
  int status = -1;
  std::string err;  // what it wrote to standard error
};

// Forks here and now; `child` is all that happens there.
template <class F> ended forked(F child) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 2);
    child();
    ::_exit(99);
  }
  ::close(ends[1]);
  ended e;
  gos::blocking([&] {
    char buffer[512];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      e.err.append(buffer, static_cast<std::size_t>(got));
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    e.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  });
  ::close(ends[0]);
  return e;
}

TEST(Fork, ManyForkAndExecWhileOthersRunAndPark) {
  time_limit(110s);
  gos::run([] {
    std::atomic<bool> stop{false};
    gos::wait_group others, forkers;
    auto ch = gos::make_chan<int>();
    others.go([&] {
      while (!stop) gos::yield();
    });
    others.go([&] {
      while (!stop) gos::sleep(50us);
    });
    others.go([&] {
      for (int i = 0; !stop; ++i) ch.send(i);
      ch.close();
    });
    others.go([&] {
      for (int i : ch) static_cast<void>(std::vector<int>(static_cast<std::size_t>(i % 1000)));
    });
    std::atomic<int> good{0};
    for (int i = 0; i < 6; ++i) {
      forkers.go([&, i] {
        for (int k = 0; k < rounds(15); ++k) {
          const ended e = forked([&] {
            const char* const arguments[] = {"sh", "-c", i % 2 == 0 ? "exit 3" : "exit 4", nullptr};
            ::execv("/bin/sh", const_cast<char**>(arguments));
          });
          if (e.status == (i % 2 == 0 ? 3 : 4)) ++good;
          gos::yield();
        }
      });
    }
    forkers.wait();
    stop = true;
    others.wait();
    EXPECT_EQ(good, 6 * rounds(15));
  });
}

TEST(Fork, AChildThatGoesOnIsTold) {
  const std::string told =
      "fatal error: gossamer in the child of a fork: nothing runs there; only exec or _exit may follow "
      "(docs/processes.md)\n";
  gos::run([&] {
    auto ch = gos::make_chan<int>();
    for (const ended& e : {forked([] { gos::sleep(1ms); }), forked([] { gos::yield(); }),
                           forked([&] { ch.recv(); }), forked([] { gos::go([] {}); })}) {
      EXPECT_EQ(e.status, 2);
      EXPECT_EQ(e.err, told);
    }
  });
  // From a plain thread, too.
  EXPECT_EQ(forked([] { gos::sleep(1ms); }).err, told);
}

// The parent's threads are not waited for by the child's exit handlers.
TEST(Fork, AChildMayExit) {
  gos::run([] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(forked([] { std::quick_exit(5); }).status, 5);
    if constexpr (!sanitized) {
      EXPECT_EQ(forked([] { std::exit(6); }).status, 6);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  });
}

}  // namespace
