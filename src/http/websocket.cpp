// websocket: messages over frames.
//
// INV1 writing guards the stream's writing half and `said`, that we have said goodbye: nothing is written after that.
// INV2 What is read belongs to the one reader; a reader that answers (pong, close) takes `writing` as any writer does.
// INV3 A message takes memory as its bytes arrive, not as they are announced.
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include <gossamer/mutex.hpp>
#include <gossamer/panic.hpp>
#include <gossamer/websocket.hpp>

#include "http/connection.hpp"
#include "http/digest.hpp"
#include "http/websocket_frame.hpp"

namespace gos::http {

namespace {

using clock = std::chrono::steady_clock;

std::unexpected<error> broken(std::string_view why) {
  return std::unexpected(error(make_error_code(errc::websocket), "websocket", why));
}

void random_bytes(void* to, std::size_t size) {
  if (::getrandom(to, size, 0) != static_cast<ssize_t>(size)) panic("websocket: no random numbers");
}

}  // namespace

namespace {

// Ends a connection when its server is closed; shared with the call that the context makes then.
struct lifeline {
  mutex lock;
  rt::stream* stream;  // under lock; null: it is gone

  void cut() {
    const std::scoped_lock guard(lock);
    if (stream != nullptr) static_cast<void>(stream->close());
  }
  void forget() {
    const std::scoped_lock guard(lock);
    stream = nullptr;
  }
};

}  // namespace

struct websocket::state {
  state(owned_stream stream, const websocket_options& given, bool is_client)
      : stream(std::move(stream)), options(given), client(is_client) {}
  ~state() {
    if (server) server->forget();
    if (forget_server) forget_server();
  }
  void live_with(const context& ctx) {
    server = std::make_shared<lifeline>();
    server->stream = stream.get();
    forget_server = after_func(ctx, [line = server] { line->cut(); });
  }

  const owned_stream stream;
  const websocket_options options;
  const bool client;
  std::string protocol;
  std::shared_ptr<lifeline> server;  // of an accepted one
  std::function<bool()> forget_server;

  // The reader's.
  input in;
  std::optional<error> failure;  // once and for all
  std::optional<time_point> idle_deadline;
  int close_code = 0;
  std::string close_reason;

  mutex writing;
  bool said = false;        // goodbye; under writing
  std::string mask_buffer;  // under writing

  void limit_reads(bool within_frame) {
    auto when = idle_deadline;
    if (within_frame && options.frame_timeout.count() > 0) when = coarse_now() + options.frame_timeout;
    static_cast<void>(stream->set_deadlines(true, false, when));
  }
  std::unexpected<error> fail(error why) {
    failure = std::move(why);
    return std::unexpected(*failure);
  }
  // Tells the peer, too.
  std::unexpected<error> fail(int code, std::string_view why) {
    static_cast<void>(say_goodbye(code, {}));
    static_cast<void>(stream->shut_down(1 /* SHUT_WR */));
    return fail(broken(why).error());
  }

  result<void> need(std::size_t n);
  result<void> read_payload(const frame_head& head, std::string& to);
  result<frame_head> read_head();
  result<void> take_control(const frame_head& head);
  result<void> farewell(std::string_view payload);
  result<void> write_frame(opcode code, std::string_view data);
  result<void> write_frame_locked(opcode code, std::string_view data);
  result<void> say_goodbye(int code, std::string_view reason);
};

// --- reading ------------------------------------------------------------------------------------------------------------

result<void> websocket::state::need(std::size_t n) {
  while (in.ready().size() < n) {
    const auto got = in.fill(*stream);
    if (!got && in.empty() && got.error() == std::errc::timed_out)
      return std::unexpected(got.error());  // may be tried again
    if (!got) return fail(got.error());
    if (*got == 0) return fail(io_errc::unexpected_end_of_file);
  }
  return {};
}

result<frame_head> websocket::state::read_head() {
  if (in.empty()) {
    limit_reads(false);
    in.release();
    const auto got = in.fill_when_ready(*stream);
    if (!got && got.error() == std::errc::timed_out) return std::unexpected(got.error());
    if (!got) return fail(got.error());
    if (*got == 0) return fail(io_errc::unexpected_end_of_file);
  }
  limit_reads(true);
  frame_head head;
  if (auto had = need(2); !had) return std::unexpected(std::move(had.error()));
  const std::size_t size = frame_head_size(in.ready());
  if (auto had = need(size); !had) return std::unexpected(std::move(had.error()));
  if (const char* const why = parse_frame_head(in.ready().substr(0, size), head)) return fail(1002, why);
  if (head.masked == client)
    return fail(1002, client ? "frame of a server is masked" : "frame of a client is not masked");
  in.take(size);
  return head;
}

result<void> websocket::state::read_payload(const frame_head& head, std::string& to) {
  constexpr std::size_t at_once = 64 * 1024;
  for (std::uint64_t done = 0; done < head.size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(head.size - done, at_once));
    const std::size_t before = to.size();
    std::size_t n = std::min(wanted, in.ready().size());
    if (n > 0) {
      to.append(in.ready().substr(0, n));
      in.take(n);
    } else {
      to.resize(before + wanted);
      limit_reads(true);
      const auto got = stream->read_some(reinterpret_cast<std::byte*>(to.data()) + before, wanted);
      n = got.value_or(0);
      to.resize(before + n);
      if (!got) return fail(got.error());
      if (n == 0) return fail(io_errc::unexpected_end_of_file);
    }
    if (head.masked) apply_mask(std::span(to).subspan(before, n), head.mask, done);
    done += n;
  }
  return {};
}

