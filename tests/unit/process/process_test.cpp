// process: programs that are started, fed, waited for, killed, dropped; and that nothing of them stays behind.
#include "fixture.hpp"

#include <gossamer/process.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>

namespace {

using namespace gos_test;
namespace process = gos::process;
using process::stream;

template <class T> T must(gos::result<T> r) {
  if (!r) throw std::runtime_error(r.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}
template <class T> std::string message_of(const gos::result<T>& r) {
  return r ? "(no error)" : r.error().message();
}

process::command shell(std::string script) { return {.arguments = {"/bin/sh", "-c", std::move(script)}}; }

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) ++count;
  }
  return count;
}

// Does this process have a child that is alive, or a zombie?
bool has_children() {
  siginfo_t info;
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

template <class F> void on_thread_and_goroutine(F&& body) {
  body();
  gos::run([&] { body(); });
  EXPECT_TRUE(eventually([] { return !has_children(); }));
}

TEST(Process, RunsAProgramToItsEnd) {
  on_thread_and_goroutine([] {
    EXPECT_EQ(must(process::run({.arguments = {"true"}})).to_string(), "exit status 0");
    const auto status = must(process::run(shell("exit 7")));
    EXPECT_FALSE(status.success());
    EXPECT_EQ(status.code(), 7);
    EXPECT_EQ(status.to_string(), "exit status 7");
    const auto killed = must(process::run(shell("kill -TERM $$")));
    EXPECT_EQ(killed.code(), -1);
    EXPECT_EQ(killed.signal(), SIGTERM);
    EXPECT_EQ(killed.to_string(), "signal: terminated");
  });
}

TEST(Process, SaysWhatIsWrong) {
  const auto why = [](const process::command& what) { return message_of(process::start(what)); };
  on_thread_and_goroutine([&] {
    const int before = open_descriptors();
    EXPECT_EQ(why({.arguments = {"/no/such"}}), "fork/exec /no/such: no such file or directory");
    EXPECT_EQ(why({.arguments = {"/etc/passwd"}, .out = stream::pipe()}),
              "fork/exec /etc/passwd: permission denied");
    EXPECT_EQ(why({.arguments = {"nosuchprogram"}}),
              "exec: \"nosuchprogram\": executable file not found in $PATH");
    EXPECT_EQ(why({}), "exec: no command");
    EXPECT_EQ(why({.arguments = {"true"}, .directory = "/no/such"}),
              "chdir /no/such: no such file or directory");
    EXPECT_EQ(why({.arguments = {"true", std::string("a\0b", 3)}}).substr(0, 10), "fork/exec ");
    EXPECT_EQ(why({.arguments = {"true"}, .out = stream::descriptor(1000)}).substr(0, 10), "fork/exec ");
    EXPECT_EQ(why({.arguments = {"true"}, .out = stream::output()}),
              "start: only errors can lead where output does");
    EXPECT_EQ(process::start({.arguments = {"/no/such"}}).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_FALSE(has_children());
  });
}

TEST(Process, CollectsWhatAProgramWrites) {
  on_thread_and_goroutine([] {
    auto both = must(process::output(shell("echo out; echo err >&2; exit 3")));
    EXPECT_EQ(both.out, "out\n");
    EXPECT_EQ(both.err, "err\n");
    EXPECT_EQ(both.status.code(), 3);
    auto combined = shell("echo a; echo b >&2; echo c");
    combined.err = stream::output();
    EXPECT_EQ(must(process::output(combined)).out, "a\nb\nc\n");
    // Much more than the pipes hold, on both at once.
    auto much = must(
        process::output(shell("i=0; while [ $i -lt 4000 ]; do echo 0123456789012345678901234567890123456789; "
                              "echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done")));
    EXPECT_EQ(much.out.size(), 4000U * 41);
    EXPECT_EQ(much.err, much.out);
    EXPECT_EQ(must(process::output({.arguments = {"cat"}})).out, "");  // its input is empty
    const std::string text(1 << 20, 'x');
    EXPECT_EQ(must(process::output({.arguments = {"cat"}, .in = stream::text(text)})).out, text);
  });
}

TEST(Process, TalksThroughPipes) {
  on_thread_and_goroutine([] {
    auto cat = must(process::start({.arguments = {"cat"}, .in = stream::pipe(), .out = stream::pipe()}));
    char buffer[8];
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(must(cat.in().write_all("line\n")), 5U);
      EXPECT_EQ(must(cat.out().read_some(buffer)), 5U);
    }
    must(cat.out().set_deadline(gos::now() + 10ms));
    EXPECT_EQ(message_of(cat.out().read_some(buffer)), "read |0: i/o timeout");
    must(cat.out().set_deadline({}));
    EXPECT_EQ(message_of(cat.err().read_some(buffer)), "invalid argument");  // no pipe
    must(cat.in().close());
    EXPECT_EQ(must(cat.out().read_some(buffer)), 0U);
    EXPECT_TRUE(must(cat.wait()).success());
    EXPECT_EQ(message_of(cat.in().write_all("x")), "write |1: file already closed");
    EXPECT_EQ(message_of(cat.in().close()), "close |1: file already closed");
  });
}

// No SIGPIPE; nor is one that the program has asked for taken away.
TEST(Process, WritingToAProgramThatIsGoneIsAnError) {
  on_thread_and_goroutine([] {
    auto gone = must(process::start({.arguments = {"true"}, .in = stream::pipe()}));
    must(gone.wait());
    const auto r = gone.in().write_all("x");
    EXPECT_EQ(message_of(r), "write |1: broken pipe");
    EXPECT_EQ(r.error(), std::errc::broken_pipe);
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
  });
}

TEST(Process, ClosingAPipeWakesItsReader) {
  gos::run([] {
    auto cat = must(process::start({.arguments = {"cat"}, .in = stream::pipe(), .out = stream::pipe()}));
    auto reading = gos::spawn([&] { return message_of(cat.out().read_all()); });
    ASSERT_TRUE(blocked("IO wait"));
    must(cat.out().close());
    EXPECT_EQ(reading.join(), "read |0: file already closed");
  });
}

TEST(Process, GetsItsArgumentsEnvironmentAndDirectory) {
  on_thread_and_goroutine([] {
    auto what = shell("echo \"$0:$1:$ONE:$HOME\"; pwd");
    what.arguments.insert(what.arguments.end(), {"zero", "a b * $x"});
    what.environment = {"ONE=1"};
    what.directory = "/usr/bin";
    EXPECT_EQ(must(process::output(what)).out, "zero:a b * $x:1:\n/usr/bin\n");
    EXPECT_EQ(must(process::output({.arguments = {"other name", "-c", "echo $0"}, .program = "sh"})).out,
              "other name\n");
    // From where it begins.
    EXPECT_TRUE(must(process::run({.arguments = {"./true"}, .directory = "/usr/bin"})).success());
    EXPECT_EQ(must(process::look_path("sh")).front(), '/');
    EXPECT_EQ(must(process::look_path("a/b")), "a/b");
  });
}

TEST(Process, StreamsLeadToDescriptors) {
  on_thread_and_goroutine([] {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    auto what = shell("echo one; echo two >&2");
    what.out = what.err = stream::descriptor(ends[1]);
    EXPECT_TRUE(must(process::run(what)).success());
    ::close(ends[1]);
    char buffer[64] = {};
    EXPECT_EQ(::read(ends[0], buffer, sizeof buffer), 8);
    EXPECT_STREQ(buffer, "one\ntwo\n");
    ::close(ends[0]);
    what.out = stream::pipe();
    what.err = stream::null();
    auto made = must(process::start(what));
    EXPECT_EQ(must(made.out().read_all()), "one\n");
    must(made.wait());
  });
}

// Nothing of ours is open in the child: not the pipes of its siblings, and so each sees its own end of file.
TEST(Process, InheritsNothingOfOurs) {
  gos::run([] {
    std::vector<process::child> siblings;
    for (int i = 0; i < 5; ++i) {
      siblings.push_back(
          must(process::start({.arguments = {"cat"}, .in = stream::pipe(), .out = stream::pipe()})));
    }
    int given = 3;  // and what this process was given itself
    for (int fd = 3; fd < 1024; ++fd) given += ::fcntl(fd, F_GETFD) == 0 ? 1 : 0;
    const std::string open = must(process::output(shell("echo /proc/self/fd/*"))).out;
    EXPECT_EQ(std::count(open.begin(), open.end(), '/'), 4 * (given + 1))
        << open;  // the last is the shell's own look
    for (auto& each : siblings) {
      must(each.in().close());
      EXPECT_TRUE(must(each.wait()).success());
    }
  });
}

TEST(Process, WaitsWithLimits) {
  on_thread_and_goroutine([] {
    auto sleeper = must(process::start({.arguments = {"sleep", "1000"}}));
    EXPECT_GT(sleeper.id(), 0);
    const auto late = sleeper.wait_for(5ms);
    EXPECT_EQ(message_of(late), "wait: i/o timeout");
    EXPECT_EQ(late.error(), std::errc::timed_out);
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 5ms);
    EXPECT_EQ(sleeper.wait(ctx).error().code(), gos::context_errc::deadline_exceeded);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(sleeper.wait(stop.get_token()).error(), std::errc::operation_canceled);
    EXPECT_EQ(::kill(sleeper.id(), 0), 0);  // it goes on
    must(sleeper.kill());
    EXPECT_EQ(must(sleeper.wait()).to_string(), "signal: killed");
    EXPECT_EQ(must(sleeper.wait_for(1h)).signal(), SIGKILL);
    EXPECT_EQ(message_of(sleeper.kill()), "os: process already finished");
    EXPECT_EQ(sleeper.signal(SIGTERM).error(), std::errc::no_such_process);
  });
}

