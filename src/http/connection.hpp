// connection: one client of a server: requests one after the other on one goroutine, each with its answer. What the public request and
// response_writer do is done here.
//
// INV1 Everything belongs to the connection's goroutine, but phase_, which closers of the server look at, and, while a watch is on, the
//      input and the reading half of the stream, which are the watcher's.
// INV2 Whoever takes phase_ from idle to ended closes the stream: the server's shutdown an idle connection, the goroutine its own.
// INV3 A connection is used again only if the request has been read to its end and the answer is whole: its length as declared,
//      or its chunks ended.
// INV4 Nothing of an answer is sent twice: after the first byte of a head the only way out of trouble is to close.
// INV5 The watch for a client that leaves begins when the body has been read and somebody has asked for the context, and ends before
//      the next request is looked for.
//
// Rejected: a second goroutine for each connection that reads all the time (two switches a request); watching with EPOLLRDHUP (no
// answer over TLS, and a client that has sent its next request and left is not seen either way).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/http.hpp>
#include <gossamer/panic.hpp>
#include <gossamer/wait_group.hpp>

#include "http/body.hpp"
#include "http/date.hpp"
#include "http/input.hpp"
#include "http/parser.hpp"

namespace gos::http {

struct retire_stream {
  void operator()(rt::stream* stream) const noexcept { stream->retire(); }
};
using owned_stream = std::unique_ptr<rt::stream, retire_stream>;

// From the public classes to what they stand for.
struct access {
  static connection& of(const request& r) noexcept { return r.of_; }
  static connection& of(const response_writer& w) noexcept { return w.of_; }
};

// How an answer's body goes out. open: the head has not been made.
enum class sending : std::uint8_t { open, length, chunked, until_close, no_body };

// The steady clock, some milliseconds late, for a fifth of its price: for limits.
std::chrono::steady_clock::time_point coarse_now() noexcept;

// What the router has found, for the request.
struct route_match {
  std::string_view pattern;
  std::vector<std::pair<std::string_view, std::string>> values;
};

class connection {
 public:
  // Beside server::state, under whose lock it is listed.
  connection(server::state& server, owned_stream stream, bool secure) noexcept;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  // Serves until the end. Connection's goroutine only.
  void run();

  // Closes if it waits for a request; the server's lock is held.
  void close_idle() noexcept;
  // Ends all operations; the server's lock is held.
  void close_now() noexcept;

  connection* next = nullptr;  // of the server's list, under its lock
  connection* previous = nullptr;

  // What the public classes and the router use.
  struct request_part {
    message_head head;
    std::string path;  // decoded
    std::string_view raw_path, query, host;
    route_match match;
    std::optional<cancellable> own_context;
    context ctx;  // what request::ctx() gives; empty: nobody has asked
    http::body body;
    bool expects_continue = false;
  };
  struct response_part {
    http::fields headers, trailers;
    int status = 200;
    sending mode = sending::open;
    std::uint64_t declared = 0;  // mode length
    std::uint64_t count = 0;     // of the body
    std::size_t buffered = 0;    // of the body, in block
    http::block block;           // head_room, then the body's first bytes
    bool close = false;          // said so in the head
  };

  const message_head& head() const noexcept { return in_.head; }
  request_part& in() noexcept { return in_; }
  response_part& out() noexcept { return out_; }
  rt::stream& stream() noexcept { return *stream_; }
  bool secure() const noexcept { return secure_; }
  const context& server_context() const noexcept;  // over when the server is closed
  bool is_head() const noexcept { return in_.head.method == "HEAD"; }

  const context& request_context();
  result<std::size_t> read_body(std::byte* to, std::size_t size);

  result<std::size_t> write_body(std::string_view data);
  result<void> send_whole(std::string_view data);
  result<std::uint64_t> send_file(int file, std::uint64_t offset, std::uint64_t count);
  result<void> flush();
  result<void> inform(int status, const fields& fields);
  result<response_writer::hijacked> hijack();

 private:
  enum class phase : std::uint8_t { idle, active, ended };
  using clock = std::chrono::steady_clock;

  // request.cpp
  bool next_request();
  bool read_head(head_scanner& scanner);
  bool accept_head(std::size_t size);
  const char* judge_target();
  void refuse(http::status status, std::string_view why);
  void start_watch();
  void stop_watch() noexcept;
  void watch();

  // connection.cpp
  void handle();
  void log_panic(const panic_value& value);
  std::string stream_address() const;
  bool finish();
  bool drain();
  void linger();
  void answer_failed_body();
  void write_access_log();

  // response.cpp
  bool bodiless() const noexcept;
  void commit(std::optional<std::uint64_t> whole);
  void head_text(std::optional<std::uint64_t> length);
  result<void> emit(std::string_view data, bool last);
  result<void> write_out(std::span<std::string_view> pieces);
  result<void> finish_response();
  void limit_reads(std::chrono::milliseconds most);
  void limit_writes();

  server::state& server_;
  owned_stream stream_;
  input input_;
  request_part in_;
  response_part out_;
  std::string head_scratch_;
  char date_[date_size];
  std::int64_t date_second_ = -1;
  clock::time_point began_;
  bool secure_;
  bool broken_ = false;        // a write failed
  bool head_pending_ = false;  // head_scratch_ is decided on and not sent
  bool hijacked_ = false;
  bool continued_ = false;  // 100 has been sent
  bool watching_ = false;
  wait_group watcher_;
  std::atomic<phase> phase_{phase::idle};
};

}  // namespace gos::http
