// tcp: what listeners and connections promise, NF-02 to NF-18.
#include "net_fixture.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace {

using namespace gos_test;
namespace net = gos::net;

TEST(Tcp, CarriesBytesBothWays) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_pair();
    char buffer[16];
    EXPECT_EQ(must(client.write_all("ping")), 4U);
    EXPECT_EQ(must(server.read_full(std::span(buffer, 4))), 4U);
    EXPECT_EQ(std::string_view(buffer, 4), "ping");
    EXPECT_EQ(must(server.write_some("pong!")), 5U);
    EXPECT_EQ(must(client.read_some(buffer)), 5U);
    EXPECT_EQ(std::string_view(buffer, 5), "pong!");
    EXPECT_EQ(client.local_address(), server.remote_address());
    EXPECT_EQ(client.remote_address(), server.local_address());
    EXPECT_EQ(client.remote_address().host(), "127.0.0.1");
  });
}

TEST(Tcp, ListensOnAllAddresses) {
  on_thread_and_goroutine([] {
    auto listener = must(net::listen("tcp", ":0"));
    const std::string port = std::to_string(listener.address().port());
    for (const std::string host : {"127.0.0.1:", "[::1]:", "localhost:", ":"}) {
      auto client = net::dial("tcp", host + port);
      if (!client && host == "[::1]:") continue;  // a machine without IPv6
      ASSERT_TRUE(client) << message_of(client);
      auto server = must(listener.accept());
      EXPECT_EQ(server.remote_address(), client->local_address());
      EXPECT_EQ(server.local_address(), client->remote_address());
    }
  });
}

TEST(Tcp, SetsTheUsualOptionsOnBothEnds) {
  auto [client, server] = connect_pair();
  for (net::tcp_conn* c : {&client, &server}) {
    EXPECT_EQ(option(c->native_handle(), IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(c->native_handle(), SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(c->native_handle(), IPPROTO_TCP, TCP_KEEPIDLE), 15);
    EXPECT_EQ(option(c->native_handle(), IPPROTO_TCP, TCP_KEEPINTVL), 15);
    EXPECT_EQ(option(c->native_handle(), IPPROTO_TCP, TCP_KEEPCNT), 9);
    must(c->no_delay(false));
    must(c->keep_alive(false));
    EXPECT_EQ(option(c->native_handle(), IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_EQ(option(c->native_handle(), SOL_SOCKET, SO_KEEPALIVE), 0);
  }
}

// NF-18.
TEST(Tcp, ErrorTexts) {
  on_thread_and_goroutine([] {
    auto listener = must(net::listen("tcp", own_loopback()));
    const std::string where = listener.address().to_string();
    const auto taken = net::listen("tcp", where);
    EXPECT_EQ(message_of(taken), "listen tcp " + where + ": bind: address already in use");
    EXPECT_EQ(taken.error(), std::errc::address_in_use);
    EXPECT_EQ(message_of(net::listen("tcp", "12345")), "listen tcp: address 12345: missing port in address");
    EXPECT_EQ(message_of(net::listen("foo", "127.0.0.1:0")), "listen foo: unknown network foo");
    EXPECT_EQ(message_of(net::dial("tcp", "")), "dial tcp: missing address");

    must(listener.set_deadline(in(-1s)));
    EXPECT_EQ(message_of(listener.accept()), "accept tcp " + where + ": i/o timeout");
    must(listener.close());
    EXPECT_EQ(message_of(listener.accept()), "accept tcp " + where + ": use of closed network connection");
    EXPECT_EQ(message_of(listener.close()), "close tcp " + where + ": use of closed network connection");
    const auto refused = net::dial("tcp", where);
    EXPECT_EQ(message_of(refused), "dial tcp " + where + ": connect: connection refused");
    EXPECT_EQ(refused.error(), std::errc::connection_refused);

    auto [client, server] = connect_pair();
    char buffer[8];
    must(client.set_read_deadline(in(-1s)));
    EXPECT_EQ(message_of(client.read_some(buffer)), "read tcp " + between(client) + ": i/o timeout");
    must(client.close());
    EXPECT_EQ(message_of(client.write_all("x")), "write tcp " + between(client) + ": use of closed network connection");
    EXPECT_EQ(message_of(client.set_deadline({})),
              "set tcp " + client.local_address().to_string() + ": use of closed network connection");
    EXPECT_EQ(message_of(client.close()), "close tcp " + between(client) + ": use of closed network connection");
  });
}

// NF-02, NF-03, NF-06.
TEST(Tcp, Deadlines) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_pair();
    char buffer[8];
    const auto due = in(30ms);
    must(client.set_read_deadline(due));
    auto r = client.read_some(buffer);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error(), std::errc::timed_out);
    EXPECT_GE(std::chrono::steady_clock::now(), due);
    must(server.write_all("data"));
    EXPECT_EQ(client.read_some(buffer).error(), std::errc::timed_out) << "data does not matter";
    EXPECT_EQ(client.read_some(std::span<char>()).value_or(7), 0U);
    must(client.write_all("the other direction works"));
    must(client.set_read_deadline({}));
    EXPECT_EQ(must(client.read_some(buffer)), 4U);
    for (const auto forever : {gos::time_point::max(), gos::time_point{}}) {
      must(client.set_deadline(in(-1s)));
      EXPECT_FALSE(client.write_all("x"));
      must(client.set_deadline(forever));
      must(client.write_all("x"));
    }
    must(client.set_write_deadline(gos::time_point::min()));
    EXPECT_EQ(client.write_some("x").error(), std::errc::timed_out);
  });
}

