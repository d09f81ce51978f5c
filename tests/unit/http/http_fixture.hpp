// http_fixture: a server on the loopback for a test, and a client that sends bytes as they are.
#pragma once

#include "net_fixture.hpp"

#include <gossamer/http.hpp>

namespace gos_test {

namespace http = gos::http;

// What a server has logged.
class error_log {
 public:
  void add(std::string_view line) {
    const std::scoped_lock guard(lock_);
    text_.append(line) += '\n';
  }
  std::string text() const {
    const std::scoped_lock guard(lock_);
    return text_;
  }

 private:
  mutable gos::mutex lock_;
  std::string text_;
};

class running_server {
 public:
  explicit running_server(http::handler h, http::server_options options = {})
      : listener_(must(gos::net::listen("tcp", "127.0.0.1:0"))),
        server_(std::move(h), with_log(std::move(options))) {
    serving_.go([this] {
      const auto served = server_.serve(listener_);
      EXPECT_EQ(served.error().code(), make_error_code(http::errc::server_closed))
          << served.error().message();
    });
  }
  ~running_server() { stop(); }
  void stop() {
    server_.close();
    serving_.wait();
  }

  http::server& server() { return server_; }
  std::string address() const { return listener_.address().to_string(); }
  std::string port() const { return std::to_string(listener_.address().port()); }
  std::string log() const { return log_.text(); }
  gos::net::tcp_conn dial() const { return must(gos::net::dial("tcp", address())); }

  // Sends the bytes on a connection of their own and returns all that comes until the server closes it.
  std::string talk(std::string_view bytes) const {
    auto conn = dial();
    static_cast<void>(conn.write_all(bytes));
    return rest(conn);
  }
  static std::string rest(gos::net::stream_base& conn) {
    must(conn.set_read_deadline(std::chrono::steady_clock::now() + scaled(20s)));
    std::string all;
    char buffer[4096];
    for (;;) {
      const auto n = conn.read_some(buffer);
      if (!n) return all + "[" + n.error().message() + "]";
      if (*n == 0) return all;
      all.append(buffer, *n);
    }
  }

 private:
  http::server_options with_log(http::server_options options) {
    if (!options.error_log) options.error_log = [this](std::string_view line) { log_.add(line); };
    return options;
  }
  error_log log_;
  gos::net::tcp_listener listener_;
  http::server server_;
  gos::wait_group serving_;
};

// "GET / HTTP/1.1", fields, and the connection's end.
inline std::string get(std::string_view target, std::string_view more = "Connection: close\r\n") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n" + std::string(more) + "\r\n";
}
inline std::string body_of(const std::string& response) {
  const auto at = response.find("\r\n\r\n");
  return at == std::string::npos ? "(no head) " + response : response.substr(at + 4);
}
inline std::string status_line(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}
inline int count_of(std::string_view text, std::string_view what) {
  int n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace gos_test
