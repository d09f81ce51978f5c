// Files of a directory: what is sent of them, under which conditions, and what is out of reach.
#include "http_fixture.hpp"

#include <gossamer/file.hpp>

namespace {

using namespace gos_test;

class site {
 public:
  site() : directory(must(gos::make_temporary_directory("gos_http_files"))) {
    must(gos::mkdir(root()));
    must(gos::mkdir(root() + "/sub"));
    must(gos::write_file(root() + "/ten.txt", "0123456789"));
    must(gos::write_file(root() + "/sub/index.html", "<p>"));
    must(gos::write_file(root() + "/.env", "secret"));
    must(gos::write_file(directory + "/outside", "secret"));
    std::string large;
    for (int i = 0; i < 100'000; ++i) large += std::to_string(i);
    must(gos::write_file(root() + "/large.bin", large));
    must(gos::symlink("../outside", root() + "/out"));
    must(gos::symlink(directory + "/outside", root() + "/absolute"));
    must(gos::symlink("sub", root() + "/inside"));
    http::router router;
    router.handle("/s/{path...}", http::file_server(root(), {.cache_control = "max-age=1"}));
    router.handle("/one", [this](http::request& r, http::response_writer& w) { serve_file(r, w, root() + "/ten.txt"); });
    server.emplace(router);
  }
  ~site() {
    server.reset();
    must(gos::remove_all(directory));
  }
  std::string root() const { return directory + "/www"; }
  std::string of(const std::string& path, const std::string& fields = "", const std::string& method = "GET") const {
    return server->talk(method + " /s/" + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + "\r\n");
  }
  std::string status(const std::string& path, const std::string& fields = "", const std::string& method = "GET") const {
    return of(path, fields, method).substr(9, 3);
  }
  static std::string field(const std::string& answer, const std::string& name) {
    const auto at = answer.find("\r\n" + name + ": ");
    return at == std::string::npos ? "" : answer.substr(at + name.size() + 4, answer.find("\r\n", at + 2) - at - name.size() - 4);
  }

  std::string directory;
  std::optional<running_server> server;
};

TEST(HttpFiles, WholeOnes) {
  site s;
  const std::string ten = s.of("ten.txt");
  EXPECT_EQ(body_of(ten), "0123456789");
  EXPECT_EQ(site::field(ten, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(site::field(ten, "Content-Length"), "10");
  EXPECT_EQ(site::field(ten, "Cache-Control"), "max-age=1");
  EXPECT_EQ(body_of(s.of("large.bin")), must(gos::read_file(s.root() + "/large.bin")));
  EXPECT_EQ(body_of(s.of("sub/")), "<p>");
  EXPECT_EQ(body_of(s.of("inside/index.html")), "<p>");
  EXPECT_EQ(site::field(s.of("sub"), "Location"), "./sub/");
  const std::string head = s.of("large.bin", "", "HEAD");
  EXPECT_EQ(site::field(head, "Content-Length"), "488890");
  EXPECT_EQ(body_of(head), "");
  EXPECT_EQ(body_of(s.server->talk(get("/one"))), "0123456789");
  EXPECT_EQ(s.status("ten.txt", "", "POST"), "405");
}

TEST(HttpFiles, NothingElse) {
  site s;
  for (const auto* path : {"nothing", "", "out", "absolute", ".env", "%2e%2e/outside", "..%2foutside", "sub/..%2f..%2foutside", "%2fetc/passwd",
                           "ten.txt/", "ten.txt%00.html", "sub/%2e%2e%2f%2e%2e%2foutside", "sub//"}) {
    const std::string answer = s.of(path);
    EXPECT_TRUE(answer.substr(9, 3) == "404" || answer.substr(9, 3) == "307") << path << ": " << answer;
    EXPECT_EQ(answer.find("secret"), std::string::npos) << path;
  }
  EXPECT_TRUE(panic_text([] { http::file_server("/no/such/place"); }).starts_with("http: file_server: open /no/such/place: no such file"));
}

TEST(HttpFiles, Ranges) {
  site s;
  for (const auto& [range, wanted] : std::map<std::string, std::string>{{"0-0", "0"}, {"3-5", "345"}, {"7-", "789"}, {"-2", "89"}, {"8-100", "89"}}) {
    const std::string answer = s.of("ten.txt", "Range: bytes=" + range + "\r\n");
    EXPECT_EQ(answer.substr(9, 3), "206");
    EXPECT_EQ(body_of(answer), wanted) << range;
  }
  EXPECT_EQ(site::field(s.of("ten.txt", "Range: bytes=3-5\r\n"), "Content-Range"), "bytes 3-5/10");
  const std::string beyond = s.of("ten.txt", "Range: bytes=10-\r\n");
  EXPECT_EQ(beyond.substr(9, 3), "416");
  EXPECT_EQ(site::field(beyond, "Content-Range"), "bytes */10");
  for (const auto* bad : {"bytes=5-3", "bytes=x-", "lines=1-2", "bytes=0-9,0-9", "bytes=-", "bytes=1-2,"}) {
    EXPECT_EQ(body_of(s.of("ten.txt", "Range: " + std::string(bad) + "\r\n")), "0123456789") << bad;
  }
  const std::string several = s.of("ten.txt", "Range: bytes=0-1, 5-6\r\n");
  EXPECT_EQ(several.substr(9, 3), "206");
  const std::string type = site::field(several, "Content-Type");
  ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary=")) << type;
  const std::string boundary = type.substr(type.find('=') + 1);
  const std::string body = body_of(several);
  EXPECT_EQ(site::field(several, "Content-Length"), std::to_string(body.size()));
  EXPECT_NE(body.find("--" + boundary + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 5-6/10\r\n\r\n56\r\n--" + boundary + "--\r\n"),
            std::string::npos) << body;
  const std::string large = must(gos::read_file(s.root() + "/large.bin"));
  EXPECT_EQ(body_of(s.of("large.bin", "Range: bytes=1000-250999\r\n")), large.substr(1000, 250'000));
}

TEST(HttpFiles, Conditions) {
  site s;
  const std::string first = s.of("ten.txt");
  const std::string tag = site::field(first, "ETag"), date = site::field(first, "Last-Modified");
  const std::string old = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(s.status("ten.txt", "If-None-Match: \"x\", W/" + tag + "\r\n"), "304");
  EXPECT_EQ(body_of(s.of("ten.txt", "If-None-Match: " + tag + "\r\n")), "");
  EXPECT_EQ(s.status("ten.txt", "If-None-Match: *\r\n"), "304");
  EXPECT_EQ(s.status("ten.txt", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + date + "\r\n"), "200");
  EXPECT_EQ(s.status("ten.txt", "If-Modified-Since: " + date + "\r\n"), "304");
  EXPECT_EQ(s.status("ten.txt", "If-Modified-Since: " + old + "\r\n"), "200");
  EXPECT_EQ(s.status("ten.txt", "If-Match: \"x\"\r\n"), "412");
  EXPECT_EQ(s.status("ten.txt", "If-Match: " + tag + "\r\n"), "200");
  EXPECT_EQ(s.status("ten.txt", "If-Match: W/" + tag + "\r\n"), "412");
  EXPECT_EQ(s.status("ten.txt", "If-Unmodified-Since: " + old + "\r\n"), "412");
  EXPECT_EQ(s.status("ten.txt", "Range: bytes=0-1\r\nIf-Range: " + tag + "\r\n"), "206");
  EXPECT_EQ(s.status("ten.txt", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n"), "200");
  EXPECT_EQ(s.status("ten.txt", "Range: bytes=0-1\r\nIf-Range: " + old + "\r\n"), "200");
}

}  // namespace
