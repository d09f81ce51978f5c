// Requests that no honest client sends: raw bytes in, status out. Each ends the connection, and no handler sees it.
#include "http_fixture.hpp"

namespace {

using namespace gos_test;

struct shape {
  std::string bytes;
  std::string status;  // "400"; "" for no answer
};

class attacked {
 public:
  explicit attacked(http::server_options options = {})
      : server(
            [this](http::request& r, http::response_writer& w) {
              ++calls;
              const auto body = r.read_body();
              if (body) w.send("read " + std::to_string(body->size()));
            },
            std::move(options)) {}
  // Behind the bytes comes a request that must not be served.
  void expect(const shape& s) {
    const int before = calls;
    const std::string answer = server.talk(s.bytes + get("/smuggled"));
    EXPECT_EQ(answer.substr(0, std::min<std::size_t>(answer.find(' ', 9), 12)), "HTTP/1.1 " + s.status)
        << s.bytes << "\n-> " << answer;
    EXPECT_EQ(count_of(answer, "HTTP/1.1 "), 1) << s.bytes << "\n-> " << answer;
    EXPECT_TRUE(answer.find("\r\nConnection: close\r\n") != std::string::npos) << answer;
    EXPECT_EQ(calls, before + handler_calls) << s.bytes;
  }
  std::atomic<int> calls{0};
  int handler_calls = 0;
  running_server server;
};

std::string request_with(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

TEST(HttpAttack, Heads) {
  attacked a;
  const std::string nul(1, '\0');
  for (const shape& s : std::initializer_list<shape>{
           {"GET /\r\n\r\n", "400"},  // HTTP/0.9
           {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
           {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"},
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
           {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"},
           {"GET / HTTP/11\r\nHost: a\r\n\r\n", "400"},
           {"GET / http/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET / / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\n\r\n", "400"},  // no Host
           {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
           {"GET / HTTP/1.1\nHost: a\n\n", "400"},  // bare LF
           {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", "400"},  // bare CR
           {"GET / HTTP/1.1\r\nHost: a\r\n\r \r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400"},  // folded
           {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xbc: z\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX: y" + nul + "z\r\n\r\n", "400"},
           {"GET /" + nul + " HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", "417"},
       }) {
    a.expect(s);
  }
}

TEST(HttpAttack, Lengths) {
  attacked a;
  for (const shape& s : std::initializer_list<shape>{
           {request_with("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"), "400"},
           {request_with("Content-Length: 5\r\nContent-Length: 5\r\n", "12345"), "400"},
           {request_with("Content-Length: 5, 5\r\n", "12345"), "400"},
           {request_with("Content-Length: +5\r\n", "12345"), "400"},
           {request_with("Content-Length: -5\r\n", "12345"), "400"},
           {request_with("Content-Length: 5 5\r\n", "12345"), "400"},
           {request_with("Content-Length: 0x5\r\n", "12345"), "400"},
           {request_with("Content-Length:\r\n", "12345"), "400"},
           {request_with("Content-Length: 99999999999999999999\r\n", "12345"), "400"},
           {request_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
           {request_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"},
           {request_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
           {request_with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "501"},
           {request_with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
           {request_with("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), "501"},
           {request_with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "501"},
           {request_with("Transfer-Encoding: \x0b"
                         "chunked\r\n",
                         "0\r\n\r\n"),
            "400"},
           {request_with("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), "400"},
           {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
       }) {
    a.expect(s);
  }
}

// The handler runs: it meets the failure when it reads, and has said nothing about it.
TEST(HttpAttack, Chunks) {
  attacked a;
  a.handler_calls = 1;
  const auto chunked = [](const std::string& body) {
    return request_with("Transfer-Encoding: chunked\r\n", body);
  };
  const std::string wide(300, 'x');
  for (const shape& s : std::initializer_list<shape>{
           {chunked("x\r\n\r\n"), "400"},
           {chunked("\r\n"), "400"},
           {chunked("0x5\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked(" 5\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("5 \r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("-5\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("5\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("5;a\rb\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("5\r\n123456\r\n0\r\n\r\n"), "400"},
           {chunked("5\r\n1234567\r\n"), "400"},
           {chunked("5\r\n12345\n0\r\n\r\n"), "400"},
           {chunked("fffffffffffffffff\r\n1"), "400"},
           {chunked("00000000000000005\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("5;" + wide + "\r\n12345\r\n0\r\n\r\n"), "400"},
           {chunked("0\r\nX y: z\r\n\r\n"), "400"},
           {chunked("0\r\n folded\r\n\r\n"), "400"},
           {chunked("0\r\nX: y\n\r\n"), "400"},
           {chunked("0\r\n" + std::string(5000, 'x') + ": y\r\n\r\n"), "400"},
           {chunked("ffffffffffffffff\r\n1"), "413"},
       }) {
    a.expect(s);
  }
}

TEST(HttpAttack, TooMuch) {
  attacked a({.header_bytes = 2000, .target_bytes = 500, .header_count = 10, .body_bytes = 100});
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 10; ++i) many += "X: y\r\n";
  a.expect({many + "\r\n", "431"});
  a.expect({"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", "431"});
  a.expect({"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'x'), "431"});
  a.expect({"GET /" + std::string(500, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"});
  a.expect({"GET /" + std::string(100'000, 'x'), "414"});
  a.handler_calls = 1;
  a.expect({request_with("Content-Length: 101\r\n", std::string(101, 'x')), "413"});
  a.expect(
      {request_with("Transfer-Encoding: chunked\r\n", "65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n"),
       "413"});
  EXPECT_EQ(body_of(a.server.talk(
                request_with("Connection: close\r\nContent-Length: 100\r\n", std::string(100, 'x')))),
            "read 100");
}

// Heads that never end hold a goroutine each, and nobody else up.
TEST(HttpAttack, SlowHeads) {
  attacked a({.header_timeout = scaled(300ms), .idle_timeout = 60s});
  std::vector<gos::net::tcp_conn> slow;
  for (int i = 0; i < live(200); ++i) {
    slow.push_back(a.server.dial());
    must(slow.back().write_all("GET / HTTP/1.1\r\nX-Slow: "));
  }
  EXPECT_EQ(status_line(a.server.talk(get("/"))), "HTTP/1.1 200 OK");
  for (auto& conn : slow) {
    const std::string answer = running_server::rest(conn);
    EXPECT_EQ(status_line(answer), "HTTP/1.1 408 Request Timeout") << answer;
  }
  EXPECT_EQ(a.calls, 1);
}

// A head that comes byte by byte is one head; so are several in one piece.
TEST(HttpAttack, Pieces) {
  attacked a;
  auto conn = a.server.dial();
  for (const char c : request_with("Transfer-Encoding: chunked\r\nConnection: close\r\n",
                                   "3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n")) {
    must(conn.write_all(std::string_view(&c, 1)));
  }
  EXPECT_EQ(body_of(running_server::rest(conn)), "read 5");
  std::string many;
  for (int i = 0; i < 50; ++i) many += request_with("Content-Length: 3\r\n", "abc") + "\r\n";
  const std::string answer = a.server.talk(many + get("/"));
  EXPECT_EQ(count_of(answer, "HTTP/1.1 200 OK\r\n"), 51);
  EXPECT_EQ(count_of(answer, "read 3"), 50);
}

}  // namespace
