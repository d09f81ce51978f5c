// handshake: who is let in and who is not, and in which words; what is agreed on; how long it may take; certificates that change.
#include "tls_fixture.hpp"

namespace {

using namespace gos_test;
namespace net = gos::net;
namespace tls = gos::tls;

const std::string fine = "(no error)";

tls::config made(const tls::options& o) { return must(tls::config::make(o)); }

// Both ends of a handshake between these.
std::pair<std::string, std::string> outcome(const tls::options& client, const tls::options& server) {
  auto pair = connect_tls(made(client), made(server));
  return shake(pair);
}

TEST(TlsHandshake, RefusesWhomItCannotVerify) {
  on_thread_and_goroutine([] {
    const auto& all = certificates::made();
    auto client = all.client_options();
    EXPECT_EQ(outcome(client, all.server_options()), std::pair(fine, fine));

    auto [expired, told] = outcome(client, all.server_options("expired"));
    EXPECT_TRUE(expired.starts_with("tls: failed to verify certificate: certificate has expired on 20")) << expired;
    EXPECT_EQ(told, "remote error: tls: certificate expired");
    EXPECT_EQ(outcome(client, all.server_options("second")).first,
              "tls: failed to verify certificate: certificate is valid for second.test, *.wild.test, not localhost");
    EXPECT_EQ(outcome(client, all.server_options("self")).first,
              "tls: failed to verify certificate: certificate is signed by itself, and not trusted: CN=localhost");
    client.server_name = "127.0.0.1";
    EXPECT_EQ(outcome(client, all.server_options()).first, fine);
    client.server_name = "127.0.0.2";
    EXPECT_EQ(outcome(client, all.server_options()).first,
              "tls: failed to verify certificate: certificate is valid for localhost, 127.0.0.1, not 127.0.0.2");
    client.server_name = "any.wild.test";
    EXPECT_EQ(outcome(client, all.server_options("second")).first, fine);
    client.root_file.clear();
    EXPECT_EQ(outcome(client, all.server_options("second")).first,
              "tls: failed to verify certificate: certificate signed by unknown authority: CN=test authority");
    client.server_name.clear();
    auto nameless = connect_tls(made(client), made(all.server_options()));
    EXPECT_EQ(message_of(nameless.client.handshake()), "tls: server_name: none given, so the peer cannot be verified");
    client.insecure_skip_verify = true;
    EXPECT_EQ(outcome(client, all.server_options("expired")), std::pair(fine, fine));
  });
}

TEST(TlsHandshake, AsksClientsForCertificates) {
  gos::run([] {
    const auto& all = certificates::made();
    auto client = all.client_options();
    auto server = all.server_options();
    const auto served = [&](tls::client_auth wanted) {
      server.client_certificates = wanted;
      return outcome(client, server).second;
    };
    server.client_root_file = all.path("ca.pem");
    EXPECT_EQ(served(tls::client_auth::request), fine);
    EXPECT_EQ(served(tls::client_auth::verify_if_given), fine);
    EXPECT_EQ(served(tls::client_auth::require_any), "tls: client didn't provide a certificate");
    client.certificates = {all.of("self")};
    EXPECT_EQ(served(tls::client_auth::require_any), fine);
    EXPECT_EQ(served(tls::client_auth::verify_if_given),
              "tls: failed to verify certificate: certificate is signed by itself, and not trusted: CN=localhost");
    client.certificates = {all.of("client")};
    server.client_certificates = tls::client_auth::require_and_verify;
    auto pair = connect_tls(made(client), made(server));
    EXPECT_EQ(shake(pair).second, fine);
    EXPECT_EQ(pair.server.state().peer.at(0).subject, "CN=client");
    // The refused one hears of it when it reads.
    client.certificates = {all.of("expired")};
    auto refused = connect_tls(made(client), made(server));
    EXPECT_TRUE(shake(refused).second.starts_with("tls: failed to verify certificate: certificate has expired"));
    char byte = 0;
    EXPECT_EQ(message_of(refused.client.read_some(std::span(&byte, 1))), "remote error: tls: certificate expired");
  });
}

TEST(TlsHandshake, AgreesOnAProtocol) {
  gos::run([] {
    auto client = certificates::made().client_options();
    auto server = certificates::made().server_options();
    client.protocols = {"http/1.1", "h2"};
    server.protocols = {"h2", "http/1.1"};
    auto pair = connect_tls(made(client), made(server));
    EXPECT_EQ(shake(pair), std::pair(fine, fine));
    EXPECT_EQ(pair.client.state().protocol, "h2");  // the server's first
    EXPECT_EQ(pair.server.state().protocol, "h2");
    server.protocols = {"other"};
    EXPECT_EQ(outcome(client, server), std::pair(std::string("remote error: tls: no application protocol"),
                                                 std::string("tls: no application protocol")));
    server.protocols = {};
    EXPECT_EQ(outcome(client, server), std::pair(fine, fine));
    client.max_version = tls::version::tls1_2;
    server.min_version = tls::version::tls1_3;
    EXPECT_EQ(outcome(client, server), std::pair(std::string("remote error: tls: protocol version"),
                                                 std::string("tls: unsupported protocol")));
    server.min_version = tls::version::tls1_2;
    auto older = connect_tls(made(client), made(server));
    EXPECT_EQ(shake(older), std::pair(fine, fine));
    EXPECT_EQ(older.server.state().version, tls::version::tls1_2);
    EXPECT_TRUE(older.server.state().cipher.starts_with("ECDHE-")) << older.server.state().cipher;
  });
}

TEST(TlsHandshake, ChoosesTheCertificateByName) {
  gos::run([] {
    auto client = certificates::made().client_options();
    auto server = certificates::made().server_options();
    server.certificates.push_back(certificates::made().of("second"));
    for (const std::string name : {"localhost", "second.test", "x.wild.test"}) {
      client.server_name = name;
      EXPECT_EQ(outcome(client, server).first, fine) << name;
    }
    // The program's own choice may wait.
    server.certificates.clear();
    client.protocols = {"a", "bc"};
    std::vector<std::string> offered;
    server.get_certificate = [&](const tls::client_hello& hello) -> gos::result<tls::certificate> {
      gos::sleep(1ms);
      offered = hello.protocols;
      if (hello.server_name == "localhost") return certificates::made().of("localhost");
      if (hello.server_name == "none.test") return tls::certificate();
      return std::unexpected(gos::error(std::make_error_code(std::errc::no_such_file_or_directory), "store"));
    };
    client.server_name = "localhost";
    EXPECT_EQ(outcome(client, server), std::pair(fine, fine));
    EXPECT_EQ(offered, client.protocols);
    client.server_name = "none.test";
    EXPECT_EQ(outcome(client, server).second, "tls: no certificate for none.test");
    client.server_name = "other.test";
    EXPECT_EQ(outcome(client, server).second, "tls: get_certificate: store: no such file or directory");
  });
}

TEST(TlsHandshake, ComesBackWithAShorterOne) {
  gos::run([] {
    const auto exchange = [](const tls::config& c, const tls::config& s) {
      auto pair = connect_tls(c, s);
      auto serving = gos::spawn([&] { must(pair.server.write_all("x")); });
      char byte = 0;
      must(pair.client.read_full(std::span(&byte, 1)));  // in TLS 1.3 the session comes before the first data
      serving.join();
      return pair.client.state().resumed;
    };
    auto client_options = certificates::made().client_options();
    for (const auto version : {tls::version::tls1_2, tls::version::tls1_3}) {
      client_options.max_version = version;
      auto server_options = certificates::made().server_options();
      const auto client = made(client_options), server = made(server_options);
      EXPECT_FALSE(exchange(client, server));
      EXPECT_TRUE(exchange(client, server));
      EXPECT_TRUE(exchange(client, server));
      EXPECT_FALSE(exchange(made(client_options), server));  // its own sessions only
      server_options.session_tickets = false;
      const auto without = made(server_options);
      EXPECT_FALSE(exchange(client, without));
      EXPECT_FALSE(exchange(client, without));
    }
  });
}

TEST(TlsHandshake, EndsWhenTimeIsUpOrItIsGivenUp) {
  on_thread_and_goroutine([] {
    auto options = certificates::made().server_options();
    options.handshake_timeout = 20ms;
    auto [quiet, below] = connect_pair();
    auto server = tls::server(std::move(below), made(options));
    const auto late = server.handshake();
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), std::errc::timed_out);
    EXPECT_TRUE(late.error().message().ends_with(": i/o timeout")) << late.error().message();
    char byte = 0;
    EXPECT_EQ(server.read_some(std::span(&byte, 1)).error(), std::errc::timed_out);

    auto [silent, other] = connect_pair();
    auto client = tls::client(std::move(other), made(certificates::made().client_options()));
    const auto [ctx, cancel] = gos::with_cancel(gos::background());
    gos::go([cancel = cancel] {
      gos::sleep(10ms);
      cancel();
    });
    const auto given_up = client.handshake(ctx);
    ASSERT_FALSE(given_up);
    EXPECT_EQ(given_up.error(), std::errc::operation_canceled);
    EXPECT_EQ(given_up.error().message(), "handshake tcp " + client.local_address().to_string() + "->" +
                                              client.remote_address().to_string() + ": operation was canceled");
  });
}

