// conn: a TLS connection is a stream: bytes, ends, deadlines, crowds; over sockets and over whatever else is one.
#include "tls_fixture.hpp"

#include <sys/socket.h>

namespace {

using namespace gos_test;
namespace net = gos::net;
namespace tls = gos::tls;

const std::string fine = "(no error)";

std::string pattern(std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 131 >> 7);
  return text;
}

std::string read_to_end(net::stream_base& conn) {
  std::string all;
  std::vector<char> buffer(30'000);
  while (const std::size_t n = must(conn.read_some(std::span(buffer)))) all.append(buffer.data(), n);
  return all;
}

const std::size_t much = sanitized || slow_machine() ? 1 << 20 : 8 << 20;

TEST(TlsConn, CarriesBytesBothWays) {
  on_thread_and_goroutine([] {
    auto [client, server] = connect_tls();
    auto echoing = gos::spawn([&server = server] {
      char buffer[16];
      const std::size_t n = must(server.read_some(buffer));
      must(server.write_all(std::string_view(buffer, n)));
      return std::string(buffer, n);
    });
    EXPECT_EQ(must(client.write_all("ping")), 4U);
    EXPECT_EQ(echoing.join(), "ping");
    char buffer[4];
    EXPECT_EQ(must(client.read_full(buffer)), 4U);
    EXPECT_EQ(std::string_view(buffer, 4), "ping");
    EXPECT_EQ(must(client.read_some(std::span<char>())), 0U);
    const auto state = client.state();
    EXPECT_TRUE(state.complete);
    EXPECT_EQ(state.version, tls::version::tls1_3);
    EXPECT_TRUE(state.cipher.starts_with("TLS_")) << state.cipher;
    ASSERT_EQ(state.peer.size(), 1U);
    EXPECT_EQ(state.peer[0].subject, "CN=localhost");
    EXPECT_EQ(state.peer[0].issuer, "CN=test authority");
    EXPECT_EQ(state.peer[0].names, (std::vector<std::string>{"localhost", "127.0.0.1"}));
    EXPECT_GT(state.peer[0].not_after, std::chrono::system_clock::now());
    EXPECT_EQ(server.state().server_name, "localhost");
    EXPECT_TRUE(server.state().peer.empty());
    EXPECT_EQ(client.remote_address(), server.local_address());
  });
}

TEST(TlsConn, EndsWhenThePeerSaysSo) {
  gos::run([] {
    auto [client, server] = connect_tls();
    auto answering = gos::spawn([&server = server] {
      const std::string question = read_to_end(server);
      must(server.write_all("answer to " + question));
      must(server.close());
    });
    must(client.write_all("question"));
    must(client.close_write());
    EXPECT_EQ(message_of(client.write_all("too late")), "tls: protocol is shutdown");
    EXPECT_EQ(read_to_end(client), "answer to question");
    answering.join();
    EXPECT_EQ(message_of(server.write_all("x")), "write tcp " + server.local_address().to_string() + "->" +
                                                     server.remote_address().to_string() + ": use of closed network connection");
    EXPECT_EQ(server.close().error(), gos::io_errc::closed);
  });
}

// Somebody who cuts the connection must not be able to make less look like all.
TEST(TlsConn, ACutIsNoEnd) {
  gos::run([] {
    auto [client, server] = connect_tls();
    auto serving = gos::spawn([&server = server] {
      must(server.write_all("half of"));
      ::shutdown(server.native_handle(), SHUT_WR);
    });
    char buffer[7];
    must(client.read_full(buffer));
    serving.join();
    const auto cut = client.read_some(buffer);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error(), gos::io_errc::unexpected_end_of_file);
    EXPECT_TRUE(cut.error().message().ends_with(": unexpected EOF")) << cut.error().message();
    EXPECT_EQ(client.read_some(buffer).error(), gos::io_errc::unexpected_end_of_file);  // and again
  });
}

TEST(TlsConn, OneWritesWhileAnotherReads) {
  gos::run([] {
    const std::string there = pattern(much), back = pattern(much / 2);
    auto [client, server] = connect_tls();
    gos::wait_group done;
    const auto send = [&](net::stream_base& end, const std::string& text) {
      done.go([&] {
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0, size = 1; at < text.size(); at += size, size = size * 3 % 40'009) {
          pieces.push_back(std::string_view(text).substr(at, size));
        }
        EXPECT_EQ(must(end.write_all(pieces)), text.size());
        must(end.close_write());
      });
    };
    const auto receive = [&](net::stream_base& end, const std::string& text) {
      done.go([&] { EXPECT_TRUE(read_to_end(end) == text); });
    };
    receive(client, back);
    send(server, back);
    send(client, there);
    receive(server, there);
    done.wait();
  });
}

TEST(TlsConn, WritesDoNotInterleave) {
  gos::run([] {
    auto [client, server] = connect_tls();
    constexpr std::size_t block = 50'000;
    gos::wait_group writers;
    const int each = rounds(20);
    for (const char letter : {'a', 'b', 'c'}) {
      writers.go([&, letter] {
        for (int i = 0; i < each; ++i) must(client.write_all(std::string(block, letter)));
      });
    }
    std::string buffer(block, ' ');
    for (int i = 0; i < 3 * each; ++i) {
      must(server.read_full(std::span(buffer)));
      ASSERT_EQ(buffer, std::string(block, buffer[0]));
    }
    writers.wait();
  });
}

