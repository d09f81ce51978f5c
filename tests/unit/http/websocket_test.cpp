// WebSocket: frames, handshakes, messages in both directions, what a peer must not do; and server-sent events.
#include "http_fixture.hpp"

#include <gossamer/websocket.hpp>

#include "http/digest.hpp"
#include "http/websocket_frame.hpp"

namespace {

using namespace gos_test;
using http::websocket;

const std::string handshake =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
    "WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// A frame as a client sends it.
std::string frame(int first, const std::string& payload) {
  http::frame_head head{.masked = true, .size = payload.size(), .mask = {1, 2, 3, 4}};
  char text[http::frame_head_max];
  std::string out(text, http::write_frame_head(head, text));
  out[0] = static_cast<char>(first);
  std::string masked = payload;
  http::apply_mask(masked, head.mask, 0);
  return out + masked;
}
std::string bytes(std::initializer_list<int> all) { return {all.begin(), all.end()}; }

// Sends messages back, then tells why the connection has ended.
class echo_server {
 public:
  explicit echo_server(http::websocket_options options = {})
      : server([this, options](http::request& r, http::response_writer& w) {
          auto socket = websocket::accept(r, w, options);
          if (!socket) return;
          for (;;) {
            auto message = socket->read();
            if (!message) {
              ends.send(message.error().message() + " " + std::to_string(socket->close_code()) +
                        socket->close_reason());
              return;
            }
            if (!socket->write(message->text, message->kind)) return;
          }
        }) {}
  websocket connect(const http::websocket_options& options = {}) {
    return must(websocket::connect(server.dial(), "ws://a.test/", options));
  }
  // What comes back for these bytes behind the handshake.
  std::string talk(const std::string& sent) { return body_of(server.talk(handshake + "\r\n" + sent)); }
  gos::chan<std::string> ends = gos::make_chan<std::string>(10);
  running_server server;
};

TEST(HttpWebsocket, Digest) {
  EXPECT_EQ(http::accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const auto hex = [](const std::array<std::uint8_t, 20>& d) {
    std::string text;
    for (const auto b : d) text += "0123456789abcdef"[b >> 4], text += "0123456789abcdef"[b & 15];
    return text;
  };
  EXPECT_EQ(hex(http::sha1("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex(http::sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  for (const auto& [text, wanted] : std::map<std::string, std::string>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    EXPECT_EQ(http::base64(text), wanted);
  }
}

TEST(HttpWebsocket, Utf8) {
  for (const std::string good : {"", "a\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbf",
                                 "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"})
    EXPECT_TRUE(http::is_utf8(good));
  for (const std::string bad :
       {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1", "\xff"}) {
    EXPECT_FALSE(http::is_utf8(bad)) << bad.size();
  }
}

TEST(HttpWebsocket, Handshakes) {
  echo_server s;
  const std::string good = s.server.talk(handshake + "\r\n" + frame(0x88, ""));
  EXPECT_EQ(status_line(good), "HTTP/1.1 101 Switching Protocols");
  EXPECT_NE(good.find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos);
  const auto with = [&](const std::string& what, const std::string& instead, const std::string& more = "") {
    std::string text = handshake;
    text.replace(text.find(what), what.size(), instead);
    return s.server.talk(text + more + "Connection: close\r\n\r\n").substr(9, 3);
  };
  EXPECT_EQ(with("GET", "PUT"), "405");
  EXPECT_EQ(with("Upgrade: WebSocket", "Upgrade: h2c"), "426");
  EXPECT_EQ(with("keep-alive, Upgrade", "keep-alive"), "426");
  EXPECT_EQ(with("13", "8"), "426");
  EXPECT_EQ(with("dGhl", "dGh"), "400");
  EXPECT_EQ(with("13", "13", "Origin: http://b\r\n"), "403");
  EXPECT_EQ(with("13", "13", "Content-Length: 1\r\n"), "400");

  echo_server chosen({.protocols = {"b", "a"}});
  EXPECT_EQ(chosen.connect({.protocols = {"a", "b"}}).protocol(), "b");
  EXPECT_EQ(chosen.connect({.protocols = {"c"}}).protocol(), "");
  running_server no([](http::request&, http::response_writer& w) { w.error(http::status::forbidden); });
  EXPECT_EQ(websocket::connect(no.dial(), "ws://a/").error().message(),
            "websocket: server answered 403 Forbidden");
}

TEST(HttpWebsocket, MessagesOfAllSizes) {
  echo_server s;
  auto socket = s.connect();
  auto random = rng();
  for (const std::size_t size : {0, 1, 125, 126, 127, 4096, 65535, 65536, 1'000'000}) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(random());
    gos::wait_group writing;
    writing.go([&] { must(socket.write(text, websocket::kind::binary)); });
    const auto back = must(socket.read());
    writing.wait();
    EXPECT_EQ(back.kind, websocket::kind::binary);
    EXPECT_TRUE(back.text == text) << size;
  }
  must(socket.ping("are you there"));
  must(socket.write("grün"));
  EXPECT_EQ(must(socket.read()).text, "grün");  // the pong was passed over
  must(socket.close(1001, "done"));
  EXPECT_EQ(socket.close_code(), 1001);
  EXPECT_EQ(s.ends.recv(), "EOF 1001done");
  EXPECT_FALSE(socket.write("x"));
  EXPECT_FALSE(socket.read());
}

TEST(HttpWebsocket, FragmentsAndControlFramesBetween) {
  echo_server s;
  const std::string back = s.talk(frame(0x01, "gr\xc3") + frame(0x89, "p") + frame(0x00, "\xbc") +
                                  frame(0x80, "n") + frame(0x88, bytes({3, 232})));
  EXPECT_EQ(back, bytes({0x8a, 1, 'p', 0x81, 5}) + "grün" + bytes({0x88, 2, 3, 232}));
}

TEST(HttpWebsocket, WhatAPeerMustNotDo) {
  echo_server s({.message_bytes = 100});
  struct wrong {
    std::string sent;
    int code;
    std::string why;
  };
  for (const wrong& w : std::initializer_list<wrong>{
           {frame(0xc1, "a"), 1002, "reserved bits are set"},
           {frame(0x83, "a"), 1002, "unknown opcode"},
           {frame(0x8b, "a"), 1002, "unknown opcode"},
           {bytes({0x81, 1, 'a'}), 1002, "frame of a client is not masked"},
           {frame(0x09, "a"), 1002, "control frame is fragmented or too long"},
           {frame(0x89, std::string(126, 'a')), 1002, "control frame is fragmented or too long"},
           {bytes({0x81, 0xfe, 0, 1, 0, 0, 0, 0, 'a'}), 1002, "length is not minimal"},
           {bytes({0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1002, "length is not minimal"},
           {bytes({0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1009, "message too large"},
           {frame(0x80, "a"), 1002, "continuation of nothing"},
           {frame(0x01, "a") + frame(0x81, "b"), 1002, "message within a message"},
           {frame(0x02, std::string(60, 'a')) + frame(0x80, std::string(41, 'a')), 1009, "message too large"},
           {frame(0x81, "\xff"), 1007, "text is not UTF-8"},
           {frame(0x01, "\xc3") + frame(0x80, "x"), 1007, "text is not UTF-8"},
           {frame(0x88, "a"), 1002, "malformed close frame"},
           {frame(0x88, bytes({3, 237})), 1002, "invalid close code"},
           {frame(0x88, bytes({3, 232}) + "\xff"), 1007, "close reason is not UTF-8"},
       }) {
    EXPECT_EQ(s.talk(w.sent + frame(0x81, "more")), bytes({0x88, 2, w.code >> 8, w.code & 255})) << w.why;
    EXPECT_TRUE(s.ends.recv().value().starts_with("websocket: " + w.why)) << w.why;
  }
  s.server.stop();
}

TEST(HttpWebsocket, EndsWithItsServer) {
  echo_server s;
  auto socket = s.connect();
  must(socket.write("x"));
  EXPECT_EQ(must(socket.read()).text, "x");
  s.server.stop();
  EXPECT_EQ(socket.read().error(), gos::io_errc::unexpected_end_of_file);
}

TEST(HttpEventStream, Events) {
  running_server server([](http::request&, http::response_writer& w) {
    auto events = http::event_stream::begin(w);
    must(events.retry(1500ms));
    must(events.send("one\ntwo\r\nthree", "news", "7"));
    must(events.comment());
    must(events.send(""));
    EXPECT_EQ(panic_text([&] { must(events.send("x", "a\nb")); }),
              "http: event's name or id has a line break");
  });
  std::string text;
  const std::string answer = server.talk("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("\r\nContent-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_EQ(body_of(answer),
            "retry: 1500\n\nevent: news\nid: 7\ndata: one\ndata: two\ndata: three\n\n: \n\ndata: \n\n");
}

}  // namespace