TEST(TlsHandshake, KnowsWhatIsNoHandshake) {
  gos::run([] {
    const auto server_config = made(certificates::made().server_options());
    for (const std::string text : {"GET / HTTP/1.1\r\n\r\n", "hello, is anybody there?\n"}) {
      auto [plain, below] = connect_pair();
      auto server = tls::server(std::move(below), server_config);
      must(plain.write_all(text));
      const auto refused = server.handshake();
      EXPECT_EQ(message_of(refused), "tls: first record does not look like a TLS handshake");
      EXPECT_EQ(refused.error(), tls::errc::not_tls);
    }
    auto [plain, below] = connect_pair();
    auto client = tls::client(std::move(below), made(certificates::made().client_options()));
    must(plain.write_all("HTTP/1.1 400 Bad Request\r\n\r\n"));
    EXPECT_EQ(message_of(client.handshake()), "tls: first record does not look like a TLS handshake");
    auto [gone, left] = connect_pair();
    auto alone = tls::server(std::move(left), server_config);
    must(gone.close());
    EXPECT_TRUE(message_of(alone.handshake()).ends_with(": EOF"));
  });
}

TEST(TlsHandshake, CertificatesAreReloaded) {
  gos::run([] {
    const auto& all = certificates::made();
    ASSERT_EQ(all.run("cp localhost.pem site.pem && cp key.pem site.key"), 0);
    auto files = must(tls::certificate_files::open(all.path("site.pem"), all.path("site.key"), 1ms));
    auto by_hand = must(tls::certificate_files::open(all.path("site.pem"), all.path("site.key"), 0ms));
    tls::options server_options;
    server_options.get_certificate = files;
    auto client_options = all.client_options();
    client_options.insecure_skip_verify = true;
    const auto client = made(client_options), server = made(server_options);
    const auto shown = [&] {
      auto pair = connect_tls(made(client_options), server);
      EXPECT_EQ(shake(pair).first, fine);
      return pair.client.state().peer.at(0).subject;
    };
    EXPECT_EQ(shown(), "CN=localhost");
    // A file that is being written: the last good one stays.
    ASSERT_EQ(all.run("head -c 100 second.pem >new.pem && mv new.pem site.pem"), 0);
    gos::sleep(2ms);
    EXPECT_EQ(shown(), "CN=localhost");
    EXPECT_FALSE(by_hand.reload());
    ASSERT_EQ(all.run("cp second.pem new.pem && mv new.pem site.pem"), 0);
    EXPECT_TRUE(eventually([&] { return shown() == "CN=second"; }));
    must(by_hand.reload());
  });
}

