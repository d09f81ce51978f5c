// The examples that are web servers, as curl sees them.
#include "child.hpp"
#include "fixture.hpp"

namespace {

using namespace gos_test;

// An example on a free port.
class example {
 public:
  example(const std::string& name, std::vector<std::string> more = {}) : server_(name, all(std::move(more))) {
    EXPECT_TRUE(server_.read_until("\n")) << server_.err();
    const std::string& line = server_.out();
    EXPECT_TRUE(line.starts_with("listening on ")) << line;
    at_ = "http://" + line.substr(13, line.find('\n') - 13);
  }
  ~example() {
    server_.kill(SIGKILL);
    server_.wait();
  }
  std::string get(const std::string& path, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"-sS", "--noproxy", "*", at_ + path});
    const auto done = run_child("/usr/bin/curl", more);
    return done.out + done.err;
  }

 private:
  static std::vector<std::string> all(std::vector<std::string> more) {
    more.insert(more.begin(), "0");
    return more;
  }
  child server_;
  std::string at_;
};

TEST(HttpExamples, Hello) {
  example hello("hello_server");
  EXPECT_EQ(hello.get("/hello/you"), "hello you\n");
  EXPECT_EQ(hello.get("/hello/"), "404 page not found\n");
}

TEST(HttpExamples, ChatWithItsPage) {
  const std::string directory = "/tmp/gos_chat_" + std::to_string(::getpid());
  ASSERT_EQ(run_child("/bin/mkdir", {directory}).status, 0);
  std::ofstream(directory + "/a.txt") << "a file\n";
  {
    example chat("chat", {directory});
    EXPECT_NE(chat.get("/").find("new WebSocket("), std::string::npos);
    EXPECT_EQ(chat.get("/files/a.txt", {"-r", "2-5"}), "file");
    EXPECT_NE(chat.get("/socket", {"-o", "/dev/null", "-w", "%{http_code}"}).find("426"), std::string::npos);
    const std::string upgraded = chat.get(
        "/socket", {"-i", "-m", "1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H",
                    "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="});
    EXPECT_NE(upgraded.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos) << upgraded;
  }
  run_child("/bin/rm", {"-r", directory});
}

}  // namespace
