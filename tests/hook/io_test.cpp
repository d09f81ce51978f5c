// io: hooked calls on descriptors. The variants: every wake-up on another thread; as on a kernel that cannot try.
#include "hook.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace {

using namespace gos_test;

// Reads up to 8 bytes, or waits until it could; each returns what the call does.
struct reading {
  const char* name;
  bool only_waits;
  long (*read)(int fd, char* buffer);
};

long by_epoll(int fd, int timeout_ms) {
  const int queue = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  EXPECT_EQ(::epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event), 0);
  epoll_event ready[4];
  const long found = ::epoll_wait(queue, ready, 4, timeout_ms);
  if (found > 0) EXPECT_EQ(ready[0].data.fd, fd);
  ::close(queue);
  return found;
}

long by_select(int fd, timeval* timeout) {
  fd_set wanted;
  FD_ZERO(&wanted);
  FD_SET(fd, &wanted);
  const long found = ::select(fd + 1, &wanted, nullptr, nullptr, timeout);
  EXPECT_EQ(FD_ISSET(fd, &wanted) != 0, found == 1);
  return found;
}

const reading readings[] = {
    {"read", false, [](int fd, char* to) -> long { return ::read(fd, to, 8); }},
    {"readv", false,
     [](int fd, char* to) -> long {
       const iovec pieces[] = {{to, 3}, {to + 3, 5}};
       return ::readv(fd, pieces, 2);
     }},
    {"recv", false, [](int fd, char* to) -> long { return ::recv(fd, to, 8, 0); }},
    {"recvfrom", false,
     [](int fd, char* to) -> long {
       sockaddr_storage from;
       socklen_t size = sizeof from;
       return ::recvfrom(fd, to, 8, 0, reinterpret_cast<sockaddr*>(&from), &size);
     }},
    {"recvmsg", false,
     [](int fd, char* to) -> long {
       iovec piece{to, 8};
       msghdr message{};
       message.msg_iov = &piece;
       message.msg_iovlen = 1;
       return ::recvmsg(fd, &message, 0);
     }},
    {"poll", true,
     [](int fd, char*) -> long {
       pollfd asked{fd, POLLIN, 0};
       return ::poll(&asked, 1, -1);
     }},
    {"ppoll of two", true,
     [](int fd, char*) -> long {
       pollfd asked[] = {{-1, POLLIN, 0}, {fd, POLLIN, 0}, {fd, POLLPRI, 0}};
       return ::ppoll(asked, 3, nullptr, nullptr);
     }},
    {"select", true, [](int fd, char*) { return by_select(fd, nullptr); }},
    {"pselect", true,
     [](int fd, char*) -> long {
       fd_set wanted;
       FD_ZERO(&wanted);
       FD_SET(fd, &wanted);
       return ::pselect(fd + 1, &wanted, nullptr, nullptr, nullptr, nullptr);
     }},
    {"epoll_wait", true, [](int fd, char*) { return by_epoll(fd, -1); }},
};

TEST(HookedIo, StandsBeforeTheCallsOfSharedLibraries) { EXPECT_TRUE(gos::hook::installed()); }

TEST(HookedIo, WhoWaitsForDataHoldsNoThread) {
  const int before = thread_count();
  for (const reading& r : readings) {
    SCOPED_TRACE(r.name);
    constexpr int count = 40;
    std::vector<descriptors> pairs;
    for (int i = 0; i < count; ++i) pairs.push_back(descriptors::sockets());
    std::atomic<int> right{0};
    gos::wait_group all;
    for (const descriptors& pair : pairs) {
      all.go([&] {
        char got[8] = {};
        set_errno_here(EXDEV);
        const long result = r.read(pair.fd[0], got);
        if (r.only_waits ? result == 1 : result == 5 && std::string_view(got, 5) == "hello") ++right;
        EXPECT_EQ(errno_here(), EXDEV) << "a call that succeeds changes it";
        EXPECT_EQ(::fcntl(pair.fd[0], F_GETFL) & O_NONBLOCK, 0);
      });
    }
    EXPECT_TRUE(blocked("IO wait", count));
    EXPECT_LE(thread_count(), few_more(before));
    for (const descriptors& pair : pairs) pair.put("hello");
    all.wait();
    EXPECT_EQ(right, count);
  }
}

