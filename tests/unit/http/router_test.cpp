// Which pattern serves which request, and which patterns do not go together.
#include "http_fixture.hpp"

namespace {

using namespace gos_test;

class routes {
 public:
  routes(std::initializer_list<std::string> patterns) {
    for (const std::string& p : patterns) {
      router_.handle(p, [p](http::request& r, http::response_writer& w) {
        std::string text(r.pattern());
        for (const auto* name : {"x", "y"}) {
          if (!r.path_value(name).empty())
            text.append(" ").append(name).append("=").append(r.path_value(name));
        }
        w.send(text);
      });
    }
    server_.emplace(router_);
  }
  // What answers: the pattern with its values, or the status with Allow or Location.
  std::string of(const std::string& method, const std::string& target, const std::string& host = "a.test") {
    const std::string answer =
        server_->talk(method + ' ' + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    if (answer.starts_with("HTTP/1.1 200")) return body_of(answer);
    std::string text = answer.substr(9, 3);
    for (const std::string field : {"\r\nAllow: ", "\r\nLocation: "}) {
      if (const auto at = answer.find(field); at != std::string::npos) {
        text += ' ' + answer.substr(at + field.size(), answer.find("\r\n", at + 2) - at - field.size());
      }
    }
    return text;
  }

 private:
  http::router router_;
  std::optional<running_server> server_;
};

TEST(HttpRouter, MostSpecificWins) {
  routes r{"/",   "/items/{x}", "GET /items/{x}", "GET /items/new", "GET /files/{x...}",
           "/b/", "/b/{$}",     "/b/{x}/c/{y}",   "b.test/",        "POST /items/{x}/{$}"};
  EXPECT_EQ(r.of("GET", "/"), "/");
  EXPECT_EQ(r.of("GET", "/nothing/there"), "/");
  EXPECT_EQ(r.of("GET", "/items/7"), "GET /items/{x} x=7");
  EXPECT_EQ(r.of("PUT", "/items/7"), "/items/{x} x=7");
  EXPECT_EQ(r.of("GET", "/items/new"), "GET /items/new");
  EXPECT_EQ(r.of("PUT", "/items/new"), "/items/{x} x=new");
  EXPECT_EQ(r.of("GET", "/items/a%2Fb%20c?q"), "GET /items/{x} x=a/b c");
  EXPECT_EQ(r.of("POST", "/items/7/"), "POST /items/{x}/{$} x=7");
  EXPECT_EQ(r.of("GET", "/files/a/b/"), "GET /files/{x...} x=a/b/");
  EXPECT_EQ(r.of("GET", "/files/"), "GET /files/{x...}");
  EXPECT_EQ(r.of("GET", "/b/"), "/b/{$}");
  EXPECT_EQ(r.of("GET", "/b/z"), "/b/");
  EXPECT_EQ(r.of("GET", "/b/1/c/2"), "/b/{x}/c/{y} x=1 y=2");
  EXPECT_EQ(r.of("GET", "/b/1/d/2"), "/b/");
  EXPECT_EQ(r.of("GET", "/items/7", "b.test:80"), "b.test/");
}

TEST(HttpRouter, RedirectsAndRefusals) {
  routes r{"GET /a/{x}", "POST /{y}/b", "GET /dir/", "GET /both/", "/both"};
  EXPECT_EQ(r.of("POST", "/a/b"), "POST /{y}/b y=a");  // the other way is tried, too
  EXPECT_EQ(r.of("HEAD", "/a/b"), "");
  EXPECT_EQ(r.of("PUT", "/a/b"), "405 GET, HEAD, POST");
  EXPECT_EQ(r.of("GET", "/a"), "404");
  EXPECT_EQ(r.of("GET", "/dir?q=1"), "307 /dir/?q=1");
  EXPECT_EQ(r.of("GET", "/both"), "/both");
  EXPECT_EQ(r.of("GET", "/dir/../a/./x"), "307 /a/x");
  EXPECT_EQ(r.of("GET", "//dir//?q"), "307 /dir/?q");
  EXPECT_EQ(r.of("OPTIONS", "*"), "");
}

TEST(HttpRouter, ConflictsNameBoth) {
  const auto said = [](const std::string& first, const std::string& second) {
    http::router router;
    router.handle(first, [](auto&, auto&) {});
    const auto added = router.try_handle(second, [](auto&, auto&) {});
    return added ? "" : added.error().message();
  };
  EXPECT_EQ(said("POST /{y}/b", "GET /a/{x}"), "");
  EXPECT_NE(said("/{y}/b", "GET /a/{x}"), "");
  EXPECT_EQ(said("/{y}/b", "/a/{x}"),
            "http: pattern \"/a/{x}\" conflicts with pattern \"/{y}/b\": both match paths like \"/a/b\"");
  EXPECT_EQ(said("GET /x", "GET /x"),
            "http: pattern \"GET /x\" conflicts with pattern \"GET /x\": both match the same requests");
  for (const auto& [first, second] : std::map<std::string, std::string>{{"GET /", "/x/"},
                                                                        {"/a/{x}/", "/a/b/{y...}"},
                                                                        {"/{x}", "/{y}"},
                                                                        {"/{x...}", "/"},
                                                                        {"HEAD /", "GET /x"}}) {
    const bool conflict = first == "GET /" || first == "/{x}" || first == "/{x...}" || first == "HEAD /";
    EXPECT_EQ(said(first, second).empty(), !conflict)
        << first << " " << second << ": " << said(first, second);
    EXPECT_EQ(said(second, first).empty(), !conflict) << second << " " << first;
  }
  EXPECT_EQ(panic_text([] {
              http::router r;
              r.handle("/{x}", [](auto&, auto&) {});
              r.handle("/{y}", [](auto&, auto&) {});
            }),
            "http: pattern \"/{y}\" conflicts with pattern \"/{x}\": both match the same requests");
}

TEST(HttpRouter, BadPatterns) {
  http::router router;
  for (const auto& [text, why] :
       std::map<std::string, std::string>{{"", "host/path missing /"},
                                          {"G@T /", "invalid method"},
                                          {"/a{x}", "a wildcard must be a whole segment"},
                                          {"/{x...}/a", "{...} wildcard not at the end"},
                                          {"/{$}/a", "{$} not at the end"},
                                          {"/{1}", "bad wildcard name"},
                                          {"/{}", "bad wildcard name"},
                                          {"/{x}/{x}", "duplicate wildcard name \"x\""},
                                          {"/a//b", "empty segment"},
                                          {"h:80/", "a host without its port is wanted"}}) {
    const auto added = router.try_handle(text, [](auto&, auto&) {});
    ASSERT_FALSE(added) << text;
    EXPECT_EQ(added.error().message(), "http: pattern \"" + text + "\": " + why);
  }
}

TEST(HttpRouter, Middleware) {
  http::router router;
  std::string order;
  for (const std::string name : {"1", "2"}) {
    router.use([&order, name](http::request& r, http::response_writer& w, const http::handler& next) {
      order += name;
      if (r.query() != name) next(r, w);
      else w.error(http::status::forbidden);
      order += name;
    });
  }
  router.handle("/", [&](http::request&, http::response_writer& w) {
    order += "h";
    w.send("x");
  });
  running_server server(router);
  EXPECT_EQ(status_line(server.talk(get("/"))), "HTTP/1.1 200 OK");
  EXPECT_EQ(std::exchange(order, ""), "12h21");
  EXPECT_EQ(status_line(server.talk(get("/?2"))), "HTTP/1.1 403 Forbidden");
  EXPECT_EQ(order, "1221");
}

}  // namespace
