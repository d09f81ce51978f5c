// request: how a connection comes to its next request, what that says, and the watch for clients that leave.
#include <algorithm>
#include <ctime>

#include <gossamer/go.hpp>
#include <gossamer/http.hpp>

#include "http/connection.hpp"
#include "http/server.hpp"

namespace gos::http {

namespace {

bool is_host(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
           std::string_view("-._~%!$&'()*+,;=:[]").contains(static_cast<char>(c));
  });
}

}  // namespace

std::chrono::steady_clock::time_point coarse_now() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::steady_clock::time_point(std::chrono::seconds(now.tv_sec) +
                                               std::chrono::nanoseconds(now.tv_nsec));
}

void connection::limit_reads(std::chrono::milliseconds most) {
  static_cast<void>(stream_->set_deadlines(
      true, false, most.count() > 0 ? std::optional(coarse_now() + most) : std::nullopt));
}

bool connection::next_request() {
  // relaxed: only who wins matters (INV2).
  phase_.store(phase::idle, std::memory_order_relaxed);
  if (server_.is_closing()) return false;
  if (input_.empty()) {
    limit_reads(server_.options.idle_timeout);
    const auto got = input_.fill_when_ready(*stream_);
    if (!got || *got == 0) return false;
  }
  phase waits = phase::idle;
  // relaxed, both: as above.
  if (!phase_.compare_exchange_strong(waits, phase::active, std::memory_order_relaxed,
                                      std::memory_order_relaxed))
    return false;
  began_ = server_.options.access_log ? clock::now() : coarse_now();
  while (input_.ready().starts_with("\r\n")) input_.take(2);
  head_scanner scanner(head_kind::request, server_.limits);
  return read_head(scanner) && accept_head(scanner.size());
}

bool connection::read_head(head_scanner& scanner) {
  for (bool limited = false;;) {
    switch (scanner.scan(input_.ready())) {
      case head_scanner::outcome::complete:
        return true;
      case head_scanner::outcome::refused:
        return refuse(scanner.why().status, scanner.why().why), false;
      case head_scanner::outcome::more:
        break;
    }
    if (!limited && server_.options.header_timeout.count() > 0) {
      static_cast<void>(stream_->set_deadlines(true, false, began_ + server_.options.header_timeout));
    }
    limited = true;
    if (!input_.has_room()) input_.grow(server_.limits.header_bytes + block_size);
    const auto got = input_.fill(*stream_);
    if (!got && got.error() == std::errc::timed_out)
      return refuse(status::request_timeout, "request took too long"), false;
    if (!got || *got == 0) return false;
  }
}

bool connection::accept_head(std::size_t size) {
  const auto refused = parse_request(input_.ready().substr(0, size), in_.head);
  input_.take(size);
  in_.match = {};
  out_.headers.clear();
  out_.trailers.clear();
  out_.status = 200;
  out_.mode = sending::open;
  out_.declared = out_.count = out_.buffered = 0;
  out_.close = continued_ = head_pending_ = false;
  if (refused) return refuse(refused->status, refused->why), false;
  if (const char* const why = judge_target()) return refuse(status::bad_request, why), false;
  const std::string_view expect = in_.head.fields.get("Expect");
  in_.expects_continue = equal_ignoring_case(expect, "100-continue") && in_.head.minor == 1;
  if (!expect.empty() && in_.head.minor == 1 && !in_.expects_continue) {
    return refuse(status::expectation_failed, "unknown expectation"), false;
  }
  in_.body.begin_request(in_.head.framing);
  in_.body.set_limit(server_.options.body_bytes);
  return true;
}

// Splits the target; why it is none, or null.
const char* connection::judge_target() {
  std::size_t hosts = 0;
  for (const fields::field f : in_.head.fields) {
    if (!equal_ignoring_case(f.name, "Host")) continue;
    in_.host = f.value;
    ++hosts;
  }
  if (hosts == 0) in_.host = {};
  if (hosts > 1) return "several Host";
  if (hosts == 0 && in_.head.minor == 1) return "missing Host";
  if (!is_host(in_.host)) return "malformed Host";
  std::string_view target = in_.head.target;
  in_.query = in_.raw_path = {};
  in_.path.clear();
  if (in_.head.method == "CONNECT") return is_host(target) ? nullptr : "malformed request target";
  if (target == "*") return in_.head.method == "OPTIONS" ? nullptr : "malformed request target";
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos || !is_token(target.substr(0, scheme)))
      return "malformed request target";
    target.remove_prefix(scheme + 3);
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    in_.host = target.substr(0, end);
    if (in_.host.empty() || !is_host(in_.host)) return "malformed request target";
    target.remove_prefix(end);
  }
  if (target.find('#') != std::string_view::npos) return "fragment in request target";
  const std::size_t mark = target.find('?');
  in_.raw_path = target.substr(0, mark);
  if (mark != std::string_view::npos) in_.query = target.substr(mark + 1);
  if (in_.raw_path.empty()) in_.raw_path = "/";
  if (in_.raw_path.find('%') == std::string_view::npos) {
    in_.path = in_.raw_path;
    return nullptr;
  }
  auto decoded = decode_path(in_.raw_path);
  if (!decoded) return "malformed escape in request target";
  in_.path = std::move(*decoded);
  return nullptr;
}

