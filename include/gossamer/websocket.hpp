// websocket: RFC 6455, both ends: messages over one connection that stays open.
//
//   router.handle("GET /chat", [](gos::http::request& request, gos::http::response_writer& response) {
//     auto socket = gos::http::websocket::accept(request, response);
//     if (!socket) return;                                     // the client has been told why
//     while (auto message = socket->read()) {
//       if (!socket->write(message->text)) return;
//     }
//   });
//
// Pings are answered by read(), fragments joined, text checked to be UTF-8. One goroutine at a time may read, and any number
// may write beside it: messages do not interleave.
// Source: RFC 6455.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/error.hpp>
#include <gossamer/http.hpp>

namespace gos::http {

struct websocket_options {
  // Longer messages end the connection with 1009.
  std::size_t message_bytes = 16 * 1024 * 1024;
  // How long a write, or the rest of a frame that has begun, may take. Zero: no limit.
  std::chrono::milliseconds frame_timeout = std::chrono::seconds(30);
  // What the server speaks, most wanted first; or what the client asks for.
  std::vector<std::string> protocols = {};
  // Whether a page of this origin may connect. Without one: if the Origin's host is the request's, or there is no Origin.
  std::function<bool(const request&)> origin_allowed = {};
};

class websocket {
 public:
  // A server's end, from a handler: takes the connection over, until server::close() or whoever has it ends it. Requests that are no handshake are answered: 400, 403, 405, 426.
  static result<websocket> accept(request& request, response_writer& response,
                                  const websocket_options& options = {});
  // A client's end over a connection: ws://host/path over TCP, or wss:// over a tls::conn that the caller has dialled.
  static result<websocket> connect(net::stream_base&& conn, std::string_view url,
                                   const websocket_options& options = {});

  websocket() noexcept;  // as if moved from
  websocket(websocket&&) noexcept;
  websocket& operator=(websocket&&) noexcept;
  ~websocket();  // ends the connection without a farewell if close() has not been called

  enum class kind : std::uint8_t { text, binary };
  struct message {
    websocket::kind kind = kind::text;
    std::string text;
  };

  // The next message. The end: io_errc::end_of_file when the peer has said goodbye (its close is answered; close_code(), close_reason()),
  // errc::websocket when it broke the protocol: `websocket: reserved bits are set`; it has then been told 1002, 1007 or 1009.
  result<message> read();
  result<void> write(std::string_view text) { return write(text, kind::text); }
  result<void> write(std::string_view data, kind kind);
  result<void> ping(std::string_view data = {});

  // Says goodbye, and waits for the peer's answer for at most `wait`; then ends the connection. Not beside a read().
  result<void> close(int code = 1000, std::string_view reason = {},
                     std::chrono::milliseconds wait = std::chrono::seconds(5));
  // Ends everything now, from any goroutine.
  void abort();

  // What the peer gave in its farewell; 1005 if it gave none, 0 before.
  int close_code() const noexcept;
  const std::string& close_reason() const noexcept;
  const std::string& protocol() const noexcept;  // agreed on, or empty
  // Of all reads that wait for a message; for a peer that must be heard from. {}: none.
  result<void> set_read_deadline(std::optional<time_point> when);

  struct state;

 private:
  explicit websocket(std::unique_ptr<state> state) noexcept;
  std::unique_ptr<state> state_;
};

// Server-sent events: a stream of texts to a page's EventSource.
//
//   auto events = gos::http::event_stream::begin(response);
//   while (auto news = next_news(request.ctx())) {
//     if (!events.send(*news, "news")) return;
//   }
class event_stream {
 public:
  // Sends the head.
  static event_stream begin(response_writer& response);
  // Each is sent at once. Lines of data may be several; a name or an id with a line break panics.
  result<void> send(std::string_view data, std::string_view name = {}, std::string_view id = {});
  // What the client ignores: keeps proxies from closing the connection.
  result<void> comment(std::string_view text = {});
  // How long the client waits before it connects again.
  result<void> retry(std::chrono::milliseconds wait);

 private:
  explicit event_stream(response_writer& response) noexcept : response_(&response) {}
  result<void> put(const std::string& text);
  response_writer* response_;
};

}  // namespace gos::http
