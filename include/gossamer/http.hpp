// http: HTTP/1.1 servers: a goroutine for each connection, a router, streaming in both directions, limits on everything.
//
//   gos::http::router router;
//   router.handle("GET /hello/{name}", [](gos::http::request& request, gos::http::response_writer& response) {
//     response.send("hello " + std::string(request.path_value("name")) + "\n");
//   });
//   auto listener = gos::net::listen("tcp", ":8080");
//   if (!listener) return std::puts(listener.error().message().c_str()), 1;
//   gos::http::server server(router);
//   auto served = server.serve(*listener);              // until server.shutdown(), or the listener fails
//   std::puts(served.error().message().c_str());
//
// Handlers run on the goroutine of their connection and may block as they like. One that panics or throws costs its client a 500 and
// the connection, and is written to the log with its stack; the server goes on. Requests that are malformed, ambiguous or too large are
// answered with the fitting 4xx, and the connection is closed: no handler sees them.
//
// Lifetime. request and response_writer belong to the handler's call: views that they give are good until it returns. One goroutine at
// a time may use each of the two; they may be used at the same time.
// Source: Go net/http; RFC 9110, RFC 9112.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/error.hpp>
#include <gossamer/http_message.hpp>
#include <gossamer/net.hpp>

namespace gos::http {

class connection;

// What a client wants.
class request {
 public:
  std::string_view method() const noexcept;
  std::string_view target() const noexcept;  // as it was sent: "/a%20b?q=1"
  // Decoded, without the query: "/a b". Empty for "*" and for CONNECT.
  std::string_view path() const noexcept;
  std::string_view raw_path() const noexcept;  // not decoded
  std::string_view query() const noexcept;     // not decoded, without '?'
  // The first parameter of that name in the query, decoded.
  std::optional<std::string> query_value(std::string_view name) const;
  // What a wildcard of the pattern stands for, decoded; empty if the pattern has none of that name.
  std::string_view path_value(std::string_view name) const noexcept;
  std::string_view pattern() const noexcept;  // that has matched, as it was given; empty without a router
  int minor_version() const noexcept;         // HTTP/1.minor
  std::string_view host() const noexcept;     // of the target if it has one, else the field Host

  const http::fields& headers() const noexcept;
  std::string_view header(std::string_view name) const noexcept { return headers().get(name); }
  // The value of a cookie, as it was sent.
  std::optional<std::string_view> cookie(std::string_view name) const noexcept;

  // Over when the client is gone, once the body has been read; when the server is closed; and when the handler has returned. Costs
  // nothing until it is first asked for; from then on a second goroutine watches the connection.
  const context& ctx();
  // For the handlers behind a middleware: with_value(request.ctx(), key, value).
  void set_context(context ctx);

  // The body, as a stream: 0 at its end, or io_errc::unexpected_end_of_file if the client went before. A client that waits for
  // `100 Continue` gets that with the first read. Failures: errc::body_too_large, errc::malformed, i/o timeout. If the handler has
  // answered nothing when it returns, such a failure is answered with the fitting status.
  result<std::size_t> read_some(std::span<std::byte> buffer);
  result<std::size_t> read_some(std::span<char> buffer) { return read_some(std::as_writable_bytes(buffer)); }
  // All that is left of it.
  result<std::string> read_body();
  // Nothing if the body comes in chunks, 0 if there is none.
  std::optional<std::uint64_t> content_length() const noexcept;
  // How long the body may be, instead of server_options::body_bytes; before it is read.
  void set_body_limit(std::uint64_t bytes) noexcept;
  // What came behind a chunked body that has been read to its end.
  const http::fields& trailers() const noexcept;

  net::endpoint remote_address() const;
  net::endpoint local_address() const;
  bool secure() const noexcept;  // came over TLS