result<void> websocket::state::take_control(const frame_head& head) {
  std::string payload;
  if (auto read = read_payload(head, payload); !read) return read;
  if (head.opcode == opcode::ping) {
    static_cast<void>(write_frame(opcode::pong, payload));  // its failure is for who writes
    return {};
  }
  return head.opcode == opcode::close ? farewell(payload) : result<void>();
}

result<void> websocket::state::farewell(std::string_view payload) {
  if (payload.size() == 1) return fail(1002, "malformed close frame");
  close_code = 1005;
  if (payload.size() >= 2) {
    close_code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    if (!is_close_code(close_code)) return fail(1002, "invalid close code");
    close_reason = payload.substr(2);
    if (!is_utf8(close_reason)) return fail(1007, "close reason is not UTF-8");
  }
  static_cast<void>(say_goodbye(close_code, {}));
  static_cast<void>(stream->shut_down(1 /* SHUT_WR */));
  return fail(io_errc::end_of_file);
}

result<websocket::message> websocket::read() {
  if (!state_) return std::unexpected(error(std::errc::invalid_argument));
  state& s = *state_;
  if (s.failure) return std::unexpected(*s.failure);
  message all;
  for (bool begun = false;;) {
    const auto head = s.read_head();
    if (!head && begun) return s.fail(head.error());  // what was read of it is lost
    if (!head) return std::unexpected(head.error());
    if (is_control(head->opcode)) {
      if (auto taken = s.take_control(*head); !taken) return std::unexpected(std::move(taken.error()));
      continue;
    }
    if ((head->opcode == opcode::continuation) != begun) {
      return s.fail(1002, begun ? "message within a message" : "continuation of nothing");
    }
    if (!begun) all.kind = head->opcode == opcode::text ? kind::text : kind::binary;
    begun = true;
    if (head->size > s.options.message_bytes - all.text.size()) return s.fail(1009, "message too large");
    if (auto read = s.read_payload(*head, all.text); !read) return std::unexpected(std::move(read.error()));
    if (!head->last) continue;
    if (all.kind == kind::text && !is_utf8(all.text)) return s.fail(1007, "text is not UTF-8");
    return all;
  }
}

// --- writing ------------------------------------------------------------------------------------------------------------

result<void> websocket::state::write_frame(opcode code, std::string_view data) {
  const std::scoped_lock guard(writing);
  if (said) return std::unexpected(error(io_errc::closed));
  return write_frame_locked(code, data);
}

result<void> websocket::state::write_frame_locked(opcode code, std::string_view data) {
  frame_head head{.opcode = code, .masked = client, .size = data.size(), .mask = {}};
  if (client) {
    random_bytes(head.mask.data(), head.mask.size());
    mask_buffer.assign(data);
    apply_mask(mask_buffer, head.mask, 0);
    data = mask_buffer;
  }
  std::array<char, frame_head_max> text;
  const std::string_view first(text.data(), write_frame_head(head, text.data()));
  if (options.frame_timeout.count() > 0)
    static_cast<void>(stream->set_deadlines(false, true, coarse_now() + options.frame_timeout));
  const std::array pieces{std::as_bytes(std::span(first)), std::as_bytes(std::span(data))};
  const auto sent = stream->write_pieces(std::span(pieces).first(data.empty() ? 1 : 2));
  if (!sent) said = true;  // half a frame may be out
  if (!sent) return std::unexpected(sent.error());
  return {};
}