TEST(Tcp, WriteDeadlineWhenThereIsNoRoom) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_pair();
    const std::string much(1 << 20, 'x');
    must(client.set_write_deadline(in(50ms)));
    std::size_t written = 0;
    for (;;) {
      const auto w = client.write_all(much);
      if (w) {
        written += *w;
        continue;
      }
      EXPECT_EQ(w.error(), std::errc::timed_out);
      written += w.error().transferred();
      break;
    }
    must(client.close_write());
    std::vector<char> buffer(1 << 16);
    std::size_t received = 0;
    while (const std::size_t n = must(server.read_some(std::span<char>(buffer)))) received += n;
    EXPECT_EQ(received, written);
  });
}

// NF-08, NF-09, NF-11.
TEST(Tcp, CloseWakesReadersWritersAndAccept) {
  gos::run([] {
    auto [client, server] = connect_pair();
    gos::wait_group done;
    for (int i = 0; i < 2; ++i) {
      done.go([&] {
        char buffer[8];
        EXPECT_EQ(client.read_some(buffer).error(), gos::io_errc::closed);
      });
      done.go([&] {
        const std::string much(1 << 20, 'x');
        auto written = client.write_all(much);
        while (written) written = client.write_all(much);  // until the buffers are full
        EXPECT_EQ(written.error(), gos::io_errc::closed);
      });
    }
    ASSERT_TRUE(blocked("IO wait", 4));
    must(client.close());
    done.wait();

    auto listener = must(net::listen("tcp", own_loopback()));
    done.go([&] { EXPECT_EQ(listener.accept().error(), gos::io_errc::closed); });
    ASSERT_TRUE(blocked("IO wait"));
    must(listener.close());
    auto again = must(net::listen("tcp", listener.address().to_string()));
    done.wait();
  });
}

// NF-12, NF-13.
TEST(Tcp, EndOfFileComesAfterTheData) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_pair();
    must(client.write_all("last words"));
    must(client.close_write());
    char buffer[64];
    EXPECT_EQ(must(server.read_full(std::span(buffer, 10))), 10U);
    EXPECT_EQ(must(server.read_some(buffer)), 0U);
    EXPECT_EQ(must(server.read_some(buffer)), 0U);
    EXPECT_EQ(server.read_full(buffer).error(), gos::io_errc::end_of_file);
    EXPECT_EQ(client.write_all("more").error(), std::errc::broken_pipe);
    must(server.write_all("answer"));
    EXPECT_EQ(must(client.read_some(buffer)), 6U);
    must(server.write_all("part"));
    must(server.close());
    const auto part = client.read_full(buffer);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error(), gos::io_errc::unexpected_end_of_file);
    EXPECT_EQ(part.error().transferred(), 4U);
  });
}

TEST(Tcp, CloseReadEndsReading) {
  auto [client, server] = connect_pair();
  gos::run([&, c = &client] {
    gos::wait_group done;
    done.go([&] {
      char buffer[8];
      EXPECT_EQ(c->read_some(buffer).value_or(0), 0U);
    });
    ASSERT_TRUE(blocked("IO wait"));
    must(c->close_read());
    done.wait();
  });
}

TEST(Tcp, ResetIsAnError) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_pair();
    must(client.linger(0));
    must(client.close());
    char buffer[8];
    const auto r = server.read_some(buffer);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error(), std::errc::connection_reset);
    EXPECT_EQ(message_of(r), "read tcp " + between(server) + ": read: connection reset by peer");
    EXPECT_FALSE(server.write_all("no signal, please"));
  });
}

// NF-14.
TEST(Tcp, ConcurrentWritesDoNotMix) {
  gos::run([] {
    auto [client, server] = connect_pair();
    constexpr std::size_t size = 30'000;
    const int each = rounds(60);
    gos::wait_group writers;
    for (int i = 0; i < 4; ++i) {
      writers.go([&, text = std::string(size, static_cast<char>('a' + i))] {
        for (int k = 0; k < each; ++k) must(client.write_all(text));
      });
    }
    gos::go([&] {
      writers.wait();
      must(client.close_write());
    });
    std::vector<char> block(size);
    int blocks = 0;
    while (server.read_full(std::span<char>(block))) {
      ++blocks;
      ASSERT_TRUE(std::all_of(block.begin(), block.end(), [&](char c) { return c == block[0]; }));
    }
    EXPECT_EQ(blocks, 4 * each);
  });
}