 private:
  friend class connection;
  friend struct access;
  explicit request(connection& of) noexcept : of_(of) {}
  request(const request&) = delete;
  request& operator=(const request&) = delete;
  connection& of_;
};

// A connection without HTTP on it: what hijack() gives.
class raw_conn : public net::stream_base {
 public:
  raw_conn() noexcept = default;  // as if moved from
  explicit raw_conn(rt::stream* stream) noexcept : stream_base(stream) {}
  raw_conn(raw_conn&&) noexcept = default;
  raw_conn& operator=(raw_conn&&) noexcept = default;
  ~raw_conn() = default;
};

// The answer. Head and a small body leave in one write when the handler returns, with a Content-Length. A body that outgrows the
// buffer (4 KiB), or flush(), sends the head first; the body then goes out in chunks, unless its Content-Length was set. Date,
// Content-Length, Transfer-Encoding and Connection are the server's business; setting `Connection: close` ends the connection, and
// Content-Length is kept to: writing more fails, less closes the connection.
class response_writer {
 public:
  // Until the head is sent.
  http::fields& headers() noexcept;
  void header(std::string_view name, std::string_view value) { headers().set(name, value); }
  // The last one counts; 200 without. Panics for numbers below 200 or above 999.
  void set_status(http::status status);
  http::status current_status() const noexcept;
  bool head_sent() const noexcept;

  // Adds to the body. What is written in answer to HEAD, or with a status that has no body, goes nowhere. Failures: those of the
  // connection (the client is gone), errc::body_length.
  result<std::size_t> write_all(std::string_view data);
  result<std::size_t> write_all(std::span<const std::byte> data);
  result<std::size_t> write_some(std::span<const std::byte> data) { return write_all(data); }
  // The whole body, in as few system calls as there can be, without copying a large one.
  result<void> send(std::string_view body);
  result<void> send(std::string_view body, std::string_view content_type);
  // Adds a part of an open file, by sendfile where the connection is a plain socket.
  result<std::uint64_t> send_file(int file, std::uint64_t offset, std::uint64_t count);
  // Sends what there is so far.
  result<void> flush();
  // Sent behind a chunked body; name them in the field Trailer.
  http::fields& trailers() noexcept;

  // Says before the answer that there will be one: 103 with Link fields, for example. status: 100 to 199, but not 101.
  result<void> inform(http::status status, const http::fields& fields);
  // A plain text that says what the status does, or `text`.
  void error(http::status status, std::string_view text = {});
  void redirect(http::status status, std::string_view location);

  // Takes the connection away from the server, for another protocol: write the head of the answer (101) to it, if it is to have one.
  // buffered: what the client has sent beyond its request. Fails when the head has been sent, or the body not been read.
  struct hijacked {
    raw_conn conn;
    std::string buffered;
  };
  result<hijacked> hijack();

 private:
  friend class connection;
  friend struct access;
  explicit response_writer(connection& of) noexcept : of_(of) {}
  response_writer(const response_writer&) = delete;
  response_writer& operator=(const response_writer&) = delete;
  connection& of_;
};

using handler = std::function<void(request&, response_writer&)>;
// Around a handler: does something, calls next or not, does something.
using middleware = std::function<void(request&, response_writer&, const handler& next)>;
handler wrap(middleware around, handler inner);

// Handlers by patterns, `[METHOD ][HOST]/[PATH]`:
//
// - "GET /items/{id}": a wildcard is one whole segment, "{path...}" at the end is all that is left, also nothing.
// - "/files/": ends with a slash: all below it too. "/files/{$}": that path alone.
// - "example.org/": of one host, and preferred to patterns without. Without a method: all methods. GET also serves HEAD.
//
// Of several patterns that fit, the most specific wins: the one that fits fewer requests. Two of which neither is more specific are
// an error that names both: `http: pattern "GET /a/{x}" conflicts with pattern "/{y}/b": both match paths like "/a/b"`.
// No pattern: 404; none with this method: 405 with Allow; "/files" where there is only "/files/": a redirect. A path with `..`,
// `.` or empty segments is redirected to the clean one.
//
// Copies share the patterns. Add all of them before the router serves. Source: Go net/http ServeMux of 1.22.
class router {
 public:
  router();

  // Panics with the text of try_handle's error.
  void handle(std::string_view pattern, handler h);
  result<void> try_handle(std::string_view pattern, handler h);
  // Around all handlers of this router, also those for 404 and the like; the first one is outermost.
  void use(middleware around);

  void operator()(request& request, response_writer& response) const;

  struct state;

