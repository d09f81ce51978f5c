// net: TCP, UDP, Unix sockets and pipes in memory, as blocking calls that block only their goroutine.
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
// Source: Go package net, internal/poll; contract NF-01..NF-19, NF-23.
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
class stream;
}  // namespace rt

namespace net {

// An IP address and a port, or the name of a Unix socket. A value; the default one is empty (`to_string()` is "").
class endpoint {
 public:
  endpoint() noexcept = default;
  // ip: 4 or 16 bytes in network order, else the endpoint is empty. An IPv4 address mapped into IPv6 becomes IPv4. zone: the
  // interface of a link-local IPv6 address, 0 for none.
  endpoint(std::span<const std::byte> ip, std::uint16_t port, std::uint32_t zone = 0) noexcept;
  // A Unix socket's: a path, or with a leading '@' a name in the abstract namespace. "@" alone: a socket without a name.
  static endpoint at_path(std::string path);
  // "127.0.0.1:9000", "[fe80::1%eth0]:9000": literals only. Errors: `address 12345: missing port in address`.
  static result<endpoint> parse(std::string_view text);

  endpoint(const endpoint& other) noexcept : fields_(other.fields_) {
    if (is_unix()) share();
  }
  endpoint(endpoint&& other) noexcept : fields_(std::exchange(other.fields_, {})) {}
  endpoint& operator=(endpoint other) noexcept {
    std::swap(fields_, other.fields_);
    return *this;
  }
  ~endpoint() {
    if (is_unix()) drop();
  }

  std::string to_string() const;  // "127.0.0.1:9000", "[::1]:9000", "/run/a.sock", "@"
  std::string host() const;       // "127.0.0.1", "::1"; "" of a Unix socket
  std::uint16_t port() const noexcept { return fields_.port; }
  std::span<const std::byte> ip() const noexcept {
    return is_unix() ? std::span<const std::byte>() : std::span(fields_.ip).first(fields_.size);
  }
  std::uint32_t zone() const noexcept { return fields_.zone; }
  std::string_view path() const noexcept;  // of a Unix socket, else ""
  bool empty() const noexcept { return fields_.size == 0; }

  friend bool operator==(const endpoint& a, const endpoint& b) noexcept;

 private:
  struct shared_path;  // counted by the endpoints that have it
  static constexpr std::uint8_t unix_size = 255;
  struct fields {
    union {
      std::array<std::byte, 16> ip{};
      shared_path* path;  // size is unix_size
    };
    std::uint32_t zone = 0;
    std::uint16_t port = 0;
    std::uint8_t size = 0;
  };

  bool is_unix() const noexcept { return fields_.size == unix_size; }
  void share() noexcept;
  void drop() noexcept;

  fields fields_;
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
  // The same for several pieces, one behind the other, in as few system calls as possible and without copying them together.
  result<std::size_t> write_all(std::span<const std::span<const std::byte>> pieces);
  result<std::size_t> write_all(std::span<const std::string_view> pieces);

  // Writes `count` bytes of an open file from `offset` on, without moving its position, and returns how many those were:
  // fewer where the file ends before. A socket takes them from the file's pages in the kernel (sendfile); a connection that
  // has to see the bytes, as TLS has, reads and writes them. Waiting for the disk holds a thread, not the other goroutines.
  result<std::uint64_t> send_file(int file, std::uint64_t offset, std::uint64_t count);

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
  friend struct rt_access;  // src/net/stream.hpp

  stream_base() noexcept = default;
  explicit stream_base(rt::stream* stream) noexcept : stream_(stream) {}
  stream_base(stream_base&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  stream_base& operator=(stream_base&& other) noexcept;
  ~stream_base();

  rt::stream* stream_ = nullptr;
};

// Moves everything from one connection to the other until `from` has come to its end, and returns how many bytes that
// were. Between sockets the bytes stay in the kernel (splice). Neither end is closed; a proxy goes on with to.close_write().
// Reads of `from` and writes to `to` by others meanwhile come between. Source: Go io.Copy, net/splice_linux.go.
result<std::uint64_t> copy(stream_base& to, stream_base& from);

// Probes of a silent peer: the first after `idle`, then every `interval`; `count` of them without an answer end the
// connection with ETIMEDOUT. The defaults are Go's.
struct keep_alive_options {
  bool on = true;
  std::chrono::seconds idle{15};
  std::chrono::seconds interval{15};
  int count = 9;
};

// A TCP connection. Small writes are sent at once (TCP_NODELAY), and dead peers are found by keep-alive probes after
// 15 s of silence, every 15 s, 9 times: Go's settings.
class tcp_conn : public stream_base {
 public:
  tcp_conn() noexcept = default;  // as if moved from
  explicit tcp_conn(rt::net_fd* fd) noexcept;
  tcp_conn(tcp_conn&&) noexcept = default;
  tcp_conn& operator=(tcp_conn&&) noexcept = default;
  ~tcp_conn() = default;

