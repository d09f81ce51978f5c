// net: TCP, as blocking calls that block only their goroutine.
//
//   auto listener = gos::net::listen("tcp", "localhost:9000");
//   if (!listener) return std::puts(listener.error().message().c_str()), 1;
//   while (auto conn = listener->accept()) gos::go(serve, std::move(*conn));
//
// A goroutine that waits for a peer uses no thread; from a plain thread every call works too and blocks that thread.
// Expected failures are values: see <gossamer/error.hpp>. Nothing here throws but std::bad_alloc.
//
// Lifetime. Handles own their descriptor, move, and close it when they are destroyed. Any number of goroutines may call
// the functions of one handle at once, close() included; the handle itself must outlive these calls and must not be moved
// during them. Functions of a moved-from handle fail with std::errc::invalid_argument.
//
// The first listen or dial raises the soft limit of open descriptors to the hard one, as Go does; child processes inherit that.
//
// Reads of one connection are serialised, and so are writes: bytes of concurrent write_all calls do not interleave.
// Source: Go package net, internal/poll; contract NF-01..NF-18.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gossamer/error.hpp>
#include <gossamer/fd.hpp>

namespace gos {

using time_point = std::chrono::steady_clock::time_point;
class context;

namespace rt {
class net_fd;
}

namespace net {

// An IP address and a port. A value; the default one is empty (`to_string()` is "").
class endpoint {
 public:
  endpoint() noexcept = default;
  // ip: 4 or 16 bytes in network order, else the endpoint is empty. An IPv4 address mapped into IPv6 becomes IPv4. zone: the
  // interface of a link-local IPv6 address, 0 for none.
  endpoint(std::span<const std::byte> ip, std::uint16_t port, std::uint32_t zone = 0) noexcept;

  std::string to_string() const;  // "127.0.0.1:9000", "[::1]:9000"
  std::string host() const;       // "127.0.0.1", "::1"
  std::uint16_t port() const noexcept { return port_; }
  std::span<const std::byte> ip() const noexcept { return std::span(ip_).first(size_); }
  std::uint32_t zone() const noexcept { return zone_; }
  bool empty() const noexcept { return size_ == 0; }

  friend bool operator==(const endpoint& a, const endpoint& b) noexcept = default;

 private:
  std::array<std::byte, 16> ip_{};
  std::uint32_t zone_ = 0;
  std::uint16_t port_ = 0;
  std::uint8_t size_ = 0;
};

// What all connections have.
//
// Deadlines are absolute. A deadline applies to all pending and future operations of its direction until it is changed; an
// operation that meets it fails with `i/o timeout` (== std::errc::timed_out), whatever data or room there is, and the
// connection is usable again once the deadline is moved. std::nullopt (`{}`), time_point{} and time_point::max() remove it.
//
// Operations that close() interrupts, and all later ones, fail with io_errc::closed.
class stream_base {
 public:
  // Reads at least one byte and at most the buffer's size: returns as soon as there is something. 0: end of file, the peer
  // has finished sending; or the buffer was empty, which returns at once. A reset by the peer is an error (ECONNRESET).
  // The buffer is not touched after the return.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer);

  // Fills the whole buffer, and returns its size. A connection that ends before is an error: io_errc::end_of_file
  // (`EOF`) when nothing had been read, else io_errc::unexpected_end_of_file; error::transferred() says how much was.
  // Other reads may come between its pieces.
  result<std::size_t> read_full(std::span<std::byte> buffer);
  result<std::size_t> read_full(std::span<char> buffer);

  // Writes at least one byte (of a non-empty piece), as much as there is room for, and returns how many.
  // A peer that is gone is an error (`broken pipe`, `connection reset by peer`), never a signal.
  result<std::size_t> write_some(std::span<const std::byte> data);
  result<std::size_t> write_some(std::string_view data);

  // Writes everything and returns its size. After a failure error::transferred() says how much was written.
  result<std::size_t> write_all(std::span<const std::byte> data);
  result<std::size_t> write_all(std::string_view data);

  // Ends all operations in progress, waits for them to leave, and closes: when it returns, the descriptor is closed. A
  // second call fails with io_errc::closed; of concurrent calls exactly one succeeds.
  result<void> close();
  // Sends end of file after what was written; reading goes on. Later writes fail.
  result<void> close_write();
  // Later reads find end of file once what has arrived is read.
  result<void> close_read();

  result<void> set_deadline(std::optional<time_point> when);
  result<void> set_read_deadline(std::optional<time_point> when);
  result<void> set_write_deadline(std::optional<time_point> when);

  // Also after close(). Empty for a moved-from handle.
  endpoint local_address() const;
  endpoint remote_address() const;

