// nf: what the tests of the network share: a connected pair over loopback, and the errors to expect.
#pragma once
#include "fixture.hpp"
#include "loopback.hpp"

#include <gossamer/net.hpp>

#include <string>
#include <utility>

namespace gos_test {

struct connected {
  gos::net::tcp_conn client, server;
};

inline gos::net::tcp_listener listen_here() {
  auto listener = gos::net::listen("tcp", own_loopback());
  if (!listener) ADD_FAILURE() << listener.error().message();
  return std::move(listener.value());
}

inline connected connected_pair() {
  auto listener = listen_here();
  auto accepting = gos::spawn([&] { return listener.accept(); });
  auto client = gos::net::dial("tcp", listener.address().to_string());
  auto server = accepting.join();
  if (!client) ADD_FAILURE() << client.error().message();
  if (!server) ADD_FAILURE() << server.error().message();
  return {std::move(client.value()), std::move(server.value())};
}

template <class T> testing::AssertionResult is_timeout(const gos::result<T>& r) {
  if (r) return testing::AssertionFailure() << "succeeded";
  if (r.error() != std::errc::timed_out)
    return testing::AssertionFailure() << "no timeout: " << r.error().message();
  if (r.error().message().find("i/o timeout") == std::string::npos) {
    return testing::AssertionFailure() << "text: " << r.error().message();
  }
  return testing::AssertionSuccess();
}

template <class T> testing::AssertionResult is_closed(const gos::result<T>& r) {
  if (r) return testing::AssertionFailure() << "succeeded";
  if (r.error().message().find("use of closed network connection") == std::string::npos) {
    return testing::AssertionFailure() << "text: " << r.error().message();
  }
  return testing::AssertionSuccess();
}

// Everything until end-of-file.
template <class Conn> std::string read_all(Conn& conn) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const auto n = conn.read_some(std::span<char>(buffer));
    if (!n) {
      ADD_FAILURE() << n.error().message();
      return all;
    }
    if (*n == 0) return all;
    all.append(buffer, *n);
  }
}

// Writes until the peer's buffers and ours are full and the write has to wait: then n goroutines are in IO wait.
inline gos::join_handle<gos::result<std::size_t>> blocked_writer(gos::net::tcp_conn& conn) {
  auto writing = gos::spawn([&conn] { return conn.write_all(std::string(64 << 20, 'w')); });
  EXPECT_TRUE(blocked("IO wait"));
  return writing;
}

}  // namespace gos_test
