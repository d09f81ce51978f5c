// wait: waiting for descriptors of one's own.
#include "net_fixture.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace {

using namespace gos_test;

struct pipe_ends {
  int fd[2];
  pipe_ends() { EXPECT_EQ(::pipe(fd), 0); }
  ~pipe_ends() {
    ::close(fd[0]);
    ::close(fd[1]);
  }
};

TEST(Wait, ReturnsAtOnceForWhatIsReady) {
  on_thread_and_goroutine([] {
    pipe_ends p;
    must(gos::net::wait_writable(p.fd[1]));
    ASSERT_EQ(::write(p.fd[1], "x", 1), 1);
    must(gos::net::wait_readable(p.fd[0]));
    const int file = ::open("/proc/self/exe", O_RDONLY);
    must(gos::net::wait_readable(file));
    ::close(file);
  });
}

TEST(Wait, WaitsForDataForEndOfFileAndForRoom) {
  on_thread_and_goroutine([] {
    for (const bool closing : {false, true}) {
      int fd[2];
      ASSERT_EQ(::pipe(fd), 0);
      std::atomic<bool> acted{false};
      gos::wait_group done;
      done.go([&] {
        gos::sleep(20ms);
        acted = true;
        if (closing) {
          ::close(fd[1]);
        } else {
          EXPECT_EQ(::write(fd[1], "x", 1), 1);
        }
      });
      must(gos::net::wait_readable(fd[0]));
      EXPECT_TRUE(acted);
      done.wait();
      ::close(fd[0]);
      if (!closing) ::close(fd[1]);
    }
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    char block[4096] = {};
    while (::send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0) {
    }
    gos::wait_group done;
    done.go([&] {
      gos::sleep(10ms);
      char received[4096];
      while (::recv(pair[1], received, sizeof received, MSG_DONTWAIT) > 0) {
      }
    });
    must(gos::net::wait_writable(pair[0]));
    EXPECT_GT(::send(pair[0], block, 1, MSG_DONTWAIT), 0);
    done.wait();
    ::close(pair[0]);
    ::close(pair[1]);
  });
}

TEST(Wait, SeveralMayWaitForOneDescriptor) {
  gos::run([] {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    gos::wait_group done;
    std::atomic<int> woken{0};
    for (int i = 0; i < 8; ++i) {
      done.go([&] {
        must(gos::net::wait_readable(pair[0]));
        ++woken;
      });
    }
    must(gos::net::wait_writable(pair[0]));
    gos::sleep(10ms);
    EXPECT_EQ(woken, 0);
    EXPECT_EQ(::send(pair[1], "x", 1, 0), 1);
    done.wait();
    EXPECT_EQ(woken, 8);
    ::close(pair[0]);
    ::close(pair[1]);
  });
}

TEST(Wait, DoesNotChangeTheDescriptor) {
  pipe_ends p;
  const int flags = ::fcntl(p.fd[0], F_GETFL);
  std::thread writer([&] {
    ::usleep(5000);
    EXPECT_EQ(::write(p.fd[1], "x", 1), 1);
  });
  must(gos::net::wait_readable(p.fd[0]));
  writer.join();
  EXPECT_EQ(::fcntl(p.fd[0], F_GETFL), flags);
}

TEST(Wait, FailsForWhatIsNoDescriptor) {
  EXPECT_EQ(message_of(gos::net::wait_readable(9999)), "wait: bad file descriptor");
  EXPECT_EQ(gos::net::wait_writable(9999).error(), std::errc::bad_file_descriptor);
}

// NF-01: who waits needs no thread.
TEST(Wait, AHundredWaitersUseFewThreads) {
  gos::run([] {
    std::vector<std::unique_ptr<pipe_ends>> pipes;
    gos::wait_group done;
    for (int i = 0; i < 100; ++i) {
      pipes.push_back(std::make_unique<pipe_ends>());
      done.go([p = pipes.back().get()] { must(gos::net::wait_readable(p->fd[0])); });
    }
    ASSERT_TRUE(blocked("IO wait", 100));
    EXPECT_LT(status_kib("Threads"), 50);
    for (auto& p : pipes) EXPECT_EQ(::write(p->fd[1], "x", 1), 1);
    done.wait();
  });
}

}  // namespace
