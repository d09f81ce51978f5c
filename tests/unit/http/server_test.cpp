// What a server does with requests that are as they should be: bodies in both directions, connections that stay, clients that leave,
// handlers that fail, its own end.
#include "http_fixture.hpp"

namespace {

using namespace gos_test;

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
const std::string last = "Connection: close\r\n";

// Reads until the text has been seen.
std::string until(gos::net::stream_base& conn, std::string_view text) {
  must(conn.set_read_deadline(std::chrono::steady_clock::now() + scaled(20s)));
  std::string all;
  while (all.find(text) == std::string::npos) {
    char c;
    const auto n = conn.read_some(std::span(&c, 1));
    if (!n || *n == 0) {
      ADD_FAILURE() << "the end came before " << text << ": " << all;
      break;
    }
    all += c;
  }
  return all;
}

TEST(HttpServer, AnswersHaveLengths) {
  running_server server([](http::request& r, http::response_writer& w) {
    const std::string size(r.query_value("n").value_or("0"));
    w.header("X-Test", "1");
    w.header("Transfer-Encoding", "nonsense");
    if (r.path() == "/send") w.send(std::string(static_cast<std::size_t>(std::stoi(size)), 'x'), "a/b");
    else must(w.write_all(std::string(static_cast<std::size_t>(std::stoi(size)), 'x')));
  });
  const std::string small = server.talk(get("/?n=5"));
  EXPECT_TRUE(small.starts_with("HTTP/1.1 200 OK\r\nX-Test: 1\r\nDate: ")) << small;
  EXPECT_TRUE(small.ends_with(" GMT\r\nContent-Length: 5\r\nConnection: close\r\n\r\nxxxxx")) << small;
  const std::string sent = server.talk(get("/send?n=300000"));
  EXPECT_NE(sent.find("\r\nContent-Type: a/b\r\n"), std::string::npos);
  EXPECT_NE(sent.find("\r\nContent-Length: 300000\r\n"), std::string::npos);
  EXPECT_EQ(body_of(sent), std::string(300'000, 'x'));
  const std::string chunked = server.talk(get("/?n=70000"));
  EXPECT_NE(chunked.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(body_of(chunked), "11170\r\n" + std::string(70'000, 'x') + "\r\n0\r\n\r\n");
  const std::string old = server.talk("GET /?n=70000 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(body_of(old), std::string(70'000, 'x'));
  const std::string kept =
      server.talk("GET /?n=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /?n=2 HTTP/1.0\r\n\r\n");
  EXPECT_NE(kept.find("\r\nConnection: keep-alive\r\n\r\nxHTTP/1.1 200 OK\r\n"), std::string::npos) << kept;
  const std::string head = server.talk("HEAD /send?n=300000 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/?n=0"));
  EXPECT_NE(head.find("Content-Length: 300000\r\n\r\nHTTP/1.1 200 OK\r\n"), std::string::npos) << head;
}

TEST(HttpServer, StreamsWhatItIsTold) {
  gos::chan<int> step = gos::make_chan<int>();
  running_server server([&](http::request& r, http::response_writer& w) {
    char buffer[3];
    for (;;) {
      const auto n = must(r.read_some(std::span(buffer)));
      if (n == 0) break;
      must(w.write_all(std::string_view(buffer, n)));
      must(w.flush());
    }
    w.trailers().set("Sum", std::string(r.trailers().get("T")) + "!");
  });
  auto conn = server.dial();
  must(conn.write_all(post("Transfer-Encoding: chunked\r\n" + last, "4\r\nabcd\r\n")));
  EXPECT_TRUE(until(conn, "\r\n\r\n3\r\nabc\r\n1\r\nd\r\n")
                  .starts_with("HTTP/1.1 200"));  // before the request has ended
  must(conn.write_all("1;x\r\ne\r\n0\r\nT: u\r\n\r\n"));
  EXPECT_EQ(running_server::rest(conn), "1\r\ne\r\n0\r\nSum: u!\r\n\r\n");
}

TEST(HttpServer, ContinueOnlyForWhoReads) {
  running_server server([](http::request& r, http::response_writer& w) {
    if (r.path() == "/") w.send(r.read_body().value_or("?"));
    else w.error(http::status::forbidden);
  });
  auto conn = server.dial();
  must(conn.write_all(post("Content-Length: 2\r\nExpect: 100-continue\r\n" + last)));
  EXPECT_EQ(until(conn, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  must(conn.write_all("ab"));
  EXPECT_EQ(body_of(running_server::rest(conn)), "ab");
  // Whether the client sends its body now is not known: the connection ends.
  const std::string refused =
      server.talk("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_line(refused), "HTTP/1.1 403 Forbidden");
  EXPECT_NE(refused.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, UnreadBodiesAreReadOnOrEndTheConnection) {
  running_server server([](http::request&, http::response_writer& w) { w.send("x"); });
  const std::string some = server.talk(post("Content-Length: 1000\r\n", std::string(1000, 'a')) + get("/"));
  EXPECT_EQ(count_of(some, "HTTP/1.1 200 OK"), 2);
  const std::string much =
      server.talk(post("Content-Length: 1000000\r\n", std::string(1'000'000, 'a')) + get("/"));
  EXPECT_EQ(count_of(much, "HTTP/1.1 200 OK"), 1) << much;
}

TEST(HttpServer, LengthsAreKept) {
  running_server server([](http::request& r, http::response_writer& w) {
    w.header("Content-Length", "5");
    if (r.path() == "/more") {
      EXPECT_EQ(w.write_all("123456").error().message(), "http: wrote more than the declared Content-Length");
      must(w.write_all("12345"));
    } else {
      must(w.write_all("123"));
    }
  });
  EXPECT_EQ(body_of(server.talk(get("/more"))), "12345");
  EXPECT_EQ(body_of(server.talk("GET /less HTTP/1.1\r\nHost: a\r\n\r\n")),
            "123");  // and the connection has ended
  server.stop();
  EXPECT_EQ(server.log(), "http: GET /less: wrote 3 bytes of a declared Content-Length of 5\n");
}

TEST(HttpServer, HandlersThatFail) {
  running_server server([](http::request& r, http::response_writer& w) {
    w.header("X-Left", "over");
    must(w.write_all("partly"));
    if (r.path() == "/late") must(w.flush());
    if (r.path() == "/throw") throw std::runtime_error("thrown");
    gos::panic("no such table");
  });
  for (const auto* path : {"/", "/throw"}) {
    const std::string answer = server.talk("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_line(answer), "HTTP/1.1 500 Internal Server Error");
    EXPECT_EQ(answer.find("X-Left"), std::string::npos);
    EXPECT_EQ(body_of(answer), "Internal Server Error\n");
  }
  EXPECT_EQ(body_of(server.talk(get("/late"))), "6\r\npartly\r\n");  // cut off: no last chunk
  server.stop();
  const std::string log = server.log();
  EXPECT_EQ(count_of(log, "http: panic serving 127.0.0.1:"), 3) << log;
  EXPECT_EQ(count_of(log, ": no such table\n"), 2);
  EXPECT_EQ(count_of(log, ": thrown\n"), 1);
  EXPECT_GE(count_of(log, "HttpServer_HandlersThatFail"), 2) << log;  // the stack
}

TEST(HttpServer, ContextEndsWithTheClient) {
  gos::chan<std::string> ended = gos::make_chan<std::string>(10);
  running_server server([&](http::request& r, http::response_writer& w) {
    if (r.path() == "/quick") {
      EXPECT_FALSE(r.ctx().err());
      w.send("x");
      return;
    }
    must(r.read_body());
    r.set_context(gos::with_value(r.ctx(), "key", 7));
    EXPECT_EQ(r.ctx().value<int>("key"), 7);
    must(w.flush());
    r.ctx().done().recv();
    ended.send(r.ctx().err().message());
  });
  {
    auto conn = server.dial();
    must(conn.write_all(get("/quick", "") + post("Content-Length: 3\r\n", "abc")));
    until(conn, "chunked");
  }
  EXPECT_EQ(ended.recv(), "context canceled");
  auto conn = server.dial();  // watched, served, watched
  for (int i = 0; i < 3; ++i) {
    must(conn.write_all(get("/quick", "")));
    until(conn, "\r\n\r\nx");
  }
  must(conn.write_all(get("/wait", "")));
  until(conn, "chunked");
  server.server().close();
  EXPECT_EQ(ended.recv(), "context canceled");
}

TEST(HttpServer, ShutdownDrains) {
  gos::chan<void> arrived = gos::make_chan<void>(), go_on = gos::make_chan<void>();
  running_server server([&](http::request&, http::response_writer& w) {
    arrived.send();
    go_on.recv();
    w.send("done");
  });
  auto idle = server.dial();
  auto busy = server.dial();
  must(busy.write_all(get("/", "")));
  arrived.recv();
  const auto soon = gos::with_timeout(gos::background(), 1ms);
  const auto not_yet = server.server().shutdown(soon.ctx);
  ASSERT_FALSE(not_yet);
  EXPECT_EQ(not_yet.error().message(), "http: shutdown: context deadline exceeded");
  EXPECT_EQ(running_server::rest(idle), "");
  EXPECT_FALSE(gos::net::dial("tcp", server.address()));
  gos::chan<bool> down = gos::make_chan<bool>();
  gos::go([&] { down.send(server.server().shutdown(gos::background()).has_value()); });
  go_on.send();
  const std::string answer = running_server::rest(busy);
  EXPECT_NE(answer.find("\r\nConnection: close\r\n\r\ndone"), std::string::npos) << answer;
  EXPECT_EQ(down.recv(), true);
}

TEST(HttpServer, TimesOut) {
  running_server server(
      [](http::request& r, http::response_writer& w) { w.send(r.read_body().value_or("?")); },
      {.body_timeout = 50ms, .idle_timeout = 50ms});
  auto idle = server.dial();
  EXPECT_EQ(running_server::rest(idle), "");
  auto stuck = server.dial();
  must(stuck.write_all(post("Content-Length: 3\r\n", "ab")));
  EXPECT_EQ(body_of(running_server::rest(stuck)), "?");
}

TEST(HttpServer, AClientThatNeverReads) {
  gos::chan<std::string> failed = gos::make_chan<std::string>();
  running_server server(
      [&](http::request&, http::response_writer& w) {
        for (;;) {
          if (const auto sent = w.write_all(std::string(100'000, 'x')); !sent) {
            failed.send(
                std::string(sent.error() == std::errc::timed_out ? "timed out" : sent.error().message()));
            EXPECT_FALSE(w.write_all("more"));
            return;
          }
        }
      },
      {.write_timeout = 50ms});
  auto conn = server.dial();
  must(conn.write_all(get("/")));
  EXPECT_EQ(failed.recv(), "timed out");
}

TEST(HttpServer, HijackedConnectionsAreTheOwners) {
  gos::wait_group own;
  running_server server([&](http::request& r, http::response_writer& w) {
    static_cast<void>(r.ctx());
    auto taken = must(w.hijack());
    EXPECT_EQ(w.write_all("x").error().message(), "http: connection has been hijacked");
    EXPECT_FALSE(w.hijack());
    own.go(
        [](http::raw_conn conn, std::string text) {
          must(conn.write_all("raw " + text));
          must(conn.close());
        },
        std::move(taken.conn), std::move(taken.buffered));
  });
  EXPECT_EQ(server.talk(get("/") + "more"), "raw more");
  own.wait();
}

TEST(HttpServer, LimitOfConnectionsAndAccessLog) {
  error_log accesses;
  running_server server(
      [](http::request& r, http::response_writer& w) { w.send(r.path()); },
      {.connections = 1, .access_log = [&](const http::access_record& a) { accesses.add(to_string(a)); }});
  auto first = server.dial();
  must(first.write_all(get("/1", "")));
  until(first, "\r\n\r\n/1");
  auto second = server.dial();
  must(second.write_all(get("/2")));
  must(first.write_all(get("/3")));
  EXPECT_EQ(body_of(running_server::rest(first)), "/3");
  EXPECT_EQ(body_of(running_server::rest(second)), "/2");
  server.stop();
  EXPECT_EQ(count_of(accesses.text(), " HTTP/1.1\" 200 2 "), 3) << accesses.text();
  EXPECT_LT(accesses.text().find("\"GET /3 "), accesses.text().find("\"GET /2 "));
}

TEST(HttpServer, OptionsThatMakeNoSense) {
  const auto said = [](http::server_options o) {
    return panic_text([&] { http::server server([](auto&, auto&) {}, std::move(o)); });
  };
  EXPECT_EQ(said({.header_bytes = 0}), "http: server_options.header_bytes: must not be 0");
  EXPECT_EQ(said({.idle_timeout = -1s}), "http: server_options.idle_timeout: must not be negative");
  EXPECT_EQ(panic_text([] { http::server server({}); }), "http: server_options.handler: must not be empty");
}

TEST(HttpServer, OverAPipe) {
  http::server server(
      [](http::request& r, http::response_writer& w) { w.send(r.cookie("b").value_or("none")); });
  auto [here, there] = gos::net::pipe();
  gos::go([&, conn = std::move(there)]() mutable { server.serve_connection(std::move(conn)); });
  must(here.write_all(get("/", "Cookie: a=1; b=2\r\nConnection: close\r\n")));
  EXPECT_EQ(body_of(running_server::rest(here)), "2");
}

}  // namespace
