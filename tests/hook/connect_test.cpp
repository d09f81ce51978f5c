// connect: hooked connect and accept.
#include "hook.hpp"

#include <netinet/in.h>

namespace {

using namespace gos_test;

int listen_on_loopback(int backlog, sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd, backlog), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return fd;
}

TEST(HookedConnect, ConnectAndAccept) {
  sockaddr_in address;
  const int listener = listen_on_loopback(128, address);
  const int before = thread_count();
  constexpr int count = 30;
  gos::wait_group all;
  for (int i = 0; i < count; ++i) {
    all.go([&] {
      const int fd = ::accept(listener, nullptr, nullptr);
      char got = 0;
      EXPECT_EQ(::read(fd, &got, 1), 1);
      EXPECT_EQ(::write(fd, &got, 1), 1);
      ::close(fd);
    });
  }
  EXPECT_TRUE(blocked("IO wait", count));
  EXPECT_LE(thread_count(), few_more(before));
  for (int i = 0; i < count; ++i) {
    all.go([&] {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
      char got = 'x';
      EXPECT_EQ(::write(fd, &got, 1), 1);
      EXPECT_EQ(::read(fd, &got, 1), 1);
      ::close(fd);
    });
  }
  all.wait();

  // Closed meanwhile; then refused.
  all.go([&] {
    set_errno_here(0);
    EXPECT_EQ(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), -1);
    EXPECT_EQ(errno_here(), EBADF);
  });
  EXPECT_TRUE(blocked("IO wait"));
  ::close(listener);
  all.wait();
  on_goroutine([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), -1);
    EXPECT_EQ(errno_here(), ECONNREFUSED);
    ::close(fd);
  });
}

TEST(HookedConnect, ConnectWaitsForItsTimeLimit) {
  sockaddr_in address;
  const int listener = listen_on_loopback(0, address);
  on_goroutine([&] {
    // More than the listener has room for: the kernel says nothing, and asks again after a second.
    std::vector<int> fds;
    bool late = false;
    for (int i = 0; i < 10 && !late; ++i) {
      const int fd = fds.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
      set_timeout(fd, SO_SNDTIMEO, 30ms);
      set_errno_here(0);
      const auto took = duration_of(
          [&] { late = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0; });
      if (!late) continue;
      EXPECT_EQ(errno_here(), EINPROGRESS);
      EXPECT_GE(took, 30ms);
    }
    EXPECT_TRUE(late);
    for (int fd : fds) ::close(fd);
  });
  ::close(listener);
}

}  // namespace