TEST(Process, ManyWaitForOne) {
  gos::run([] {
    auto cat = must(process::start({.arguments = {"cat"}, .in = stream::pipe()}));
    gos::wait_group all;
    std::atomic<int> seen{0};
    for (int i = 0; i < 10; ++i) all.go([&] { seen += must(cat.wait()).success() ? 1 : 0; });
    ASSERT_TRUE(blocked("IO wait", 10));
    must(cat.in().close());
    all.wait();
    EXPECT_EQ(seen, 10);
  });
}

TEST(Process, AContextThatIsOverKillsIt) {
  on_thread_and_goroutine([] {
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    auto sleeper = must(process::start({.arguments = {"sleep", "1000"}}, ctx));
    cancel();
    EXPECT_EQ(must(sleeper.wait()).signal(), SIGKILL);
    EXPECT_EQ(message_of(process::start({.arguments = {"true"}}, ctx)), "true: context canceled");
    const auto [soon, end] = gos::with_timeout(gos::background(), 20ms);
    const auto r = process::run({.arguments = {"sleep", "1000"}}, soon);
    EXPECT_EQ(message_of(r), "sleep: context deadline exceeded");
    EXPECT_EQ(r.error(), std::errc::timed_out);
    // Afterwards it does no harm.
    const auto [late, cancel_late] = gos::with_cancel(gos::background());
    auto done = must(process::start({.arguments = {"true"}}, late));
    EXPECT_TRUE(must(done.wait()).success());
    cancel_late();
    EXPECT_TRUE(must(done.wait()).success());
  });
}