 private:
  std::shared_ptr<state> state_;
};

// Files below a directory, for `router.handle("GET /static/{path...}", http::file_server("/var/www"))`: what the wildcard `path` stands
// for, or without one the whole path. Content types by the name's ending, ranges (one or several), ETag and Last-Modified with the
// conditions that go with them, `index.html` for a directory; bytes go from the file's pages to a plain socket (sendfile).
//
// Nothing outside of the directory is served: the kernel resolves the path (openat2, RESOLVE_BENEATH), `..` and symbolic links that
// lead out are 404. Links that stay inside are followed; before Linux 5.6, none are. Only regular files are served.
struct file_options {
  bool dot_files = false;          // names that begin with a dot; without them they are 404, but `.well-known`
  std::string cache_control = {};  // the field Cache-Control
};
handler file_server(std::string directory, file_options options = {});
// One file, wherever it lies: the caller vouches for the path.
void serve_file(request& request, response_writer& response, const std::string& path);

// What the access log is told, when an answer has been given.
struct access_record {
  const http::request& request;
  http::status status;
  std::uint64_t body_bytes;  // sent
  std::chrono::nanoseconds duration;
};
// `127.0.0.1 "GET / HTTP/1.1" 200 6 12us`: a line of a log, without its end.
std::string to_string(const access_record& record);

// Zero is no limit, where it is not said otherwise.
struct server_options {
  std::size_t header_bytes = 64 * 1024;         // all of a request's head; not 0. Beyond: 431
  std::size_t target_bytes = 8 * 1024;          // not 0. Beyond: 414
  std::size_t header_count = 100;               // not 0. Beyond: 431
  std::uint64_t body_bytes = 16 * 1024 * 1024;  // beyond: 413
  std::size_t connections = 0;                  // at once; more of them wait to be accepted

  std::chrono::milliseconds header_timeout =
      std::chrono::seconds(10);  // from the first byte of a head to its last. Beyond: 408
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);   // of each read of a body
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);  // for each 64 KiB
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(120);  // for the next request

  std::function<void(const access_record&)> access_log = {};
  // A line, or several with a stack; without a function: standard error.
  std::function<void(std::string_view)> error_log = {};
  // What the contexts of requests descend from.
  context base = background();
};

class server {
 public:
  explicit server(handler h,
                  server_options options = {});  // panics with the name of a field that makes no sense
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  // Closes everything, and waits for the handlers that are running.
  ~server();

  // Accepts connections and serves each on a goroutine of its own. The listener may be of any kind: net, tls, unix; it must outlive
  // the call, and shutdown() and close() close it. Always ends with an error: errc::server_closed after those two.
  // Waits when the process has too few descriptors, where the listener can (accept_patiently).
  template <class Listener> result<void> serve(Listener& listener) {
    return serve_loop({&listener, [](void* l) -> result<void> { return static_cast<Listener*>(l)->close(); }},
                      [&]() -> result<void> {
                        auto conn = accept_from(listener);
                        if (!conn) return std::unexpected(std::move(conn.error()));
                        start(
                            std::move(*conn), requires { conn->handshake(); });
                        return {};
                      });
  }
  // One connection, on the calling goroutine: returns when it has ended.
  void serve_connection(net::stream_base&& conn, bool secure = false);

  // No more connections; idle ones are closed, and the others when their request is done, with `Connection: close`. Returns when none
  // is left, or with ctx's error when that is over first; then close() ends the rest. Hijacked connections are their owner's.
  result<void> shutdown(const context& ctx);
  // Closes listeners and connections now. Requests' contexts are over. Does not wait.
  void close();

  struct state;

 private:
  struct closable {
    void* listener;
    result<void> (*close)(void* listener);
  };
  template <class Listener> auto accept_from(Listener& listener) {
    if constexpr (requires { listener.accept_patiently(); }) {
      return listener.accept_patiently([this](std::string_view line) { log(line); });
    } else {
      return listener.accept();
    }
  }
  result<void> serve_loop(closable listener, const std::function<result<void>()>& accept_one);
  void start(net::stream_base&& conn, bool secure);
  void log(std::string_view line);

  std::shared_ptr<state> state_;
};

// Listens on `address` (":8080") and serves it until that fails.
result<void> listen_and_serve(std::string_view address, handler h, server_options options = {});

}  // namespace gos::http
