// listen: what listeners can be told, and that accepted connections have it.
#include "net_fixture.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

using namespace gos_test;
namespace net = gos::net;

TEST(Listen, SeveralOnOnePort) {
  const net::listen_options shared{.reuse_port = true};
  auto first = must(net::listen("tcp", own_loopback(), shared));
  const std::string where = first.address().to_string();
  EXPECT_EQ(net::listen("tcp", where).error(), std::errc::address_in_use);
  auto second = must(net::listen("tcp", where, shared));
  must(first.close());
  auto client = must(net::dial("tcp", where));
  must(second.accept());
  auto packets = must(net::listen_udp(own_loopback(), shared));
  must(net::listen_udp(packets.local_address().to_string(), shared));
}

TEST(Listen, IPv6AloneLeavesIPv4ToOthers) {
  auto only6 = net::listen("tcp", ":0", {.v6_only = true});
  if (!only6 || only6->address().ip().size() != 16) GTEST_SKIP() << "a machine without IPv6";
  EXPECT_EQ(option(only6->native_handle(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
  const std::string port = std::to_string(only6->address().port());
  auto client = must(net::dial("tcp", "[::1]:" + port));
  must(only6->accept());
}

TEST(Listen, KeepAliveIsHandedDown) {
  auto listener = must(net::listen("tcp", "127.0.0.1:0", {.keep_alive = {.idle = 60s, .interval = 5s, .count = 3}}));
  auto client = must(net::dial("tcp", listener.address().to_string()));
  auto server = must(listener.accept());
  EXPECT_EQ(option(server.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(server.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option(server.native_handle(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  must(client.keep_alive({.idle = 7s}));
  EXPECT_EQ(option(client.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option(client.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL), 15);
  must(client.keep_alive({.on = false}));
  EXPECT_EQ(option(client.native_handle(), SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(client.keep_alive({.idle = 0s}).error(), std::errc::invalid_argument);
  EXPECT_EQ(message_of(net::listen("tcp", "127.0.0.1:0", {.keep_alive = {.count = 0}})),
            "listen tcp 127.0.0.1:0: keep_alive: invalid argument");
}

}  // namespace