  result<void> no_delay(bool on);
  result<void> keep_alive(bool on);
  result<void> keep_alive(const keep_alive_options& options);
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

// What else a listener can be told.
struct listen_options {
  // Several sockets, also of several processes of one user, may listen on one port, and the kernel shares the connections
  // (or datagrams) out among them (SO_REUSEPORT). All of them must ask for it.
  bool reuse_port = false;
  // The wildcard address means IPv6 alone, so that another socket can have the port for IPv4.
  bool v6_only = false;
  // How many connections may wait to be accepted. 0: the system's largest.
  int backlog = 0;
  // Of accepted connections.
  keep_alive_options keep_alive = {};
};
result<tcp_listener> listen(std::string_view network, std::string_view address, const listen_options& options);

// Connects. The addresses of the host are tried in order, and those of the first one's kind (IPv6 or IPv4) have a head start:
// 250 ms later, or when they all have failed, those of the other kind are tried beside them, and the first connection wins
// (RFC 8305). The error is that of the first address. An empty host is this machine.
// Errors: `dial tcp 127.0.0.1:1: connect: connection refused`, `dial tcp: lookup nosuch: no such host`.
result<tcp_conn> dial(std::string_view network, std::string_view address);
// The same until ctx is done: then it fails with ctx.err() as its code, and `operation was canceled` or `i/o timeout` as
// its text. With a deadline, an address that does not answer leaves time for those behind it. ctx does nothing to the connection once it is made. Needs <gossamer/context.hpp>. Contract NF-17.
result<tcp_conn> dial(std::string_view network, std::string_view address, const context& ctx);

// --- Unix sockets ---------------------------------------------------------------------------------------------------------
//
// A path is a file's name, at most 107 bytes, or with a leading '@' a name in the abstract namespace, which no file system
// knows and which ends with its socket. Texts of errors have Go's form: `dial unix /run/a.sock: connect: connection refused`.
// Sockets without a name are shown as "@".

// A descriptor that is closed with its object.
class owned_descriptor {
 public:
  owned_descriptor() noexcept = default;
  explicit owned_descriptor(int fd) noexcept : fd_(fd) {}
  owned_descriptor(owned_descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_descriptor& operator=(owned_descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~owned_descriptor();

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }  // now the caller's

 private:
  int fd_ = -1;
};

class unix_conn : public stream_base {
 public:
  unix_conn() noexcept = default;  // as if moved from
  explicit unix_conn(rt::net_fd* fd) noexcept;
  unix_conn(unix_conn&&) noexcept = default;
  unix_conn& operator=(unix_conn&&) noexcept = default;
  ~unix_conn() = default;

  // Sends data, at least one byte, and with its first byte copies of up to 253 open descriptors. Returns as write_all does.
  result<std::size_t> send_descriptors(std::string_view data, std::span<const int> descriptors);
  struct received {
    std::size_t size = 0;  // bytes in the buffer; 0: end of file
    std::vector<owned_descriptor> descriptors;
  };
  // Reads as read_some does, and takes the descriptors that came along. Plain reads drop them. Fails with EMFILE, having
  // closed what came, if the process may not have so many.
  result<received> receive_descriptors(std::span<char> buffer);

  // Who made or accepted the other end, as the kernel saw it then.
  struct credentials {
    int process;
    unsigned user, group;
  };
  result<credentials> peer_credentials() const;
  int native_handle() const;
};

class unix_listener {
 public:
  unix_listener() noexcept = default;  // as if moved from
  explicit unix_listener(rt::net_fd* fd) noexcept : fd_(fd) {}
  unix_listener(unix_listener&& other) noexcept
      : fd_(std::exchange(other.fd_, nullptr)), removes_path_(other.removes_path_) {}
  unix_listener& operator=(unix_listener&& other) noexcept;
  ~unix_listener();

  result<unix_conn> accept();
  endpoint address() const;
  // Closes and removes the path.
  result<void> close();
  // Whether the end of the listener removes its path; so it does at first.
  void set_removes_path(bool removes) noexcept { removes_path_ = removes; }
  result<void> set_deadline(std::optional<time_point> when);
  int native_handle() const;

