// See config.hpp. Source of the defaults: Go crypto/tls defaults.go.
#include "tls/config.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "tls/session.hpp"

namespace gos::tls {

namespace {

constexpr std::size_t protocol_size_max = 255;

result<void> trust(X509_STORE* store, const std::string& file, const char* file_field, const std::string& pem,
                   const char* pem_field) {
  if (!file.empty()) {
    const auto text = read_file(file);
    if (!text) return bad_option(file_field, text.error().message());
    if (!add_roots(store, *text)) return bad_option(file_field, file + ": no certificates in PEM found, or damaged ones");
  }
  if (!pem.empty() && !add_roots(store, pem)) return bad_option(pem_field, "no certificates in PEM found, or damaged ones");
  return {};
}

// The settings that no option changes.
void set_usual(SSL_CTX* ctx) {
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  constexpr unsigned char id[] = "gossamer";  // a server that verifies clients must name where its sessions are good
  SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
}

// A server tells its clients whom it trusts.
void name_client_roots(config::state& s) {
  const chain_owner roots(X509_STORE_get1_all_certs(s.client_roots.get()));
  for (int i = 0; i < sk_X509_num(roots.get()); ++i) SSL_CTX_add_client_CA(s.ctx.get(), sk_X509_value(roots.get(), i));
}

result<void> set_chosen(config::state& s) {
  const options& o = s.chosen;
  SSL_CTX* const ctx = s.ctx.get();
  if (o.min_version > o.max_version) return bad_option("min_version", "newer than max_version");
  SSL_CTX_set_min_proto_version(ctx, static_cast<int>(o.min_version));
  SSL_CTX_set_max_proto_version(ctx, static_cast<int>(o.max_version));
  if (!o.session_tickets) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
  }
  for (const std::string& protocol : o.protocols) {
    if (protocol.empty() || protocol.size() > protocol_size_max) {
      return bad_option("protocols", "a name has 1 to 255 bytes: \"" + protocol + "\"");
    }
    s.protocols.push_back(static_cast<unsigned char>(protocol.size()));
    s.protocols.insert(s.protocols.end(), protocol.begin(), protocol.end());
  }
  if (std::ranges::any_of(o.certificates, [](const certificate& c) { return !c; })) {
    return bad_option("certificates", "one of them is none");
  }
  return {};
}

}  // namespace

void config::state::load_system_roots() {
  if (!chosen.system_roots) return;
  system_roots.call([this] {
    const openssl_scope inside;
    SSL_CTX_set_default_verify_paths(ctx.get());
    ERR_clear_error();
  });
}

session_owner session_cache::find(const std::string& server) {
  const told_guard held(lock_);
  const auto found = std::ranges::find(entries_, server, &entry::server);
  if (found == entries_.end()) return nullptr;
  const openssl_scope inside;
  return session_owner(SSL_SESSION_dup(found->session.get()));  // a connection changes its own
}

void session_cache::keep(const std::string& server, session_owner session) {
  std::list<entry> dropped;  // freed outside the lock
  entry fresh{server, std::move(session)};
  const told_guard held(lock_);
  const auto found = std::ranges::find(entries_, server, &entry::server);
  if (found != entries_.end()) dropped.splice(dropped.begin(), entries_, found);
  entries_.push_front(std::move(fresh));
  if (entries_.size() > capacity) dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
}

result<config> config::make(const options& chosen) {
  start_openssl();
  const openssl_scope inside;
  ERR_clear_error();
  auto made = std::make_shared<state>();
  made->chosen = chosen;
  made->ctx.reset(allocated(SSL_CTX_new(TLS_method())));
  made->client_roots.reset(allocated(X509_STORE_new()));
  set_usual(made->ctx.get());
  X509_STORE* const roots = SSL_CTX_get_cert_store(made->ctx.get());
  result<void> done = trust(roots, chosen.root_file, "root_file", chosen.roots, "roots");
  if (done) {
    done = trust(made->client_roots.get(), chosen.client_root_file, "client_root_file", chosen.client_roots, "client_roots");
  }
  if (done) name_client_roots(*made);
  if (done) done = set_chosen(*made);
  ERR_clear_error();
  if (!done) return std::unexpected(std::move(done.error()));
  session::set_callbacks(*made);
  config c;
  c.state_ = std::move(made);
  return c;
}

const config& config::client_default() {
  static const config made = make({}).value();
  return made;
}

}  // namespace gos::tls