 protected:
  stream_base() noexcept = default;
  explicit stream_base(rt::net_fd* fd) noexcept : fd_(fd) {}
  stream_base(stream_base&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  stream_base& operator=(stream_base&& other) noexcept;
  ~stream_base();

  rt::net_fd* fd_ = nullptr;
};

// A TCP connection. Small writes are sent at once (TCP_NODELAY), and dead peers are found by keep-alive probes after
// 15 s of silence, every 15 s, 9 times: Go's settings.
class tcp_conn : public stream_base {
 public:
  tcp_conn() noexcept = default;  // as if moved from
  explicit tcp_conn(rt::net_fd* fd) noexcept : stream_base(fd) {}
  tcp_conn(tcp_conn&&) noexcept = default;
  tcp_conn& operator=(tcp_conn&&) noexcept = default;
  ~tcp_conn() = default;

  result<void> no_delay(bool on);
  result<void> keep_alive(bool on);
  // What close() does with bytes not sent yet: negative, the default: they are sent in the background; 0: thrown away, and
  // the peer gets a reset; positive: close() waits for them up to that long.
  result<void> linger(int seconds);
  // -1 when closed. The descriptor stays the connection's; it is non-blocking.
  int native_handle() const;
};

class tcp_listener {
 public:
  tcp_listener() noexcept = default;  // as if moved from
  explicit tcp_listener(rt::net_fd* fd) noexcept : fd_(fd) {}
  tcp_listener(tcp_listener&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  tcp_listener& operator=(tcp_listener&& other) noexcept;
  ~tcp_listener();

  // Waits for the next connection. Connections that were aborted before they could be accepted are passed over.
  result<tcp_conn> accept();
  // The same for a server that shall live: where the process or the system has no descriptor or memory for another connection, it
  // waits and tries again, after 5 ms, and after twice as long each time up to 1 s. Clients stay in the queue meanwhile. Each wait is
  // told to `say`, without one to standard error: `accept tcp 127.0.0.1:9000: accept4: too many open files; retrying in 5ms`.
  // close() and a deadline are noticed after the wait. Other failures are returned as accept() does. Source: Go net/http
  // Server.Serve.
  result<tcp_conn> accept_patiently(const std::function<void(std::string_view)>& say = nullptr);
  // Where it listens, with the real port if 0 was asked for. Also after close().
  endpoint address() const;
  // As stream_base::close(): the port can be listened on again at once.
  result<void> close();
  // For accept, as stream_base's.
  result<void> set_deadline(std::optional<time_point> when);
  int native_handle() const;

 private:
  rt::net_fd* fd_ = nullptr;
};

// Listens for connections. network: "tcp", "tcp4" or "tcp6"; address: "host:port", "[::1]:port", ":port" for all
// addresses of the machine (IPv6 and IPv4, where it has both); port 0 chooses a free one. A name is resolved and its first
// IPv4 address, else its first IPv6 address, is used. The backlog is the system's largest.
// Errors: `listen tcp 127.0.0.1:9000: bind: address already in use`, `listen tcp: address 12345: missing port in address`.
result<tcp_listener> listen(std::string_view network, std::string_view address);

// Connects. The addresses of the host are tried in order, and those of the first one's kind (IPv6 or IPv4) have a head start:
// 250 ms later, or when they all have failed, those of the other kind are tried beside them, and the first connection wins
// (RFC 8305). The error is that of the first address. An empty host is this machine.
// Errors: `dial tcp 127.0.0.1:1: connect: connection refused`, `dial tcp: lookup nosuch: no such host`.
result<tcp_conn> dial(std::string_view network, std::string_view address);
// The same until ctx is done: then it fails with ctx.err() as its code, and `operation was canceled` or `i/o timeout` as
// its text. With a deadline, an address that does not answer leaves time for those behind it. ctx does nothing to the connection once it is made. Needs <gossamer/context.hpp>. Contract NF-17.
result<tcp_conn> dial(std::string_view network, std::string_view address, const context& ctx);

// The addresses of a host, as "127.0.0.1" or "::1", without repetitions, in the order of RFC 6724. Literal addresses are returned
// as they are. Asks as the system is set up to: /etc/hosts, the servers of resolv.conf; no thread waits for them. Where
// nsswitch.conf names further sources, or the library was built without c-ares, the C library is asked, on a thread that holds
// up no goroutine. Callers that ask for one name at the same time share the question. See docs/dns.md.
// Errors: `lookup nosuch: no such host`, `... i/o timeout`, `... server misbehaving`.
result<std::vector<std::string>> lookup_host(std::string_view name);
// The same until ctx is done: then it fails with ctx.err() as its code, and `operation was canceled` or `i/o timeout` as
// its text.
result<std::vector<std::string>> lookup_host(std::string_view name, const context& ctx);

}  // namespace net
}  // namespace gos