// The handler does not see it; the connection ends.
void connection::refuse(http::status status, std::string_view why) {
  out_.headers.clear();
  out_.mode = sending::open;
  out_.headers.set("Connection", "close");
  out_.buffered = out_.count = 0;
  in_.head.method.clear();
  response_writer(*this).error(
      status, std::to_string(number(status)) + ' ' + std::string(reason(status)) + ": " + std::string(why));
  if (finish_response()) linger();
}

// --- the body -----------------------------------------------------------------------------------------------------------

result<std::size_t> connection::read_body(std::byte* to, std::size_t size) {
  if (hijacked_) return std::unexpected(error(make_error_code(errc::hijacked)));
  if (in_.body.complete()) return 0;
  if (in_.expects_continue && !continued_ && out_.mode == sending::open) {
    continued_ = true;
    if (auto sent = inform(100, {}); !sent) return std::unexpected(std::move(sent.error()));
  }
  limit_reads(server_.options.body_timeout);
  auto got = in_.body.read(input_, *stream_, to, size);
  if (in_.body.complete() && in_.own_context) start_watch();
  return got;
}

// --- the context --------------------------------------------------------------------------------------------------------

const context& connection::request_context() {
  if (!in_.ctx) {
    in_.own_context = with_cancel(server_.base.ctx);
    in_.ctx = in_.own_context->ctx;
    if (in_.body.complete() && !hijacked_) start_watch();
  }
  return in_.ctx;
}

void connection::start_watch() {
  if (watching_ || !input_.empty()) return;  // it has sent more: it is there
  watching_ = true;
  static_cast<void>(stream_->set_deadlines(true, false, std::nullopt));
  watcher_.go([this] { watch(); });
}

void connection::stop_watch() noexcept {
  if (!watching_) return;
  static_cast<void>(stream_->set_deadlines(true, false, time_point() + std::chrono::nanoseconds(1)));
  watcher_.wait();
  watching_ = false;
}

void connection::watch() {
  const auto got = input_.fill_when_ready(*stream_);
  if ((got && *got > 0) || (!got && got.error() == std::errc::timed_out)) return;
  in_.own_context->cancel();
}

// --- the public class ---------------------------------------------------------------------------------------------------

std::string_view request::method() const noexcept { return of_.head().method; }
std::string_view request::target() const noexcept { return of_.head().target; }
std::string_view request::path() const noexcept { return of_.in().path; }
std::string_view request::raw_path() const noexcept { return of_.in().raw_path; }
std::string_view request::query() const noexcept { return of_.in().query; }
std::string_view request::pattern() const noexcept { return of_.in().match.pattern; }
int request::minor_version() const noexcept { return of_.head().minor; }
std::string_view request::host() const noexcept { return of_.in().host; }
const fields& request::headers() const noexcept { return of_.head().fields; }

std::optional<std::string> request::query_value(std::string_view name) const {
  for (auto& [key, value] : parse_query(query())) {
    if (key == name) return std::move(value);
  }
  return std::nullopt;
}

std::string_view request::path_value(std::string_view name) const noexcept {
  for (const auto& [key, value] : of_.in().match.values) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::string_view> request::cookie(std::string_view name) const noexcept {
  for (const fields::field f : headers()) {
    if (!equal_ignoring_case(f.name, "Cookie")) continue;
    std::string_view rest = f.value;
    while (!rest.empty()) {
      std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
        return pair.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

const context& request::ctx() { return of_.request_context(); }
void request::set_context(context ctx) {
  of_.request_context();
  of_.in().ctx = std::move(ctx);
}

result<std::size_t> request::read_some(std::span<std::byte> buffer) {
  return of_.read_body(buffer.data(), buffer.size());
}

result<std::string> request::read_body() {
  std::string text;
  const auto known = content_length();
  constexpr std::uint64_t first = 64 * 1024;  // not what a client merely announces
  text.resize(static_cast<std::size_t>(known ? std::min(*known, first) : 4096));
  for (std::size_t used = 0;;) {
    if (used == text.size() && !of_.in().body.complete())
      text.resize(std::max<std::size_t>(4096, text.size() * 2));
    const auto got = of_.read_body(reinterpret_cast<std::byte*>(text.data()) + used, text.size() - used);
    if (!got) return std::unexpected(got.error());
    used += *got;
    if (*got == 0) {
      text.resize(used);
      return text;
    }
  }
}

std::optional<std::uint64_t> request::content_length() const noexcept {
  if (of_.in().body.how() == body::kind::chunked) return std::nullopt;
  return of_.head().framing.content_length.value_or(0);
}
void request::set_body_limit(std::uint64_t bytes) noexcept { of_.in().body.set_limit(bytes); }
const fields& request::trailers() const noexcept { return of_.in().body.trailers(); }
net::endpoint request::remote_address() const { return of_.stream().remote(); }
net::endpoint request::local_address() const { return of_.stream().local(); }
bool request::secure() const noexcept { return of_.secure(); }

}  // namespace gos::http
