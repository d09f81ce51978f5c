// tls: the public handles over sessions.
#include <gossamer/context.hpp>
#include <gossamer/tls.hpp>

#include "net/address.hpp"
#include "tls/config.hpp"
#include "tls/session.hpp"

namespace gos::tls {

namespace {

using net::rt_access;
using rt::no_handle;

session* session_of(rt::stream* stream) noexcept { return static_cast<session*>(stream); }

conn make(net::stream_base& stream, const config& given, session::role role, std::string_view server_name) {
  rt::stream* const below = rt_access::take(stream);
  if (below == nullptr) return {};
  const auto& state = access::get(given) != nullptr ? access::get(given) : access::get(config::client_default());
  if (server_name.empty()) server_name = state->chosen.server_name;
  return conn(new session(session::owned_stream(below), state, role, server_name));
}

}  // namespace

result<void> conn::handshake() {
  if (stream_ == nullptr) return no_handle();
  return session_of(stream_)->handshake();
}
result<void> conn::handshake(const context& ctx) {
  if (stream_ == nullptr) return no_handle();
  return session_of(stream_)->handshake(ctx);
}
connection_state conn::state() const { return stream_ == nullptr ? connection_state() : session_of(stream_)->state(); }
int conn::native_handle() const { return stream_ == nullptr ? -1 : session_of(stream_)->native_handle(); }

conn client(net::stream_base&& stream, const config& config, std::string_view server_name) {
  return make(stream, config, session::role::client, server_name);
}
conn server(net::stream_base&& stream, const config& config) { return make(stream, config, session::role::server, {}); }

namespace {

// The options' name comes first, then the host's.
result<conn> shaken(net::stream_base&& stream, const config& given, std::string_view host, const context& ctx) {
  const auto& state = access::get(given);
  const bool named = state != nullptr && !state->chosen.server_name.empty();
  conn made = client(std::move(stream), given, named ? std::string_view() : host);
  if (auto done = made.handshake(ctx); !done) return std::unexpected(std::move(done.error()));
  return made;
}

}  // namespace

result<conn> dial(std::string_view network, std::string_view address, const config& config, const context& ctx) {
  if (network == "unix") {
    auto below = net::dial_unix(address, ctx);
    if (!below) return std::unexpected(std::move(below.error()));
    return shaken(std::move(*below), config, {}, ctx);
  }
  auto below = net::dial(network, address, ctx);
  if (!below) return std::unexpected(std::move(below.error()));
  std::string_view host = rt::split_host_port(address).host;
  if (host.empty()) host = "localhost";
  return shaken(std::move(*below), config, host, ctx);
}

result<conn> dial(std::string_view network, std::string_view address, const config& config) {
  return dial(network, address, config, background());
}

result<conn> listener::accept() {
  auto below = below_.accept();
  if (!below) return std::unexpected(std::move(below.error()));
  return server(std::move(*below), config_);
}

result<conn> listener::accept_patiently(const std::function<void(std::string_view)>& say) {
  auto below = below_.accept_patiently(say);
  if (!below) return std::unexpected(std::move(below.error()));
  return server(std::move(*below), config_);
}

result<listener> listen(std::string_view network, std::string_view address, const config& config,
                        const net::listen_options& options) {
  const auto& state = access::get(config);
  if (state == nullptr || (state->chosen.certificates.empty() && !state->chosen.get_certificate)) {
    return bad_option("certificates", "a server needs one, or get_certificate");
  }
  auto below = net::listen(network, address, options);
  if (!below) return std::unexpected(std::move(below.error()));
  return listener(std::move(*below), config);
}

}  // namespace gos::tls