 private:
  rt::net_fd* fd_ = nullptr;
  bool removes_path_ = true;
};

// Listens at a path that must not be there yet: `listen unix /run/a.sock: bind: address already in use`. An empty path
// gets a name in the abstract namespace.
result<unix_listener> listen_unix(std::string_view path);
// Connects. While the listener's queue is full it waits.
result<unix_conn> dial_unix(std::string_view path);
result<unix_conn> dial_unix(std::string_view path, const context& ctx);
// Two connected ends without names.
result<std::pair<unix_conn, unix_conn>> unix_pair();

// --- datagrams ------------------------------------------------------------------------------------------------------------

// What UDP and Unix datagram sockets have. Each call moves one whole message; what does not fit into the buffer is cut off.
// A message may be empty: 0 is no end of file. Deadlines and close() are as stream_base's. Dialled sockets have one peer, for
// read_some and write_some; others use receive_from and send_to.
class datagram_base {
 public:
  // An empty buffer returns 0 at once.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer);
  result<std::size_t> write_some(std::span<const std::byte> data);
  result<std::size_t> write_some(std::string_view data);
  result<std::size_t> receive_from(std::span<std::byte> buffer, endpoint& from);
  result<std::size_t> receive_from(std::span<char> buffer, endpoint& from);
  result<std::size_t> send_to(std::span<const std::byte> data, const endpoint& to);
  result<std::size_t> send_to(std::string_view data, const endpoint& to);

  result<void> close();
  result<void> set_deadline(std::optional<time_point> when);
  result<void> set_read_deadline(std::optional<time_point> when);
  result<void> set_write_deadline(std::optional<time_point> when);
  endpoint local_address() const;
  endpoint remote_address() const;
  int native_handle() const;

 protected:
  datagram_base() noexcept = default;
  explicit datagram_base(rt::net_fd* fd) noexcept : fd_(fd) {}
  datagram_base(datagram_base&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  datagram_base& operator=(datagram_base&& other) noexcept;
  ~datagram_base();

  rt::net_fd* fd_ = nullptr;
};

class udp_conn : public datagram_base {
 public:
  udp_conn() noexcept = default;  // as if moved from
  explicit udp_conn(rt::net_fd* fd) noexcept : datagram_base(fd) {}
  udp_conn(udp_conn&&) noexcept = default;
  udp_conn& operator=(udp_conn&&) noexcept = default;
  ~udp_conn() = default;

  // Also receive what is sent to a multicast group (its port does not matter), through the interface of that name or, if it
  // is empty, through the one that the system chooses.
  result<void> join_group(const endpoint& group, std::string_view interface = {});
  result<void> leave_group(const endpoint& group, std::string_view interface = {});
};

class unix_datagram : public datagram_base {
 public:
  unix_datagram() noexcept = default;  // as if moved from
  explicit unix_datagram(rt::net_fd* fd) noexcept : datagram_base(fd) {}
  unix_datagram(unix_datagram&& other) noexcept = default;
  unix_datagram& operator=(unix_datagram&& other) noexcept = default;
  ~unix_datagram() = default;
};

// address as for listen and dial. Errors: `listen udp 127.0.0.1:53: bind: permission denied`,
// `read udp 127.0.0.1:5000->127.0.0.1:53: read: connection refused` (the peer's machine said so).
result<udp_conn> listen_udp(std::string_view address);
result<udp_conn> listen_udp(std::string_view address, const listen_options& options);
result<udp_conn> dial_udp(std::string_view address);
// A socket at a path, which stays behind when it is closed, as Go's; and one with a peer, without a name of its own.
result<unix_datagram> listen_unix_datagram(std::string_view path);
result<unix_datagram> dial_unix_datagram(std::string_view path);

// --- in memory ------------------------------------------------------------------------------------------------------------

// One end of a pipe in memory: full duplex, without a buffer. A write waits for reads that take all of it, straight from its
// own memory. After close() of an end the other one reads end of file, and its writes fail with io_errc::closed_pipe, as all
// operations of the closed end do: `io: read/write on closed pipe`. Time-outs: `read pipe: i/o timeout`. It has no addresses.
class pipe_conn : public stream_base {
 public:
  pipe_conn() noexcept = default;  // as if moved from
  explicit pipe_conn(rt::stream* end) noexcept : stream_base(end) {}
  pipe_conn(pipe_conn&&) noexcept = default;
  pipe_conn& operator=(pipe_conn&&) noexcept = default;
  ~pipe_conn() = default;
};
std::pair<pipe_conn, pipe_conn> pipe();

// --- names ----------------------------------------------------------------------------------------------------------------

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