TEST(HookedIo, ReadsPipesFilesAndTheEndsOfBoth) {
  on_goroutine([] {
    descriptors p = descriptors::pipe();
    gos::wait_group writer;
    writer.go([&] {
      ::usleep(1000);
      p.put("hello");
      p.end(1);
    });
    char got[8];
    EXPECT_EQ(::read(p.fd[0], got, sizeof got), 5);
    EXPECT_EQ(::read(p.fd[0], got, sizeof got), 0);
    writer.wait();

    const int proc = ::open("/proc/self/stat", O_RDONLY);
    EXPECT_GT(::read(proc, got, sizeof got), 0);
    ::close(proc);

    char name[] = "/tmp/gossamer_hook_XXXXXX";
    const int file = ::mkstemp(name);
    ::unlink(name);
    const std::string text(1 << 20, 'x');
    EXPECT_EQ(::write(file, text.data(), text.size()), static_cast<long>(text.size()));
    EXPECT_EQ(::lseek(file, 0, SEEK_SET), 0);
    std::string back(text.size() + 1, '\0');
    EXPECT_EQ(::read(file, back.data(), back.size()), static_cast<long>(text.size()));
    EXPECT_EQ(::read(file, back.data(), back.size()), 0);
    ::close(file);
  });
}

// Everything that a blocking write puts arrives, in order, whatever the room.
TEST(HookedIo, ABlockingWriteWritesAll) {
  using writing = long (*)(int fd, char* data, std::size_t size);
  const writing writings[] = {
      [](int fd, char* data, std::size_t size) -> long { return ::write(fd, data, size); },
      [](int fd, char* data, std::size_t size) -> long {
        const iovec pieces[] = {{data, 7}, {nullptr, 0}, {data + 7, size / 2}, {data + 7 + size / 2, size - size / 2 - 7}};
        return ::writev(fd, pieces, 4);
      },
      [](int fd, char* data, std::size_t size) -> long { return ::send(fd, data, size, 0); },
      [](int fd, char* data, std::size_t size) -> long {
        iovec pieces[] = {{data, size / 3}, {data + size / 3, size - size / 3}};
        msghdr message{};
        message.msg_iov = pieces;
        message.msg_iovlen = 2;
        return ::sendmsg(fd, &message, 0);
      },
  };
  for (int i = 0; i < 6; ++i) {
    SCOPED_TRACE(i);
    descriptors pair = i < 2 ? descriptors::pipe() : descriptors::sockets();
    std::string text(700'001, '\0');
    std::mt19937_64 random = rng();
    for (char& c : text) c = static_cast<char>(random());
    gos::wait_group writer;
    writer.go([&] {
      const long written = writings[i < 2 ? i : i - 2](pair.fd[1], text.data(), text.size());
      EXPECT_EQ(written, static_cast<long>(text.size()));
      pair.end(1);
    });
    EXPECT_TRUE(blocked("IO wait"));
    std::string back;
    on_goroutine([&] {
      std::string block(50'000, '\0');
      for (long got; (got = ::read(pair.fd[0], block.data(), block.size())) > 0;) {
        back.append(block.data(), static_cast<std::size_t>(got));
      }
    });
    writer.wait();
    EXPECT_EQ(back, text);
  }
}

TEST(HookedIo, AWriteThatFailsInTheMiddleSaysHowMuchWent) {
  ::signal(SIGPIPE, SIG_IGN);
  descriptors pair = descriptors::sockets();
  gos::wait_group writer;
  writer.go([&] {
    const std::string text(1 << 22, 'x');
    const long written = ::write(pair.fd[1], text.data(), text.size());
    EXPECT_GT(written, 0);
    EXPECT_LT(written, static_cast<long>(text.size()));
    set_errno_here(0);
    EXPECT_EQ(::write(pair.fd[1], "x", 1), -1);
    EXPECT_EQ(errno_here(), EPIPE);
  });
  EXPECT_TRUE(blocked("IO wait"));
  pair.end(0);
  writer.wait();
}

TEST(HookedIo, FlagsOfReceive) {
  on_goroutine([] {
    const descriptors pair = descriptors::sockets();
    char got[8] = {};
    EXPECT_EQ(::recv(pair.fd[0], got, 8, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno_here(), EAGAIN);
    gos::wait_group writer;
    writer.go([&] {
      for (const char* text : {"ab", "cd", "efgh"}) {
        ::usleep(2000);
        pair.put(text);
      }
    });
    EXPECT_EQ(::recv(pair.fd[0], got, 8, MSG_WAITALL), 8);
    EXPECT_EQ(std::string_view(got, 8), "abcdefgh");
    writer.wait();
    pair.put("xy");
    EXPECT_EQ(::recv(pair.fd[0], got, 8, MSG_PEEK), 2);
    EXPECT_EQ(::recv(pair.fd[0], got, 1, 0), 1);
    EXPECT_EQ(::recv(pair.fd[0], got, 1, 0), 1);
  });
}

TEST(HookedIo, DatagramsKeepTheirLimits) {
  on_goroutine([] {
    const descriptors pair = descriptors::sockets(SOCK_DGRAM);
    gos::wait_group sender;
    sender.go([&] {
      const std::string text(1000, 'x');
      for (int i = 0; i < 2000; ++i) EXPECT_EQ(::send(pair.fd[1], text.data(), text.size(), 0), 1000);
    });
    char got[2000];
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(::read(pair.fd[0], got, sizeof got), 1000);
    sender.wait();
  });
}

TEST(HookedIo, NonblockingStaysSo) {
  on_goroutine([] {
    const descriptors pair = descriptors::sockets();
    ASSERT_EQ(::fcntl(pair.fd[0], F_SETFL, O_NONBLOCK), 0);
    char got[8];
    for (const reading& r : readings) {
      if (r.only_waits) continue;
      SCOPED_TRACE(r.name);
      set_errno_here(0);
      EXPECT_EQ(r.read(pair.fd[0], got), -1);
      EXPECT_EQ(errno_here(), EAGAIN);
    }
    const std::string text(1 << 22, 'x');
    const long written = ::write(pair.fd[0], text.data(), text.size());
    EXPECT_GT(written, 0);
    EXPECT_LT(written, static_cast<long>(text.size()));
    EXPECT_EQ(::write(pair.fd[0], "x", 1), -1);
    EXPECT_EQ(errno_here(), EAGAIN);
    EXPECT_EQ(::accept(pair.fd[0], nullptr, nullptr), -1);
  });
}

TEST(HookedIo, TimeLimits) {
  on_goroutine([] {
    const descriptors pair = descriptors::sockets();
    set_timeout(pair.fd[0], SO_RCVTIMEO, 20ms);
    set_timeout(pair.fd[0], SO_SNDTIMEO, 20ms);
    char got[8];
    for (const reading& r : readings) {
      if (r.only_waits) continue;
      SCOPED_TRACE(r.name);
      EXPECT_GE(duration_of([&] {
                  set_errno_here(0);
                  EXPECT_EQ(r.read(pair.fd[0], got), -1);
                  EXPECT_EQ(errno_here(), EAGAIN);
                }),
                20ms);
    }
    const std::string text(1 << 22, 'x');
    EXPECT_GE(duration_of([&] {
                const long written = ::send(pair.fd[0], text.data(), text.size(), 0);
                EXPECT_GT(written, 0);
                EXPECT_LT(written, static_cast<long>(text.size()));
                EXPECT_EQ(::send(pair.fd[0], text.data(), text.size(), 0), -1);
                EXPECT_EQ(errno_here(), EAGAIN);
              }),
              40ms);

    pollfd asked[] = {{pair.fd[0], POLLIN, 0}, {pair.fd[1], POLLPRI, 0}};
    EXPECT_GE(duration_of([&] { EXPECT_EQ(::poll(asked, 1, 20), 0); }), 20ms);
    EXPECT_GE(duration_of([&] { EXPECT_EQ(::poll(asked, 2, 20), 0); }), 20ms);
    EXPECT_GE(duration_of([&] { EXPECT_EQ(::poll(nullptr, 0, 20), 0); }), 20ms);
    EXPECT_GE(duration_of([&] { EXPECT_EQ(by_epoll(pair.fd[0], 20), 0); }), 20ms);
    timeval left{.tv_sec = 0, .tv_usec = 20'000};
    EXPECT_GE(duration_of([&] { EXPECT_EQ(by_select(pair.fd[0], &left), 0); }), 20ms);
    EXPECT_EQ(left.tv_sec * 1'000'000 + left.tv_usec, 0);
    left = {.tv_sec = 100, .tv_usec = 0};
    EXPECT_EQ(by_select(pair.fd[0], &(left = {.tv_sec = 0, .tv_usec = 0})), 0);
    pair.put("x");
    left = {.tv_sec = 100, .tv_usec = 0};
    EXPECT_EQ(by_select(pair.fd[0], &left), 1);
    EXPECT_GT(left.tv_sec, 50);
  });
}

TEST(HookedIo, PollOfMany) {
  on_goroutine([] {
    constexpr int count = 100;
    std::vector<descriptors> pipes;
    std::vector<pollfd> asked;
    for (int i = 0; i < count; ++i) pipes.push_back(descriptors::pipe());
    for (const descriptors& p : pipes) asked.push_back({p.fd[0], POLLIN, 0});
    for (int round = 0; round < 20; ++round) {
      const int chosen = round * 5 % count;
      gos::wait_group writer;
      writer.go([&] { pipes[chosen].put("x"); });
      EXPECT_EQ(::poll(asked.data(), count, -1), 1);
      for (int i = 0; i < count; ++i) EXPECT_EQ(asked[i].revents, i == chosen ? POLLIN : 0);
      writer.wait();
      char c;
      EXPECT_EQ(::read(pipes[chosen].fd[0], &c, 1), 1);
    }
    // An epoll inside, asked for by poll.
    const int queue = ::epoll_create1(0);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 7}};
    EXPECT_EQ(::epoll_ctl(queue, EPOLL_CTL_ADD, pipes[0].fd[0], &event), 0);
    pollfd both[] = {{queue, POLLIN, 0}, {pipes[1].fd[0], POLLIN, 0}};
    gos::wait_group writer;
    writer.go([&] { pipes[0].put("x"); });
    EXPECT_EQ(::poll(both, 2, -1), 1);
    EXPECT_EQ(both[0].revents, POLLIN);
    writer.wait();
    ::close(queue);
  });
}

TEST(HookedIo, ClosingEndsTheWaitsOfOthers) {
  for (const bool by_thread : {false, true}) {
    for (const bool by_dup2 : {false, true}) {
      SCOPED_TRACE(by_thread);
      constexpr int count = 10;
      descriptors pair = descriptors::sockets();
      const int fd = pair.fd[0];
      gos::wait_group all;
      for (int i = 0; i < count; ++i) {
        all.go([&, i] {
          char got[8];
          if (i == 0) {
            pollfd asked{fd, POLLIN, 0};
            EXPECT_EQ(::poll(&asked, 1, -1), 1);
            EXPECT_EQ(asked.revents, POLLNVAL);
            return;
          }
          set_errno_here(0);
          EXPECT_EQ(::recv(fd, got, 8, 0), -1);
          EXPECT_EQ(errno_here(), EBADF);
        });
      }
      EXPECT_TRUE(blocked("IO wait", count));
      const int end_of_file = ::open("/dev/null", O_RDONLY);
      const auto end = [&] {
        if (!by_dup2) return pair.end(0);
        EXPECT_EQ(::dup2(end_of_file, fd), fd);
      };
      if (by_thread) {
        std::thread(end).join();
      } else {
        on_goroutine(end);
      }
      all.wait();
      ::close(end_of_file);
    }
  }
}

TEST(HookedIo, ClosingADuplicateEndsNothing) {
  descriptors pair = descriptors::sockets();
  const int other = ::dup(pair.fd[0]);
  gos::wait_group reader;
  reader.go([&] {
    char got[8];
    EXPECT_EQ(::recv(other, got, 8, 0), 1);
  });
  EXPECT_TRUE(blocked("IO wait"));
  on_goroutine([&] { pair.end(0); });
  pair.put("x");
  reader.wait();
  ::close(other);
}

// A library's compiler looks the address of errno up once: a failure is told on the thread of the call.
TEST(HookedIo, ErrnoIsRightWhereverTheCompilerKeepsIt) {
  constexpr int count = 50;
  std::atomic<int> wrong{0};
  for (int round = 0; round < rounds(5); ++round) {
    gos::wait_group all;
    std::vector<descriptors> pairs;
    for (int i = 0; i < count; ++i) pairs.push_back(descriptors::sockets());
    for (int i = 0; i < count; ++i) {
      all.go([&, fd = pairs[i].fd[0]] {
        char got[8];
        int* const place = &errno;  // as a compiler may
        set_errno_here(0);
        if (::recv(fd, got, 8, 0) != -1 || *place != EBADF) ++wrong;
      });
    }
    EXPECT_TRUE(blocked("IO wait", count));
    on_goroutine([&] {
      for (descriptors& pair : pairs) {
        pair.end(0);
        gos::yield();
      }
    });
    all.wait();
  }
  EXPECT_LE(wrong, count * rounds(5) / 5) << "a thread that has no CPU for long is not waited for";
}

std::atomic<int> signals_seen{0};

TEST(HookedIo, SignalsDoNotEndAWait) {
  struct sigaction action {};
  action.sa_handler = [](int) { signals_seen.fetch_add(1); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);  // without SA_RESTART
  std::atomic<bool> stop{false};
  std::thread storm([&] {
    while (!stop) {
      ::kill(::getpid(), SIGUSR1);
      ::usleep(200);
    }
  });
  on_goroutine([] {
    const descriptors pair = descriptors::sockets();
    gos::wait_group writer;
    writer.go([&] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(::usleep(500), 0);
        EXPECT_EQ(::write(pair.fd[1], "x", 1), 1);
      }
    });
    char got;
    pollfd asked{pair.fd[0], POLLIN, 0};
    for (int i = 0; i < 50; ++i) {
      if (i % 2 == 0) EXPECT_EQ(::poll(&asked, 1, -1), 1);
      EXPECT_EQ(::recv(pair.fd[0], &got, 1, 0), 1);
    }
    writer.wait();
  });
  EXPECT_TRUE(eventually([] { return signals_seen > 10; }));
  stop = true;
  storm.join();
  ::signal(SIGUSR1, SIG_DFL);
}