// NF-15.
TEST(Tcp, EmptyReadsAndWritesReturnAtOnce) {
  auto [client, server] = connect_pair();
  EXPECT_EQ(must(client.read_some(std::span<char>())), 0U);
  EXPECT_EQ(must(client.read_full(std::span<char>())), 0U);
  EXPECT_EQ(must(client.write_some("")), 0U);
  EXPECT_EQ(must(client.write_all("")), 0U);
}

// NF-16.
TEST(Tcp, AcceptPassesOverAbortedConnections) {
  on_thread_and_goroutine([] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    for (int i = 0; i < 5; ++i) {
      auto gone = must(net::dial("tcp", listener.address().to_string()));
      must(gone.linger(0));
      must(gone.close());
    }
    must(listener.set_deadline(in(50ms)));
    for (;;) {
      auto conn = listener.accept();  // Linux may hand over connections that were reset since
      if (conn) continue;
      EXPECT_EQ(conn.error(), std::errc::timed_out);
      break;
    }
    must(listener.set_deadline({}));
    auto client = must(net::dial("tcp", listener.address().to_string()));
    must(listener.accept());
  });
}

TEST(Tcp, HandlesMoveAndCloseAtTheirEnd) {
  auto [client, server] = connect_pair();
  const int number = client.native_handle();
  {
    net::tcp_conn moved = std::move(client);
    EXPECT_EQ(moved.native_handle(), number);
    EXPECT_EQ(client.native_handle(), -1);
    EXPECT_EQ(client.write_all("x").error(), std::errc::invalid_argument);
    EXPECT_EQ(client.local_address().to_string(), "");
  }
  char buffer[8];
  EXPECT_EQ(must(server.read_some(buffer)), 0U);
  net::tcp_listener none;
  EXPECT_EQ(none.accept().error(), std::errc::invalid_argument);
  none = must(net::listen("tcp", own_loopback()));
  const std::string where = none.address().to_string();
  none = must(net::listen("tcp", own_loopback()));
  must(net::listen("tcp", where));
}

TEST(Tcp, ManyConnectionsAtOnce) {
  gos::run([] {
    const int n = live(sanitized ? 200 : 1000);
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    gos::go([&] {
      for (int i = 0; i < n; ++i) {
        gos::go([conn = must(listener.accept())]() mutable {
          char buffer[32];
          for (;;) {
            const auto got = conn.read_some(buffer);
            if (!got || *got == 0) return;
            if (!conn.write_all(std::string_view(buffer, *got))) return;
          }
        });
      }
    });
    gos::wait_group done;
    std::atomic<int> echoed{0};
    for (int i = 0; i < n; ++i) {
      done.go([&, i] {
        auto conn = must(net::dial("tcp", listener.address().to_string()));
        const std::string text = "hello from " + std::to_string(i);
        std::string back(text.size(), '\0');
        for (int k = 0; k < 3; ++k) {
          must(conn.write_all(text));
          must(conn.read_full(std::span<char>(back)));
          if (back == text) ++echoed;
        }
      });
    }
    done.wait();
    EXPECT_EQ(echoed, 3 * n);
  });
}

TEST(Tcp, AListenerSurvivesWithoutDescriptors) {
  gos::run([] {
    auto listener = must(net::listen("tcp", "127.0.0.1:0"));
    const std::string where = listener.address().to_string();
    auto client = must(net::dial("tcp", where));
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{0, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_EQ(message_of(listener.accept()), "accept tcp " + where + ": accept4: too many open files");
    std::vector<std::string> said;
    auto accepted = listener.accept_patiently([&](std::string_view text) {
      said.emplace_back(text);
      if (said.size() == 3) ::setrlimit(RLIMIT_NOFILE, &limit);
    });
    must(must(std::move(accepted)).write_all("at last"));
    EXPECT_EQ(said.size(), 3U);
    EXPECT_EQ(said[0], "accept tcp " + where + ": accept4: too many open files; retrying in 5ms");
    EXPECT_TRUE(said[2].ends_with("; retrying in 20ms")) << said[2];
    // Other failures are returned.
    must(listener.set_deadline(gos::now()));
    EXPECT_EQ(listener.accept_patiently().error(), std::errc::timed_out);
    must(listener.close());
    EXPECT_EQ(listener.accept_patiently().error(), gos::io_errc::closed);
  });
}

// 10 000 idle connections held by a server shall cost less than 8 KiB each: our part of that.
TEST(Tcp, AConnectionIsSmall) {
  EXPECT_LE(sizeof(net::tcp_conn), 8U);
  EXPECT_LE(sizeof(net::endpoint), 24U);
}

}  // namespace
