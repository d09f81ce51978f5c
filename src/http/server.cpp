// server: listeners, the list of connections, the end. See server.hpp.
#include "http/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include <gossamer/go.hpp>
#include <gossamer/panic.hpp>

namespace gos::http {

namespace {

void check(bool good, const char* field, const char* why) {
  if (!good) panic(std::string("http: server_options.") + field + ": " + why);
}

server_options checked(server_options o) {
  check(o.header_bytes > 0, "header_bytes", "must not be 0");
  check(o.target_bytes > 0, "target_bytes", "must not be 0");
  check(o.header_count > 0, "header_count", "must not be 0");
  check(o.header_bytes <= 0x40000000, "header_bytes", "must not exceed 1 GiB");
  check(o.target_bytes <= o.header_bytes, "target_bytes", "must not exceed header_bytes");
  check(o.header_timeout.count() >= 0, "header_timeout", "must not be negative");
  check(o.body_timeout.count() >= 0, "body_timeout", "must not be negative");
  check(o.write_timeout.count() >= 0, "write_timeout", "must not be negative");
  check(o.idle_timeout.count() >= 0, "idle_timeout", "must not be negative");
  check(static_cast<bool>(o.base), "base", "must be a context");
  return o;
}

std::int64_t slots_of(const server_options& o) {
  return o.connections == 0 ? std::numeric_limits<std::int64_t>::max() / 2
                            : static_cast<std::int64_t>(o.connections);
}

}  // namespace

server::state::state(handler h, server_options given)
    : serve(std::move(h)),
      options(checked(std::move(given))),
      limits{options.header_bytes, options.target_bytes, options.header_count},
      base(with_cancel(options.base)),
      slots(slots_of(options)) {
  check(static_cast<bool>(serve), "handler", "must not be empty");
}

bool server::state::add(connection& conn) {
  const std::scoped_lock guard(lock);
  if (is_closing()) return false;
  conn.next = first;
  if (first != nullptr) first->previous = &conn;
  first = &conn;
  running.add(1);
  return true;
}

void server::state::remove(connection& conn) noexcept {
  const std::scoped_lock guard(lock);
  (conn.previous != nullptr ? conn.previous->next : first) = conn.next;
  if (conn.next != nullptr) conn.next->previous = conn.previous;
  running.done();
}

void server::state::log(std::string_view line) const {
  if (options.error_log) return options.error_log(line);
  std::string text(line);
  text += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

server::server(handler h, server_options options)
    : state_(std::make_shared<state>(std::move(h), std::move(options))) {}

server::~server() {
  close();
  state_->running.wait();
}

void server::log(std::string_view line) { state_->log(line); }

namespace {

// A connection in the server's list, for a scope.
void serve_one(server::state& server, owned_stream stream, bool secure) {
  struct listed {
    server::state& of;
    connection conn;
    const bool added;
    listed(server::state& s, owned_stream stream, bool secure)
        : of(s), conn(s, std::move(stream), secure), added(s.add(conn)) {}
    ~listed() {
      if (added) of.remove(conn);
    }
  } one(server, std::move(stream), secure);
  if (one.added) one.conn.run();
}

}  // namespace

void server::serve_connection(net::stream_base&& conn, bool secure) {
  owned_stream stream(net::rt_access::take(conn));
  const std::shared_ptr<state> kept = state_;  // the last connection lets the server go
  if (stream) serve_one(*kept, std::move(stream), secure);
}

void server::start(net::stream_base&& conn, bool secure) {
  struct served {
    std::shared_ptr<state> server;
    owned_stream stream;
    bool secure;
    void operator()() {
      serve_one(*server, std::move(stream), secure);
      server->slots.release();
    }
  };
  go(served{state_, owned_stream(net::rt_access::take(conn)), secure});
}

result<void> server::serve_loop(closable listener, const std::function<result<void>()>& accept_one) {
  {
    const std::scoped_lock guard(state_->lock);
    if (!state_->is_closing()) state_->listeners.push_back(listener);
  }
  result<void> outcome;
  while (outcome && !state_->is_closing()) {
    state_->slots.acquire();
    outcome = accept_one();
    if (!outcome) state_->slots.release();
  }
  const std::scoped_lock guard(state_->lock);
  std::erase_if(state_->listeners, [&](const closable& l) { return l.listener == listener.listener; });
  if (!state_->is_closing()) return outcome;
  static_cast<void>(listener.close(listener.listener));
  return std::unexpected(gos::error(make_error_code(errc::server_closed)));
}

void server::close() {
  state_->base.cancel();
  const std::scoped_lock guard(state_->lock);
  state_->closing.store(true,
                        std::memory_order_relaxed);  // relaxed: the lock orders it for who must not miss it
  for (const closable& l : state_->listeners) static_cast<void>(l.close(l.listener));
  for (connection* c = state_->first; c != nullptr; c = c->next) c->close_now();
}

result<void> server::shutdown(const context& ctx) {
  {
    const std::scoped_lock guard(state_->lock);
    state_->closing.store(true, std::memory_order_relaxed);  // relaxed: as in close()
    for (const closable& l : state_->listeners) static_cast<void>(l.close(l.listener));
    for (connection* c = state_->first; c != nullptr; c = c->next) c->close_idle();
  }
  if (const std::error_code why = state_->running.wait(ctx))
    return std::unexpected(gos::error(why, "http: shutdown"));
  return {};
}

result<void> listen_and_serve(std::string_view address, handler h, server_options options) {
  auto listener = net::listen("tcp", address);
  if (!listener) return std::unexpected(std::move(listener.error()));
  server own(std::move(h), std::move(options));
  return own.serve(*listener);
}

std::string to_string(const access_record& record) {
  using namespace std::chrono;
  const request& asked = record.request;
  std::string text = asked.remote_address().to_string();
  text += " \"";
  text.append(asked.method()).append(" ").append(asked.target()).append(" HTTP/1.") +=
      std::to_string(asked.minor_version());
  return text + "\" " + std::to_string(number(record.status)) + ' ' + std::to_string(record.body_bytes) +
         ' ' + std::to_string(duration_cast<microseconds>(record.duration).count()) + "us";
}

handler wrap(middleware around, handler inner) {
  return [around = std::move(around), inner = std::move(inner)](request& r, response_writer& w) {
    around(r, w, inner);
  };
}

}  // namespace gos::http
