// net_fixture: connected pairs on the loopback, and results that must be values.
#pragma once
#include "fixture.hpp"
#include "loopback.hpp"

#include <gossamer/net.hpp>

#include <sys/socket.h>

#include <string>
#include <utility>

namespace gos_test {

// The value, or a failed test and the end of it (by exception, which GoogleTest reports).
template <class T>
T must(gos::result<T> r) {
  if (!r) throw std::runtime_error(r.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

template <class T>
std::string message_of(const gos::result<T>& r) {
  return r ? "(no error)" : r.error().message();
}

struct connected_pair {
  gos::net::tcp_conn client, server;
};

inline connected_pair connect_pair() {
  auto listener = must(gos::net::listen("tcp", "127.0.0.1:0"));
  auto client = must(gos::net::dial("tcp", listener.address().to_string()));
  return {std::move(client), must(listener.accept())};
}

inline std::string between(const gos::net::tcp_conn& c) {
  return c.local_address().to_string() + "->" + c.remote_address().to_string();
}

inline int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

// Runs the body of a test twice: on the test's own thread, and as main goroutine.
template <class F>
void on_thread_and_goroutine(F&& body) {
  {
    SCOPED_TRACE("on a plain thread");
    body();
  }
  gos::run([&] { body(); });
}

inline auto in(std::chrono::nanoseconds d) { return std::chrono::steady_clock::now() + d; }

}  // namespace gos_test