TEST(TlsConn, DeadlinesDoNotHarm) {
  gos::run([] {
    auto [client, server] = connect_tls();
    ASSERT_EQ(shake(*std::make_unique<tls_pair>(connect_tls())).first, fine);
    auto greeting = gos::spawn([&server = server] { must(server.write_all("x")); });
    char byte = 0;
    must(client.read_full(std::span(&byte, 1)));
    greeting.join();

    must(client.set_read_deadline(in(1ms)));
    const auto late = client.read_some(std::span(&byte, 1));
    EXPECT_EQ(late.error(), std::errc::timed_out);
    EXPECT_TRUE(late.error().message().ends_with(": i/o timeout"));
    must(server.write_all("y"));
    EXPECT_EQ(client.read_some(std::span(&byte, 1)).error(), std::errc::timed_out);  // whatever is there
    must(client.set_read_deadline({}));
    EXPECT_EQ(must(client.read_some(std::span(&byte, 1))), 1U);

    // In the middle of a write: what was taken arrives, then the rest, and nothing twice.
    std::string text;
    for (const std::string block = pattern(1'000'003); text.size() < 16'000'000;) text += block;  // more than buffers hold
    must(client.set_write_deadline(in(50ms)));
    const auto cut = client.write_all(text);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error(), std::errc::timed_out);
    EXPECT_LT(cut.error().transferred(), text.size());
    must(client.set_write_deadline({}));
    auto reading = gos::spawn([&server = server] { return read_to_end(server); });
    must(client.write_all(std::string_view(text).substr(cut.error().transferred())));
    must(client.close());
    EXPECT_TRUE(reading.join() == text);
  });
}

TEST(TlsConn, CloseWakesEverybody) {
  gos::run([] {
    for (int i = 0; i < rounds(12); ++i) {
      auto [client, server] = connect_tls();
      gos::wait_group done;
      done.go([&server = server] { static_cast<void>(server.handshake()); });
      for (int k = 0; k < 2; ++k) {
        done.go([&, end = &client] {
          char buffer[8];
          EXPECT_EQ(end->read_some(buffer).error(), gos::io_errc::closed);
        });
        done.go([&, end = &client] {
          const std::string text(1 << 20, 'x');
          for (;;) {
            if (const auto w = end->write_all(text); !w) {
              EXPECT_EQ(w.error(), gos::io_errc::closed) << w.error().message();
              return;
            }
          }
        });
      }
      for (int k = 0; k < i * 4; ++k) gos::yield();
      must(client.close());
      done.wait();
    }
  });
}

TEST(TlsConn, ReadingIsClosedAndWritingGoesOn) {
  gos::run([] {
    auto [client, server] = connect_tls();
    auto echoing = gos::spawn([&server = server] { return read_to_end(server); });
    must(client.write_all("a"));
    auto reading = gos::spawn([&client = client] {
      char byte = 0;
      return must(client.read_some(std::span(&byte, 1)));
    });
    must(client.close_read());
    EXPECT_EQ(reading.join(), 0U);
    must(client.write_all("b"));
    must(client.close_write());
    EXPECT_EQ(echoing.join(), "ab");
  });
}

// Layers: TLS over a pipe in memory, and TLS over TLS.
TEST(TlsConn, OverAnyStream) {
  gos::run([] {
    const auto client_config = must(tls::config::make(certificates::made().client_options()));
    const auto server_config = must(tls::config::make(certificates::made().server_options()));
    auto [a, b] = net::pipe();
    auto outer_client = tls::client(std::move(a), client_config);
    auto outer_server = tls::server(std::move(b), server_config);
    auto client = tls::client(std::move(outer_client), client_config);
    auto server = tls::server(std::move(outer_server), server_config);
    const std::string text = pattern(100'000);
    auto sending = gos::spawn([&] {
      must(client.write_all(text));
      must(client.close_write());
    });
    EXPECT_TRUE(read_to_end(server) == text);
    sending.join();
    auto closing = gos::spawn([&] { static_cast<void>(server.close()); });
    EXPECT_EQ(read_to_end(client), "");
    closing.join();
  });
}

TEST(TlsConn, ManyAtOnce) {
  gos::run([] {
    auto listener = must(tls::listen("tcp", "127.0.0.1:0", must(tls::config::make(certificates::made().server_options()))));
    gos::wait_group server;
    server.go([&] {
      while (auto conn = listener.accept()) {
        server.go([c = std::move(*conn)]() mutable {
          char buffer[64];
          while (const std::size_t n = must(c.read_some(buffer))) must(c.write_all(std::string_view(buffer, n)));
          must(c.close());
        });
      }
    });
    const auto config = must(tls::config::make(certificates::made().client_options()));
    std::atomic<int> good{0}, resumed{0};
    gos::wait_group clients;
    const int each = rounds(30);
    for (int i = 0; i < 8; ++i) {
      clients.go([&] {
        for (int k = 0; k < each; ++k) {
          auto conn = must(tls::dial("tcp", listener.address().to_string(), config));
          must(conn.write_all("hello"));
          char buffer[5];
          must(conn.read_full(buffer));
          if (std::string_view(buffer, 5) == "hello") ++good;
          if (conn.state().resumed) ++resumed;
          must(conn.close());
        }
      });
    }
    clients.wait();
    EXPECT_EQ(good, 8 * each);
    if (each > 1) EXPECT_GT(resumed, 0);
    must(listener.close());
    server.wait();
  });
}

}  // namespace