// What the killed one has started keeps the pipes; nobody waits for that. With a group of its own it is killed, too.
TEST(Process, AContextEndsTheCollectingAndTheGroup) {
  gos::run([] {
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 50ms);
    auto what = shell("sleep 1000 & echo $!; wait");
    what.new_group = true;
    auto leader = must(process::start([&] {
      auto piped = what;
      piped.out = stream::pipe();
      return piped;
    }()));
    char buffer[32] = {};
    must(leader.out().read_some(buffer));
    const int grandchild = std::atoi(buffer);
    EXPECT_EQ(::kill(grandchild, 0), 0);
    must(leader.kill());
    EXPECT_EQ(must(leader.out().read_all()), "");  // all that had the pipe are gone
    EXPECT_EQ(must(leader.wait()).signal(), SIGKILL);
    EXPECT_EQ(message_of(process::output(shell("sleep 2 & echo here; exec sleep 1000"), ctx)),
              "/bin/sh: context deadline exceeded");
  });
}

TEST(Process, DroppedOnesAreNoZombies) {
  on_thread_and_goroutine([] {
    const int before = open_descriptors();
    {
      auto running = must(process::start({.arguments = {"cat"}, .in = stream::pipe()}));
      auto ended = must(process::start({.arguments = {"true"}}));
      EXPECT_TRUE(eventually([&] {
        siginfo_t info;
        info.si_pid = 0;
        return ::waitid(P_PID, static_cast<id_t>(ended.id()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid != 0;
      }));
    }
    EXPECT_TRUE(eventually([] { return !has_children(); }));
    EXPECT_TRUE(eventually([&] { return open_descriptors() <= before; }));
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    must(process::start({.arguments = {"sleep", "1000"}}, ctx));  // dropped: the context keeps its hold
    cancel();
    EXPECT_TRUE(eventually([] { return !has_children(); }));
  });
}

TEST(Process, SomebodyElseTakesLeaveOfIt) {
  auto taken = must(process::start({.arguments = {"true"}}));
  int status = 0;
  ASSERT_EQ(::waitpid(taken.id(), &status, 0), taken.id());
  EXPECT_EQ(message_of(taken.wait()), "waitid: no child processes");
}

TEST(Process, MovedFromHandlesFail) {
  process::child none;
  EXPECT_EQ(none.wait().error(), std::errc::invalid_argument);
  EXPECT_EQ(none.kill().error(), std::errc::invalid_argument);
  EXPECT_EQ(none.id(), -1);
  auto one = must(process::start({.arguments = {"sleep", "1000"}}));
  none = std::move(one);
  EXPECT_EQ(one.id(), -1);
  must(none.kill());
  none = must(process::start({.arguments = {"true"}}));
  must(none.wait());
}

TEST(Process, OutOfDescriptorsIsSaidAndLeavesNothing) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string for_pidfd =
      message_of(process::start({.arguments = {"/bin/sleep", "1000"}, .in = stream::inherit()}));
  const std::string for_pipe = message_of(process::output({.arguments = {"/bin/true"}}));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(for_pidfd, "pidfd_open: too many open files");
  EXPECT_EQ(for_pipe, "pipe2: too many open files");
  EXPECT_TRUE(eventually([] { return !has_children(); }));
}

// Starts in a row and at once, among goroutines that run: nothing remains.
TEST(Process, ThousandsOfStartsLeaveNothing) {
  time_limit(110s);
  gos::run([] {
    must(process::run({.arguments = {"true"}}));
    const int before = open_descriptors();
    std::atomic<bool> stop{false};
    gos::wait_group busy, all;
    busy.go([&] {
      while (!stop) gos::yield();
    });
    std::atomic<int> ended{0};
    constexpr int starters = 8;
    const int each = rounds(80);
    for (int i = 0; i < starters; ++i) {
      all.go([&, i] {
        for (int k = 0; k < each; ++k) {
          if ((i + k) % 4 == 0) {
            must(process::start({.arguments = {"/bin/true"}}));  // dropped
          } else if (must(process::output({.arguments = {"/bin/echo", "x"}})).out == "x\n") {
            ++ended;
          }
        }
      });
    }
    all.wait();
    stop = true;
    busy.wait();
    EXPECT_EQ(ended, starters * each - starters * each / 4);
    EXPECT_TRUE(eventually([] { return !has_children(); }));
    EXPECT_TRUE(eventually([&] { return open_descriptors() <= before; }));
  });
}

// Waiting for them holds no thread.
TEST(Process, WaitingHoldsNoThread) {
  const char* debug = std::getenv("GOS_DEBUG");
  if (debug != nullptr && std::string_view(debug) == "nopidfd") return;  // there each process has a thread
  gos::run([] {
    std::vector<process::child> all;
    gos::wait_group waiting;
    const int count = rounds(100);
    for (int i = 0; i < count; ++i) all.push_back(must(process::start({.arguments = {"sleep", "1000"}})));
    for (auto& each : all) waiting.go([&] { EXPECT_EQ(must(each.wait()).signal(), SIGKILL); });
    ASSERT_TRUE(blocked("IO wait", count));
    EXPECT_LE(status_kib("Threads"), gos::runtime::max_procs() + 60);
    for (auto& each : all) must(each.kill());
    waiting.wait();
  });
}

}  // namespace