TEST(HookedIo, SleepsTakeTheirTimeAndNoThread) {
  const int before = thread_count();
  constexpr int count = 200;
  gos::wait_group all;
  for (int i = 0; i < count; ++i) {
    all.go([i] {
      EXPECT_GE(duration_of([i] {
                  const timespec d{.tv_sec = 0, .tv_nsec = 30'000'000};
                  timespec when{};
                  switch (i % 5) {
                    case 0: EXPECT_EQ(::usleep(30'000), 0); break;
                    case 1: EXPECT_EQ(::nanosleep(&d, nullptr), 0); break;
                    case 2: EXPECT_EQ(::clock_nanosleep(CLOCK_REALTIME, 0, &d, nullptr), 0); break;
                    case 3:
                      ::clock_gettime(CLOCK_MONOTONIC, &when);
                      when.tv_nsec += 30'000'000;
                      if (when.tv_nsec >= 1'000'000'000) when = {when.tv_sec + 1, when.tv_nsec - 1'000'000'000};
                      EXPECT_EQ(::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr), 0);
                      break;
                    default: std::this_thread::sleep_for(30ms);
                  }
                }),
                30ms);
    });
  }
  EXPECT_LE(thread_count(), few_more(before));
  all.wait();
  on_goroutine([] {
    const timespec bad{.tv_sec = 0, .tv_nsec = 1'000'000'000};
    EXPECT_EQ(::nanosleep(&bad, nullptr), -1);
    EXPECT_EQ(errno_here(), EINVAL);
    EXPECT_EQ(::sleep(0), 0u);
  });
}

TEST(HookedIo, PlainThreadsWaitAsEver) {
  const descriptors pair = descriptors::sockets();
  set_timeout(pair.fd[0], SO_RCVTIMEO, 20ms);
  char got[8];
  EXPECT_GE(duration_of([&] {
              EXPECT_EQ(::recv(pair.fd[0], got, 8, 0), -1);
              EXPECT_EQ(errno_here(), EAGAIN);
            }),
            10ms);
  gos::wait_group writer;
  writer.go([&] { pair.put("hello"); });
  writer.wait();
  EXPECT_EQ(::read(pair.fd[0], got, 8), 5);
}

// Errors are the system's, and come at once.
TEST(HookedIo, WhatCannotBeIsSaid) {
  on_goroutine([] {
    const descriptors pair = descriptors::sockets();
    const int closed = ::dup(pair.fd[0]);
    ::close(closed);
    char got[8];
    for (const reading& r : readings) {
      if (r.only_waits) continue;
      SCOPED_TRACE(r.name);
      set_errno_here(0);
      EXPECT_EQ(r.read(closed, got), -1);
      EXPECT_EQ(errno_here(), EBADF);
    }
    fd_set wanted;
    FD_ZERO(&wanted);
    FD_SET(closed, &wanted);
    EXPECT_EQ(::select(closed + 1, &wanted, nullptr, nullptr, nullptr), -1);
    EXPECT_EQ(errno_here(), EBADF);
    pollfd asked[] = {{closed, POLLIN, 0}, {pair.fd[0], POLLIN, 0}};
    EXPECT_EQ(::poll(asked, 2, -1), 1);
    EXPECT_EQ(asked[0].revents, POLLNVAL);
    EXPECT_EQ(::accept(closed, nullptr, nullptr), -1);
    EXPECT_EQ(errno_here(), EBADF);
    EXPECT_EQ(::close(closed), -1);
    EXPECT_EQ(errno_here(), EBADF);

    const int full = ::open("/dev/full", O_WRONLY);
    EXPECT_EQ(::write(full, "x", 1), -1);
    EXPECT_EQ(errno_here(), ENOSPC);
    EXPECT_EQ(::read(full, got, 8), -1);
    EXPECT_EQ(errno_here(), EBADF) << "it is open for writing";
    ::close(full);
  });
}

// Where there is no descriptor left to watch by, the thread waits.
TEST(HookedIo, WorksWithoutDescriptors) {
  if (asan) GTEST_SKIP() << "UBSan opens a pipe to look at an object, and takes it for broken when it gets none";
  const descriptors pair = descriptors::sockets();
  on_goroutine([] { ::poll(nullptr, 0, 1); });  // the runtime has what it needs
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> all;
  for (int fd; (fd = ::dup(pair.fd[0])) >= 0;) all.push_back(fd);
  gos::wait_group reader;
  reader.go([&] {
    char got[8];
    EXPECT_EQ(::read(pair.fd[0], got, 8), 5);
    pollfd asked[] = {{pair.fd[0], POLLIN, 0}, {pair.fd[1], POLLIN, 0}};
    EXPECT_EQ(::poll(asked, 2, 5), 0);
  });
  ::usleep(20'000);
  pair.put("hello");
  reader.wait();
  for (int fd : all) ::close(fd);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// In the child of a fork nobody would wake a goroutine: its calls are the C library's.
TEST(HookedIo, TheChildOfAForkWaitsByItself) {
  on_goroutine([] {
    const descriptors p = descriptors::pipe();
    const pid_t child = ::fork();
    if (child == 0) {
      char got = 0;
      ::usleep(1000);
      pollfd asked{p.fd[0], POLLIN, 0};
      const bool right = ::poll(&asked, 1, -1) == 1 && ::read(p.fd[0], &got, 1) == 1;
      ::_exit(right ? 7 : 1);
    }
    ::usleep(20'000);
    p.put("x");
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  });
}

}  // namespace
