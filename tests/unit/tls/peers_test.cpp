// peers: TLS with those who did not learn it from us: openssl's client and server, and curl.
#include "child.hpp"
#include "tls_fixture.hpp"

namespace {

using namespace gos_test;
namespace tls = gos::tls;

const std::string openssl = "/usr/bin/openssl", curl = "/usr/bin/curl";

// A server that hands each connection to `serve` on a goroutine, until it goes out of scope.
class running_server {
 public:
  template <class F>
  running_server(const tls::options& options, F serve)
      : listener_(must(tls::listen("tcp", "127.0.0.1:0", must(tls::config::make(options))))) {
    group_.go([this, serve] {
      while (auto conn = listener_.accept()) {
        group_.go([serve, c = std::move(*conn)]() mutable { serve(c); });
      }
    });
  }
  ~running_server() {
    must(listener_.close());
    group_.wait();
  }
  std::string where() const { return listener_.address().to_string(); }
  std::string port() const { return std::to_string(listener_.address().port()); }

 private:
  tls::listener listener_;
  gos::wait_group group_;
};

void echo(tls::conn& conn) {
  char buffer[4096];
  for (;;) {
    const auto n = conn.read_some(buffer);
    if (!n || *n == 0 || !conn.write_all(std::string_view(buffer, *n))) return;
  }
}

TEST(TlsPeers, OpensslAsClient) {
  const auto& all = certificates::made();
  auto options = all.server_options();
  options.protocols = {"h2", "http/1.1"};
  options.client_certificates = tls::client_auth::require_and_verify;
  options.client_root_file = all.path("ca.pem");
  running_server server(options, echo);
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    child client(openssl, {"s_client", "-connect", server.where(), "-servername", "localhost", "-verify_hostname", "localhost",
                           "-CAfile", all.path("ca.pem"), "-verify_return_error", "-alpn", "http/1.1,h2", "-cert",
                           all.path("client.pem"), "-key", all.path("key.pem"), version});
    client.write("hello there\n");
    ASSERT_TRUE(client.read_until("hello there")) << client.out() << client.err();
    EXPECT_NE(client.out().find("ALPN protocol: h2"), std::string::npos) << client.out();
    EXPECT_NE(client.out().find("Verify return code: 0 (ok)"), std::string::npos) << client.out();
    if (version == "-tls1_3") {
      client.write("K\n");  // new keys, and may I have yours
      ASSERT_TRUE(client.read_until([](const child& c) { return c.err().find("KEYUPDATE") != std::string::npos; }));
      client.write("after new keys\n");
      EXPECT_TRUE(client.read_until("after new keys")) << client.out() << client.err();
    } else {
      client.write("R\n");  // another handshake: refused, without an end for others
    }
    client.close_input();
    client.wait();
  }
}

TEST(TlsPeers, OpensslAsServer) {
  const auto& all = certificates::made();
  const auto try_against = [&](const std::string& certificate, std::vector<std::string> more) {
    std::vector<std::string> words{"s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-rev", "-cert",
                                   all.path(certificate + ".pem"), "-key", all.path("key.pem")};
    words.insert(words.end(), more.begin(), more.end());
    child server(openssl, words);
    EXPECT_TRUE(server.read_until([](const child& c) {
      const auto at = c.out().find("ACCEPT ");
      return at != std::string::npos && c.out().find('\n', at) != std::string::npos;
    })) << server.out() << server.err();
    const auto at = server.out().find("ACCEPT ") + 7;
    const std::string where = server.out().substr(at, server.out().find('\n', at) - at);
    auto options = all.client_options();
    options.certificates = {all.of("client")};
    auto conn = tls::dial("tcp", where, must(tls::config::make(options)));
    if (!conn) return message_of(conn);
    must(conn->write_all("drawer\n"));
    char buffer[7];
    must(conn->read_full(buffer));
    must(conn->close());
    return std::string(buffer, 6);
  };
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_EQ(try_against("localhost", {version, "-Verify", "1", "-verify_return_error", "-CAfile", all.path("ca.pem")}),
              "reward");
  }
  EXPECT_TRUE(try_against("expired", {}).starts_with("tls: failed to verify certificate: certificate has expired on "));
}

TEST(TlsPeers, Curl) {
  const auto& all = certificates::made();
  const auto serve = [](tls::conn& conn) {
    char buffer[4096];
    const auto n = conn.read_some(buffer);
    if (!n || !std::string_view(buffer, *n).starts_with("GET /")) return;
    must(conn.write_all("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"));
    must(conn.close());
  };
  const auto get = [&](const std::string& port, const std::string& name) {
    return run_child(curl, {"-sS", "--noproxy", "*", "--cacert", all.path("ca.pem"), "--resolve", name + ":" + port + ":127.0.0.1",
                            "https://" + name + ":" + port + "/"});
  };
  auto options = all.server_options();
  options.certificates.push_back(all.of("second"));
  running_server server(options, serve);
  for (const std::string name : {"localhost", "second.test"}) {
    const auto fetched = get(server.port(), name);
    EXPECT_EQ(fetched.status, 0) << fetched;
    EXPECT_EQ(fetched.out, "hello\n");
  }
  constexpr int not_verified = 60;
  EXPECT_EQ(get(server.port(), "other.test").status, not_verified);
  running_server expired(all.server_options("expired"), serve);
  EXPECT_EQ(get(expired.port(), "localhost").status, not_verified);
}

}  // namespace
