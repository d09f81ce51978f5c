// unix: stream sockets with paths and abstract names, what they carry beside bytes, and the words of their failures.
#include "net_fixture.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace gos_test;
namespace net = gos::net;

std::string fresh_path() {
  static std::atomic<int> count{0};
  return "/tmp/gos-unix-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

bool exists(const std::string& path) {
  struct ::stat status;
  return ::stat(path.c_str(), &status) == 0;
}

TEST(Unix, CarriesBytesAndKnowsItsNames) {
  on_thread_and_goroutine([] {
    for (const std::string& path : {fresh_path(), "@" + fresh_path()}) {
      auto listener = must(net::listen_unix(path));
      EXPECT_EQ(listener.address().to_string(), path);
      auto client = must(net::dial_unix(path));
      auto server = must(listener.accept());
      EXPECT_EQ(client.remote_address().path(), path);
      EXPECT_EQ(server.local_address(), listener.address());
      EXPECT_EQ(client.local_address().to_string(), "@");
      must(client.write_all("hello"));
      must(client.close_write());
      char buffer[16];
      EXPECT_EQ(must(server.read_some(buffer)), 5U);
      EXPECT_EQ(must(server.read_some(buffer)), 0U);
      must(server.set_read_deadline(in(-1s)));
      EXPECT_EQ(message_of(server.read_some(buffer)), "read unix " + path + "->@: i/o timeout");
      must(server.write_all("and back"));
      EXPECT_EQ(must(client.read_full(std::span(buffer, 8))), 8U);
    }
  });
}

TEST(Unix, TheListenerRemovesItsPath) {
  const std::string path = fresh_path();
  {
    auto listener = must(net::listen_unix(path));
    EXPECT_TRUE(exists(path));
    EXPECT_EQ(message_of(net::listen_unix(path)), "listen unix " + path + ": bind: address already in use");
    EXPECT_TRUE(exists(path));
    must(listener.close());
    EXPECT_FALSE(exists(path));
    EXPECT_EQ(listener.close().error(), gos::io_errc::closed);
    auto again = must(net::listen_unix(path));
    EXPECT_TRUE(exists(path));
    auto moved = std::move(again);
    EXPECT_TRUE(exists(path));
  }
  EXPECT_FALSE(exists(path));
  {
    auto listener = must(net::listen_unix(path));
    listener.set_removes_path(false);
  }
  EXPECT_TRUE(exists(path));
  EXPECT_EQ(message_of(net::dial_unix(path)), "dial unix " + path + ": connect: connection refused");
  ::unlink(path.c_str());
}

TEST(Unix, SaysWhatFailed) {
  on_thread_and_goroutine([] {
    EXPECT_EQ(message_of(net::dial_unix("/no/such")), "dial unix /no/such: connect: no such file or directory");
    EXPECT_EQ(message_of(net::dial_unix("")), "dial unix: missing address");
    const std::string longer(108, 'x');
    EXPECT_EQ(message_of(net::listen_unix(longer)), "listen unix " + longer + ": bind: invalid argument");
    EXPECT_EQ(net::listen_unix(std::string_view("/tmp/a\0b", 8)).error(), std::errc::invalid_argument);
    auto [a, b] = must(net::unix_pair());
    must(a.close());
    const auto broken = b.write_all("x");
    EXPECT_EQ(message_of(broken), "write unix @->@: write: broken pipe");
  });
}

TEST(Unix, ADialWaitsWhileTheQueueIsFull) {
  gos::run([] {
    const std::string path = "@" + fresh_path();
    auto listener = must(net::listen_unix(path));
    ASSERT_EQ(::listen(listener.native_handle(), 0), 0);
    auto first = must(net::dial_unix(path));
    const auto [ctx, cancel] = gos::with_timeout(gos::background(), 20ms);
    const auto late = net::dial_unix(path, ctx);
    EXPECT_EQ(message_of(late), "dial unix " + path + ": i/o timeout");
    EXPECT_EQ(late.error(), std::errc::timed_out);
    auto dialling = gos::spawn([&] { return net::dial_unix(path); });
    gos::sleep(5ms);
    must(listener.accept());
    must(dialling.join());
  });
}

TEST(Unix, PassesDescriptors) {
  on_thread_and_goroutine([] {
    auto [a, b] = must(net::unix_pair());
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_EQ(must(a.send_descriptors("two", ends)), 3U);
    ::close(ends[0]);
    char buffer[16];
    {
      auto got = must(b.receive_descriptors(buffer));
      EXPECT_EQ(got.size, 3U);
      ASSERT_EQ(got.descriptors.size(), 2U);
      EXPECT_NE(::fcntl(got.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
      ASSERT_EQ(::write(ends[1], "through", 7), 7);
      ::close(ends[1]);
      EXPECT_EQ(::read(got.descriptors[0].get(), buffer, sizeof buffer), 7);
      const int second = got.descriptors[1].release();
      ::close(second);
    }
    EXPECT_EQ(message_of(a.send_descriptors("", ends)), "write unix @->@: sendmsg: invalid argument");
    const int closed[] = {ends[0]};
    EXPECT_EQ(a.send_descriptors("x", closed).error(), std::errc::bad_file_descriptor);
    must(a.write_all("plain"));
    EXPECT_TRUE(must(b.receive_descriptors(buffer)).descriptors.empty());
    must(a.close());
    EXPECT_EQ(must(b.receive_descriptors(buffer)).size, 0U);
  });
}

TEST(Unix, ReceivingMoreThanTheLimitAllows) {
  auto [a, b] = must(net::unix_pair());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int own[] = {0, 0, 0, 0};
  must(a.send_descriptors("x", own));
  const int next = ::dup(0);
  ::close(next);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next) + 2;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  char buffer[4];
  const auto got = b.receive_descriptors(buffer);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(message_of(got), "read unix @->@: recvmsg: too many open files");
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(after, next);  // what came was closed
}

TEST(Unix, KnowsItsPeer) {
  auto [a, b] = must(net::unix_pair());
  const auto peer = must(a.peer_credentials());
  EXPECT_EQ(peer.process, ::getpid());
  EXPECT_EQ(peer.user, ::getuid());
  EXPECT_EQ(peer.group, ::getgid());
}

}  // namespace
