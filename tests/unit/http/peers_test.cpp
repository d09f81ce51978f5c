// peers: the server with clients that did not learn HTTP from us: curl and Python's http.client.
#include "child.hpp"
#include "http_fixture.hpp"

namespace {

using namespace gos_test;

const std::string curl = "/usr/bin/curl", python = "/usr/bin/python3";

void echo(http::request& r, http::response_writer& w) {
  w.header("X-Method", r.method());
  char buffer[4096];
  for (;;) {
    const auto n = r.read_some(std::span(buffer));
    if (!n || *n == 0 || !w.write_all(std::string_view(buffer, *n))) return;
  }
}

TEST(HttpPeers, Curl) {
  http::router router;
  router.handle("/echo", echo);
  router.handle("GET /hello/{x}", [](http::request& r, http::response_writer& w) {
    w.send("hello " + std::string(r.path_value("x")));
  });
  router.handle("GET /old/{x}", [](http::request& r, http::response_writer& w) {
    w.redirect(http::status::found, "/hello/" + http::encode_path(r.path_value("x")));
  });
  running_server server(router);
  const std::string at = "http://" + server.address();
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-sS", "--noproxy", "*"});
    const auto done = run_child(curl, words);
    EXPECT_EQ(done.status, 0) << done;
    return done.out;
  };
  EXPECT_EQ(run({at + "/hello/a%20b", at + "/hello/c", "-w", "[%{num_connects}]"}), "hello a b[1]hello c[0]");
  EXPECT_EQ(run({"-L", at + "/old/x%20y"}), "hello x y");
  EXPECT_EQ(run({"-I", at + "/hello/x"}).substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(run({"-o", "/dev/null", "-w", "%{http_code}", "-X", "DELETE", at + "/hello/x"}), "405");
  EXPECT_EQ(run({"--data-binary", "some text", at + "/echo"}), "some text");
  // In chunks, and longer than curl sends without asking first.
  const std::string file = "/tmp/gos_http_peers_" + std::to_string(::getpid());
  std::string much;
  for (int i = 0; i < 200'000; ++i) much += std::to_string(i);
  std::ofstream(file) << much;
  EXPECT_EQ(run({"-T", file, "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", at + "/echo"}),
            much);
  EXPECT_EQ(run({"--data-binary", "@" + file, "-H", "Expect: 100-continue", at + "/echo"}), much);
  std::remove(file.c_str());
}

TEST(HttpPeers, Python) {
  running_server server(echo);
  const auto done = run_child(python, {"-c", R"(
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
for method, body in (('POST', b'abc'), ('PUT', b'x' * 300000), ('GET', None), ('PATCH', iter([b'1', b'23', b'456']))):
    c.request(method, '/', body, encode_chunked=True, headers={} if method != 'PATCH' else {'Transfer-Encoding': 'chunked'})
    r = c.getresponse()
    got = r.read()
    print(r.status, r.getheader('X-Method'), len(got), r.will_close)
    if method == 'PUT': assert got == body
)",
                                       server.port()});
  EXPECT_EQ(done.out, "200 POST 3 False\n200 PUT 300000 False\n200 GET 0 False\n200 PATCH 6 False\n") << done;
}

}  // namespace
