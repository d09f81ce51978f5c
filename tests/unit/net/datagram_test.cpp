// datagram: UDP and Unix datagrams: one peer and many, both families, errors that arrive later, groups.
#include "net_fixture.hpp"

#include <unistd.h>

namespace {

using namespace gos_test;
namespace net = gos::net;

net::udp_conn listen_here() { return must(net::listen_udp("127.0.0.1:0")); }

TEST(Datagram, GoesToManyAndComesFromMany) {
  on_thread_and_goroutine([] {
    auto server = listen_here();
    auto a = listen_here(), b = listen_here();
    must(a.send_to("from a", server.local_address()));
    must(b.send_to("from b, longer", server.local_address()));
    char buffer[8];
    net::endpoint from;
    EXPECT_EQ(must(server.receive_from(buffer, from)), 6U);
    EXPECT_EQ(from, a.local_address());
    EXPECT_EQ(must(server.receive_from(buffer, from)), 8U);  // cut off
    EXPECT_EQ(std::string_view(buffer, 8), "from b, ");
    EXPECT_EQ(must(server.send_to("back", from)), 4U);
    EXPECT_EQ(must(b.receive_from(buffer, from)), 4U);
    EXPECT_EQ(from, server.local_address());
  });
}

TEST(Datagram, HasOnePeerWhenDialled) {
  on_thread_and_goroutine([] {
    auto server = listen_here();
    auto client = must(net::dial_udp(server.local_address().to_string()));
    auto stranger = listen_here();
    must(stranger.send_to("not for you", client.local_address()));
    must(server.send_to("for you", client.local_address()));
    char buffer[32];
    EXPECT_EQ(must(client.read_some(buffer)), 7U);
    must(client.write_some("answer"));
    net::endpoint from;
    EXPECT_EQ(must(server.receive_from(buffer, from)), 6U);
    EXPECT_EQ(from, client.local_address());
    const auto r = client.send_to("x", server.local_address());
    EXPECT_EQ(message_of(r), "write udp " + client.local_address().to_string() + "->" + server.local_address().to_string() +
                                 ": use of send_to with a dialled socket");
    EXPECT_EQ(r.error(), std::errc::already_connected);
  });
}

TEST(Datagram, SaysWhatFailed) {
  on_thread_and_goroutine([] {
    auto server = listen_here();
    const std::string here = server.local_address().to_string();
    char buffer[8];
    net::endpoint from;
    must(server.set_read_deadline(in(1ms)));
    EXPECT_EQ(message_of(server.receive_from(buffer, from)), "read udp " + here + ": i/o timeout");
    const auto none = server.send_to("x", net::endpoint());
    EXPECT_EQ(none.error(), gos::io_errc::invalid_address);
    EXPECT_EQ(message_of(server.send_to("x", net::endpoint::at_path("/tmp/x"))),
              "write udp " + here + "->/tmp/x: invalid address");
    EXPECT_EQ(message_of(server.write_some("x")), "write udp " + here + ": write: destination address required");
    EXPECT_EQ(message_of(net::listen_udp(here)), "listen udp " + here + ": bind: address already in use");
    EXPECT_EQ(message_of(net::listen_udp("12345")), "listen udp: address 12345: missing port in address");

    // The peer's machine says that nobody listens; the next call hears of it.
    const auto nobody = must(net::listen_udp(own_loopback())).local_address().to_string();
    auto client = must(net::dial_udp(nobody));
    must(client.write_some("x"));
    const auto refused = client.read_some(buffer);
    EXPECT_EQ(message_of(refused), "read udp " + client.local_address().to_string() + "->" + nobody + ": read: connection refused");
    must(client.close());
    EXPECT_EQ(client.read_some(buffer).error(), gos::io_errc::closed);
  });
}

TEST(Datagram, ServesBothFamilies) {
  auto server = must(net::listen_udp(":0"));
  const std::string port = std::to_string(server.local_address().port());
  for (const std::string host : {"127.0.0.1:", "[::1]:"}) {
    auto client = net::dial_udp(host + port);
    if (!client) continue;  // a machine without IPv6
    must(client->write_some("x"));
    char buffer[8];
    net::endpoint from;
    must(server.receive_from(buffer, from));
    EXPECT_EQ(from, client->local_address());
    must(server.send_to("back", from));  // IPv4 through a socket for IPv6
    EXPECT_EQ(must(client->read_some(buffer)), 4U);
  }
}

TEST(Datagram, JoinsGroups) {
  auto conn = must(net::listen_udp(":0"));
  const auto group = must(net::endpoint::parse("224.0.0.251:0"));
  const auto joined = conn.join_group(group, "lo");
  if (!joined) {
    // IPv4 groups need a socket for IPv4 on some systems; and some machines have no such interface.
    auto v4 = must(net::listen_udp("0.0.0.0:0"));
    must(v4.join_group(group, "lo"));
    EXPECT_EQ(v4.join_group(group, "lo").error(), std::errc::address_in_use);
    must(v4.leave_group(group, "lo"));
  } else {
    EXPECT_EQ(conn.join_group(group, "lo").error(), std::errc::address_in_use);
    must(conn.leave_group(group, "lo"));
  }
  EXPECT_TRUE(message_of(conn.join_group(group, "nosuch0")).ends_with(": no such network interface"));
  EXPECT_EQ(conn.join_group(net::endpoint::at_path("@x")).error(), gos::io_errc::invalid_address);
}

TEST(Datagram, OverUnixSockets) {
  on_thread_and_goroutine([] {
    const std::string name = "@gos-datagram-" + std::to_string(::getpid());
    auto server = must(net::listen_unix_datagram(name));
    auto client = must(net::listen_unix_datagram(""));  // a name, so that it can be answered
    must(client.send_to("", server.local_address()));
    char buffer[8];
    net::endpoint from;
    EXPECT_EQ(must(server.receive_from(buffer, from)), 0U);
    EXPECT_EQ(from, client.local_address());
    EXPECT_TRUE(from.path().starts_with('@'));
    auto dialled = must(net::dial_unix_datagram(name));
    EXPECT_EQ(must(dialled.write_some("hello")), 5U);
    EXPECT_EQ(must(server.receive_from(buffer, from)), 5U);
    EXPECT_TRUE(from.empty());  // it has no name
    EXPECT_EQ(message_of(net::dial_unix_datagram("/no/such/socket")),
              "dial unixgram /no/such/socket: connect: no such file or directory");
  });
}

}  // namespace
