// dial: following a context, and that nothing is left behind (NF-17). What is dialled is in tcp_test.cpp.
#include "net_fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace {

using namespace gos_test;
namespace net = gos::net;

// A listening socket that answers nobody: its queue is full, so that Linux drops whatever else knocks.
class silent_listener {
 public:
  silent_listener() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    socklen_t size = sizeof any;
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size), 0);
    where_ = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      ::connect(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
      callers_.push_back(fd);
    }
    // One in the queue is all that it holds.
    pollfd queue{listener_, POLLIN, 0};
    EXPECT_EQ(::poll(&queue, 1, static_cast<int>(scaled(20s).count())), 1);
  }
  ~silent_listener() {
    for (const int fd : callers_) ::close(fd);
    ::close(listener_);
  }
  const std::string& where() const { return where_; }

 private:
  int listener_ = -1;
  std::vector<int> callers_;
  std::string where_;
};

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) ++count;
  }
  return count;
}

TEST(Dial, EndsWhenItsContextIsCancelled) {
  on_thread_and_goroutine([] {
    const silent_listener silent;
    must(net::lookup_host("localhost"));
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    gos::go([cancel = cancel] {
      gos::sleep(30ms);
      cancel();
    });
    const auto r = net::dial("tcp", silent.where(), ctx);
    ASSERT_FALSE(r);
    EXPECT_EQ(message_of(r), "dial tcp " + silent.where() + ": operation was canceled");
    EXPECT_EQ(r.error(), std::errc::operation_canceled);
    EXPECT_EQ(r.error().code(), ctx.err());
    const auto again = net::dial("tcp", silent.where(), ctx);
    EXPECT_EQ(message_of(again), "dial tcp " + silent.where() + ": operation was canceled");
  });
}

TEST(Dial, EndsAtTheDeadlineOfItsContext) {
  on_thread_and_goroutine([] {
    const silent_listener silent;
    const auto before = std::chrono::steady_clock::now();
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 50ms);
    const auto r = net::dial("tcp", silent.where(), ctx);
    ASSERT_FALSE(r);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 50ms);
    EXPECT_EQ(message_of(r), "dial tcp " + silent.where() + ": i/o timeout");
    EXPECT_EQ(r.error(), std::errc::timed_out);
  });
}

TEST(Dial, CancellingAfterwardsDoesNoHarm) {
  on_thread_and_goroutine([] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    auto client = must(net::dial("tcp", listener.address().to_string(), ctx));
    auto server = must(listener.accept());
    cancel();
    gos::sleep(5ms);
    must(client.write_all("still here"));
    char buffer[10];
    EXPECT_EQ(must(server.read_full(buffer)), 10U);
  });
}

// Cancellation in the very moment of success: a connection that works or an error, never a broken connection.
TEST(Dial, CancellingMeanwhileGivesAConnectionOrAnError) {
  gos::run([] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    gos::wait_group server;
    server.go([&] {
      while (listener.accept()) {
      }
    });
    auto random = rng();
    for (int i = 0; i < rounds(300); ++i) {
      const auto [ctx, cancel] = gos::with_cancel(gos::background());
      gos::wait_group done;
      done.go([&, cancel = cancel, after = random() % 60] {
        gos::sleep(std::chrono::microseconds(after));
        cancel();
      });
      auto r = net::dial("tcp", listener.address().to_string(), ctx);
      done.wait();
      if (r) {
        must(r->linger(0));  // no waiting ports left behind
        const auto w = r->write_all("x");
        if (!w) {
          EXPECT_NE(w.error(), std::errc::timed_out);
        }
      } else {
        EXPECT_EQ(r.error(), std::errc::operation_canceled);
      }
    }
    must(listener.close());
    server.wait();
  });
}

TEST(Dial, LookupsAreGivenUp) {
  time_limit(180s);  // a name server that does not answer
  gos::run([] {
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    cancel();
    EXPECT_EQ(message_of(net::dial("tcp", "no-such-host.invalid:1", ctx)),
              "dial tcp no-such-host.invalid:1: operation was canceled");
    const auto [late, cancel_late] = gos::with_timeout(gos::background(), 60s);
    const auto r = net::dial("tcp", "no-such-host.invalid:1", late);
    ASSERT_FALSE(r);
    EXPECT_TRUE(message_of(r).starts_with("dial tcp: lookup no-such-host.invalid: ")) << message_of(r);
    cancel_late();
  });
}

TEST(Dial, FailuresLeaveNoDescriptor) {
  gos::run([] {
    const silent_listener silent;
    must(net::listen("tcp", "127.0.0.1:0"));
    static_cast<void>(net::dial("tcp", "127.0.0.1:1"));
    const int before = open_descriptors();
    for (int i = 0; i < 20; ++i) {
      EXPECT_FALSE(net::dial("tcp", "127.0.0.1:1"));
      EXPECT_FALSE(net::listen("tcp", silent.where()));
    }
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 5ms);
    EXPECT_FALSE(net::dial("tcp", silent.where(), ctx));
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST(Dial, RaisesTheLimitOfDescriptors) {
  must(net::listen("tcp", "127.0.0.1:0"));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

}  // namespace