TEST(TlsHandshake, SaysWhichOptionIsWrong) {
  const auto& all = certificates::made();
  const auto why = [](const tls::options& o) { return message_of(tls::config::make(o)); };
  EXPECT_EQ(why({.root_file = "/no/such"}), "tls: root_file: open /no/such: no such file or directory");
  EXPECT_EQ(why({.roots = "nonsense"}), "tls: roots: no certificates in PEM found, or damaged ones");
  EXPECT_EQ(why({.client_roots = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            "tls: client_roots: no certificates in PEM found, or damaged ones");
  EXPECT_EQ(why({.protocols = {"h2", ""}}), "tls: protocols: a name has 1 to 255 bytes: \"\"");
  EXPECT_EQ(why({.min_version = tls::version::tls1_3, .max_version = tls::version::tls1_2}),
            "tls: min_version: newer than max_version");
  EXPECT_EQ(why({.certificates = {tls::certificate()}}), "tls: certificates: one of them is none");
  EXPECT_EQ(message_of(tls::listen("tcp", "127.0.0.1:0", made({}))),
            "tls: certificates: a server needs one, or get_certificate");
  EXPECT_EQ(message_of(tls::certificate::from_files("/no/such", "/no/such")),
            "tls: certificate_file: open /no/such: no such file or directory");
  EXPECT_EQ(message_of(tls::certificate::from_files(all.path("key.pem"), all.path("key.pem"))),
            "tls: certificate_file: " + all.path("key.pem") + ": no certificate in PEM found");
  EXPECT_EQ(message_of(tls::certificate::from_files(all.path("localhost.pem"), all.path("ca.key"))),
            "tls: key_file: " + all.path("ca.key") + ": the private key does not belong to the certificate");
}

}  // namespace
