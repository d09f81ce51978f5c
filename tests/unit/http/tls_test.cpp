// The server over TLS, with curl: the same handlers, and they know.
#include "child.hpp"
#include "http_fixture.hpp"
#include "tls_fixture.hpp"

namespace {

using namespace gos_test;

TEST(HttpTls, Curl) {
  const auto& all = certificates::made();
  auto listener =
      must(gos::tls::listen("tcp", "127.0.0.1:0", must(gos::tls::config::make(all.server_options()))));
  http::server server([](http::request& r, http::response_writer& w) {
    w.send(std::string(r.secure() ? "secure " : "open ") + r.read_body().value_or("?"));
  });
  gos::wait_group serving;
  serving.go(
      [&] { EXPECT_EQ(server.serve(listener).error().code(), make_error_code(http::errc::server_closed)); });
  const std::string url = "https://localhost:" + std::to_string(listener.address().port()) + "/";
  const std::string much(100'000, 'x');
  std::ofstream(all.path("much")) << much;
  const auto fetched =
      run_child("/usr/bin/curl", {"-sS", "--noproxy", "*", "--cacert", all.path("ca.pem"), "--resolve",
                                  url.substr(8, url.size() - 9) + ":127.0.0.1", url, "--data-binary",
                                  "@" + all.path("much"), "--next", "-sS", "--noproxy", "*", "--cacert",
                                  all.path("ca.pem"), url, "-w", "[%{num_connects}]"});
  EXPECT_EQ(fetched.status, 0) << fetched;
  EXPECT_EQ(fetched.out, "secure " + much + "secure [0]");
  // Who does not speak TLS costs a handshake that fails, and nobody else anything.
  auto conn = must(gos::net::dial("tcp", listener.address().to_string()));
  must(conn.write_all("GET / HTTP/1.1\r\n\r\n"));
  static_cast<void>(running_server::rest(conn));
  must(server.shutdown(gos::background()));
  serving.wait();
}

}  // namespace