result<void> websocket::state::say_goodbye(int code, std::string_view reason) {
  const std::scoped_lock guard(writing);
  if (said) return {};
  std::string payload;
  if (code != 1005) payload = {static_cast<char>(code >> 8), static_cast<char>(code)};
  payload += reason.substr(0, 123);
  auto sent = write_frame_locked(opcode::close, payload);
  said = true;
  return sent;
}

result<void> websocket::write(std::string_view data, kind kind) {
  if (!state_) return std::unexpected(error(std::errc::invalid_argument));
  return state_->write_frame(kind == kind::text ? opcode::text : opcode::binary, data);
}

result<void> websocket::ping(std::string_view data) {
  if (!state_) return std::unexpected(error(std::errc::invalid_argument));
  if (data.size() > 125) return broken("a ping has at most 125 bytes");
  return state_->write_frame(opcode::ping, data);
}

// --- the end ------------------------------------------------------------------------------------------------------------

result<void> websocket::close(int code, std::string_view reason, std::chrono::milliseconds wait) {
  if (!state_) return std::unexpected(error(std::errc::invalid_argument));
  state& s = *state_;
  auto said = s.say_goodbye(code, reason);
  s.idle_deadline = clock::now() + wait;
  while (said && !s.failure && clock::now() < *s.idle_deadline) {
    if (!read()) break;
  }
  if (!s.failure) static_cast<void>(s.fail(io_errc::closed));
  static_cast<void>(s.stream->close());
  return said;
}

void websocket::abort() {
  if (state_) static_cast<void>(state_->stream->close());
}

websocket::websocket() noexcept = default;
websocket::websocket(websocket&&) noexcept = default;
websocket& websocket::operator=(websocket&&) noexcept = default;
websocket::~websocket() = default;
websocket::websocket(std::unique_ptr<state> state) noexcept : state_(std::move(state)) {}

int websocket::close_code() const noexcept { return state_ ? state_->close_code : 0; }
const std::string& websocket::close_reason() const noexcept {
  static const std::string none;
  return state_ ? state_->close_reason : none;
}
const std::string& websocket::protocol() const noexcept {
  static const std::string none;
  return state_ ? state_->protocol : none;
}
result<void> websocket::set_read_deadline(std::optional<time_point> when) {
  if (!state_) return std::unexpected(error(std::errc::invalid_argument));
  state_->idle_deadline = when;
  return {};
}

// --- handshakes ---------------------------------------------------------------------------------------------------------

