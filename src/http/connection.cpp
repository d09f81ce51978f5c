// connection: the life of one: request, handler, end of the answer, next. See connection.hpp.
#include "http/connection.hpp"

#include <gossamer/defer.hpp>
#include <gossamer/panic.hpp>

#include "http/server.hpp"

namespace gos::http {

namespace {

// What an unread body may still cost before the connection is closed rather than read on.
constexpr std::uint64_t drain_max = 64 * 1024;
constexpr auto linger_time = std::chrono::milliseconds(500);

}  // namespace

connection::connection(server::state& server, owned_stream stream, bool secure) noexcept
    : server_(server), stream_(std::move(stream)), secure_(secure) {}

connection::~connection() {
  stop_watch();
  if (in_.own_context) in_.own_context->cancel();
}

void connection::close_idle() noexcept {
  phase waits = phase::idle;
  // relaxed, both: only who wins matters (INV2); the stream has its own order.
  if (phase_.compare_exchange_strong(waits, phase::ended, std::memory_order_relaxed,
                                     std::memory_order_relaxed) &&
      stream_) {
    static_cast<void>(stream_->close());
  }
}

void connection::close_now() noexcept {
  if (stream_ && !hijacked_) static_cast<void>(stream_->close());
}

const context& connection::server_context() const noexcept { return server_.base.ctx; }

void connection::run() {
  while (next_request()) {
    handle();
    if (!finish()) break;
  }
}

void connection::handle() {
  request asked(*this);
  response_writer answer(*this);
  with_defer([&](defer_stack& defer) {
    defer([this] {
      if (const auto panicked = recover()) log_panic(*panicked);
    });
    server_.serve(asked, answer);
  });
}

// The client gets a 500 if it has got nothing yet; the connection ends in any case.
void connection::log_panic(const panic_value& value) {
  std::string text = "http: panic serving " + stream_address() + ": " + value.message();
  const std::string stack = value.stack_trace();
  if (!stack.empty()) text += '\n' + stack;
  server_.log(text);
  if (hijacked_) return;
  if (out_.mode != sending::open) {
    broken_ = true;
    return;
  }
  out_.headers.clear();
  out_.trailers.clear();
  out_.buffered = 0;
  out_.count = 0;
  out_.headers.set("Connection", "close");
  response_writer(*this).error(status::internal_server_error);
}

std::string connection::stream_address() const {
  const std::string text = stream_ ? stream_->remote().to_string() : std::string();
  return text.empty() ? "a client" : text;
}

// A body that could not be read, and a handler that has said nothing about it.
void connection::answer_failed_body() {
  const auto& failure = in_.body.failure();
  if (!failure || out_.mode != sending::open || out_.count != 0 || out_.status != 200) return;
  response_writer answer(*this);
  if (*failure == make_error_code(errc::body_too_large)) answer.error(status::payload_too_large);
  else if (*failure == make_error_code(errc::malformed))
    answer.error(status::bad_request, failure->message());
  else broken_ = true;
}

// True: the connection waits for another request.
bool connection::finish() {
  stop_watch();
  if (hijacked_) return false;
  answer_failed_body();
  const bool sent = !broken_ && finish_response().has_value();
  if (server_.options.access_log) write_access_log();
  if (in_.own_context) in_.own_context->cancel();
  in_.own_context.reset();
  in_.ctx = {};
  if (!sent) return false;
  const bool again = !out_.close && drain();
  if (!again) {
    linger();
    return false;
  }
  out_.block.reset();
  return true;
}

bool connection::drain() {
  if (in_.body.complete()) return true;
  if (in_.body.failure() || (in_.expects_continue && !continued_)) return false;
  if (in_.body.how() == body::kind::length && in_.body.left() > drain_max) return false;
  std::byte unwanted[1024];
  for (std::uint64_t read = 0; read <= drain_max;) {
    limit_reads(server_.options.body_timeout);
    const auto got = in_.body.read(input_, *stream_, unwanted, sizeof unwanted);
    if (!got) return false;
    if (*got == 0) return true;
    read += *got;
  }
  return false;
}

// What the client still sends must not make the kernel answer with a reset, which could overtake our answer.
void connection::linger() {
  if (!stream_->shut_down(1 /* SHUT_WR */)) return;
  static_cast<void>(stream_->set_deadlines(true, false, clock::now() + linger_time));
  std::byte unwanted[1024];
  for (std::uint64_t read = 0; read < 4 * drain_max;) {
    const auto got = stream_->read_some(unwanted, sizeof unwanted);
    if (!got || *got == 0) return;
    read += *got;
  }
}

void connection::write_access_log() {
  const request asked(*this);
  server_.options.access_log(
      {asked, static_cast<http::status>(out_.status), is_head() ? 0 : out_.count, clock::now() - began_});
}

}  // namespace gos::http