namespace {

std::string_view host_of(std::string_view origin) noexcept {
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

bool is_key(std::string_view text) noexcept {
  return text.size() == 24 && text.ends_with("==") && text.find_first_of(" ,") == std::string_view::npos;
}

std::string choose_protocol(const std::vector<std::string>& ours, const request& request) {
  for (const std::string& one : ours) {
    if (request.headers().has_token("Sec-WebSocket-Protocol", one)) return one;
  }
  return {};
}

// Answers a request that is no handshake; null: it is one.
const char* judge_handshake(const request& request, response_writer& response,
                            const websocket_options& options) {
  const auto refuse = [&](status s, const char* why) {
    response.error(s, why);
    return why;
  };
  if (request.method() != "GET") {
    response.header("Allow", "GET");
    return refuse(status::method_not_allowed, "a WebSocket begins with GET");
  }
  if (!request.headers().has_token("Connection", "upgrade") ||
      !request.headers().has_token("Upgrade", "websocket")) {
    response.header("Upgrade", "websocket");
    return refuse(status::upgrade_required, "not a WebSocket handshake");
  }
  if (request.header("Sec-WebSocket-Version") != "13") {
    response.header("Sec-WebSocket-Version", "13");
    return refuse(status::upgrade_required, "unsupported version of WebSocket");
  }
  if (!is_key(request.header("Sec-WebSocket-Key")))
    return refuse(status::bad_request, "malformed Sec-WebSocket-Key");
  const std::string_view origin = request.header("Origin");
  const bool allowed = options.origin_allowed
                           ? options.origin_allowed(request)
                           : origin.empty() || equal_ignoring_case(host_of(origin), request.host());
  return allowed ? nullptr : refuse(status::forbidden, "origin not allowed");
}

}  // namespace

result<websocket> websocket::accept(request& request, response_writer& response,
                                    const websocket_options& options) {
  if (const char* const why = judge_handshake(request, response, options)) return broken(why);
  std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: " +
      accept_of(request.header("Sec-WebSocket-Key")) + "\r\n";
  const std::string protocol = choose_protocol(options.protocols, request);
  if (!protocol.empty()) head += "Sec-WebSocket-Protocol: " + protocol + "\r\n";
  auto taken = response.hijack();
  if (!taken) {
    if (!response.head_sent()) response.error(status::bad_request);
    return std::unexpected(std::move(taken.error()));
  }
  auto made = std::make_unique<state>(owned_stream(net::rt_access::take(taken->conn)), options, false);
  made->live_with(access::of(request).server_context());
  made->protocol = protocol;
  made->in.add(taken->buffered);
  head += "\r\n";
  made->limit_reads(true);
  const auto sent = made->stream->write_all(reinterpret_cast<const std::byte*>(head.data()), head.size());
  if (!sent) return std::unexpected(sent.error());
  return websocket(std::move(made));
}

namespace {

result<message_head> read_answer(input& in, rt::stream& stream) {
  const head_limits limits;
  head_scanner scanner(head_kind::response, limits);
  for (;;) {
    const auto outcome = scanner.scan(in.ready());
    if (outcome == head_scanner::outcome::refused) return broken(scanner.why().why);
    if (outcome == head_scanner::outcome::complete) break;
    if (!in.has_room()) in.grow(limits.header_bytes + block_size);
    const auto got = in.fill(stream);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return std::unexpected(error(io_errc::unexpected_end_of_file));
  }
  message_head head;
  if (const auto refused = parse_response(in.ready().substr(0, scanner.size()), head))
    return broken(refused->why);
  in.take(scanner.size());
  return head;
}

}  // namespace

result<websocket> websocket::connect(net::stream_base&& conn, std::string_view text,
                                     const websocket_options& options) {
  owned_stream stream(net::rt_access::take(conn));
  if (!stream) return std::unexpected(error(std::errc::invalid_argument));
  const auto url = url::parse(text);
  if (!url) return std::unexpected(url.error());
  std::array<char, 16> random;
  random_bytes(random.data(), random.size());
  const std::string key = base64({random.data(), random.size()});
  std::string head =
      "GET " + url->target() + " HTTP/1.1\r\nHost: " + url->authority() +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
      key + "\r\n";
  for (const std::string& one : options.protocols) head += "Sec-WebSocket-Protocol: " + one + "\r\n";
  head += "\r\n";
  auto made = std::make_unique<state>(std::move(stream), options, true);
  made->limit_reads(true);
  const auto sent = made->stream->write_all(reinterpret_cast<const std::byte*>(head.data()), head.size());
  if (!sent) return std::unexpected(sent.error());
  const auto answer = read_answer(made->in, *made->stream);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 101)
    return broken("server answered " + std::to_string(answer->status) + ' ' + answer->reason);
  if (!answer->upgrade || !answer->fields.has_token("Upgrade", "websocket") ||
      answer->fields.get("Sec-WebSocket-Accept") != accept_of(key) ||
      answer->fields.has("Sec-WebSocket-Extensions")) {
    return broken("malformed handshake");
  }
  made->protocol = answer->fields.get("Sec-WebSocket-Protocol");
  const bool asked = made->protocol.empty() ||
                     std::ranges::find(options.protocols, made->protocol) != options.protocols.end();
  if (!asked) return broken("server chose a protocol that was not asked for");
  return websocket(std::move(made));
}

// --- server-sent events -------------------------------------------------------------------------------------------------

event_stream event_stream::begin(response_writer& response) {
  response.header("Content-Type", "text/event-stream");
  response.header("Cache-Control", "no-cache");
  static_cast<void>(response.flush());
  return event_stream(response);
}

result<void> event_stream::put(const std::string& text) {
  if (auto written = response_->write_all(text); !written) return std::unexpected(std::move(written.error()));
  return response_->flush();
}

result<void> event_stream::send(std::string_view data, std::string_view name, std::string_view id) {
  for (const std::string_view field : {name, id}) {
    if (field.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      panic("http: event's name or id has a line break");
  }
  std::string text;
  if (!name.empty()) text.append("event: ").append(name) += '\n';
  if (!id.empty()) text.append("id: ").append(id) += '\n';
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return put(text + '\n');
}

result<void> event_stream::comment(std::string_view text) {
  if (text.find_first_of("\r\n") != std::string_view::npos) panic("http: event's comment has a line break");
  return put(": " + std::string(text) + "\n\n");
}

result<void> event_stream::retry(std::chrono::milliseconds wait) {
  return put("retry: " + std::to_string(wait.count()) + "\n\n");
}

}  // namespace gos::http
