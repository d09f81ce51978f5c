// callbacks: what OpenSSL calls while a session holds its lock_: the bytes below, certificates, sessions. Nothing here waits (session.hpp,
// INV5), and nothing throws: an exception must not pass through C.
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/descriptor.hpp"
#include "tls/callbacks.hpp"

namespace gos::tls {

namespace {

session& session_of(const SSL* ssl) noexcept { return *static_cast<session*>(SSL_get_app_data(ssl)); }

// f(), or `otherwise` when memory has run out.
template <class F, class T>
T guarded(F f, T otherwise) noexcept {
  try {
    return f();
  } catch (...) {
    return otherwise;
  }
}

bool install(SSL* ssl, const certificate& chosen) noexcept {
  const certificate::pair& p = access::get(chosen);
  return SSL_use_cert_and_key(ssl, p.leaf.get(), p.key.get(), p.chain.get(), 1) == 1;
}

bool is_for(const certificate& c, const std::string& name) noexcept {
  return X509_check_host(access::get(c).leaf.get(), name.data(), name.size(), 0, nullptr) == 1;
}

// Those for the name, else the first. Of several for one name OpenSSL takes that whose key fits the peer.
bool install_for(SSL* ssl, const std::vector<certificate>& all, const std::string& name) noexcept {
  bool found = false;
  for (const certificate& c : all) {
    if (!name.empty() && is_for(c, name)) found = install(ssl, c) || found;
  }
  return found || (!all.empty() && install(ssl, all.front()));
}

}  // namespace

// --- bytes --------------------------------------------------------------------------------------------------------------

int session::callbacks::read(BIO* bio, char* buffer, int size) noexcept {
  auto& s = *static_cast<session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::ptrdiff_t got = s.transport_->receive(reinterpret_cast<std::byte*>(buffer), static_cast<std::size_t>(size));
  if (got == -EAGAIN) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (got < 0) s.failed_below(rt::system_error_of(got), "read");
  if (got == 0) s.ended_ = true;
  if (got > 0) s.received_ = true;
  return static_cast<int>(std::max<std::ptrdiff_t>(got, -1));
}

int session::callbacks::write(BIO* bio, const char* data, int size) noexcept {
  auto& s = *static_cast<session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto bytes = std::as_bytes(std::span(data, static_cast<std::size_t>(size)));
  std::ptrdiff_t sent = 0;
  if (s.pending_.empty() && !s.sending_) sent = s.transport_->send(bytes.data(), bytes.size());
  if (sent == -EAGAIN) sent = 0;
  if (sent < 0) {
    s.failed_below(rt::system_error_of(sent), "write");
    return -1;
  }
  const auto rest = bytes.subspan(static_cast<std::size_t>(sent));
  const bool kept = guarded(
      [&] {
        s.pending_.insert(s.pending_.end(), rest.begin(), rest.end());
        return true;
      },
      false);
  if (!kept) s.failed_below(std::make_error_code(std::errc::not_enough_memory), nullptr);
  return kept ? size : -1;
}

long session::callbacks::control(BIO* bio, int command, long, void*) noexcept {
  if (command == BIO_CTRL_EOF) return static_cast<session*>(BIO_get_data(bio))->ended_ ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* session::callbacks::make_bio(session& s) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = allocated(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gossamer"));
    BIO_meth_set_read(made, read);
    BIO_meth_set_write(made, write);
    BIO_meth_set_ctrl(made, control);
    return made;  // never freed
  }();
  BIO* const bio = allocated(BIO_new(method));
  BIO_set_data(bio, &s);
  BIO_set_init(bio, 1);
  return bio;
}

// --- certificates ---------------------------------------------------------------------------------------------------------

// The client's list of protocols, for get_certificate. Each is a byte of size and the name.
int session::callbacks::on_hello(SSL* ssl, int*, void*) noexcept {
  session& s = session_of(ssl);
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) != 1 || size < 2) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  s.hello_.protocols.clear();
  for (std::size_t i = 2; i < size && i + 1 + data[i] <= size; i += 1U + data[i]) {
    const auto* const name = reinterpret_cast<const char*>(&data[i + 1]);
    if (!guarded([&] { return s.hello_.protocols.emplace_back(name, data[i]), true; }, false)) return SSL_CLIENT_HELLO_ERROR;
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Which certificate to show: -1 stops the handshake until the program has been asked.
int session::callbacks::on_certificate(SSL* ssl, void*) noexcept {
  session& s = session_of(ssl);
  const options& o = s.config_->chosen;
  if (s.role_ == role::client) return o.certificates.empty() || install(ssl, o.certificates.front()) ? 1 : 0;
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
    if (!guarded([&] { return s.hello_.server_name = name, true; }, false)) return 0;
  }
  if (o.get_certificate && !s.asked_) return -1;
  if (s.not_chosen_) return 0;
  if (s.chosen_) return install(ssl, s.chosen_) ? 1 : 0;
  return install_for(ssl, o.certificates, s.hello_.server_name) ? 1 : 0;
}

int session::callbacks::on_verify(int good, X509_STORE_CTX* store) noexcept {
  if (good == 1) return 1;
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  session& s = session_of(ssl);
  const client_auth wanted = s.config_->chosen.client_certificates;
  if (s.role_ == role::server && (wanted == client_auth::request || wanted == client_auth::require_any)) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  if (!s.refusal_.empty()) return 0;
  guarded(
      [&] {
        s.refusal_ = refusal(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store), s.server_name_);
        return 0;
      },
      0);
  return 0;
}

// --- protocols and sessions -----------------------------------------------------------------------------------------------

// A server's choice, by its own order.
int session::callbacks::on_protocols(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                                     const unsigned char* offered, unsigned int offered_size, void*) noexcept {
  const std::vector<unsigned char>& ours = session_of(ssl).config_->protocols;
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, ours.data(), static_cast<unsigned>(ours.size()), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

// A session that the server has given: a copy, since OpenSSL goes on to use and change its own, and other connections will use
// this one. operate() stores it when the lock is free.
int session::callbacks::on_session(SSL* ssl, SSL_SESSION* given) noexcept {
  session& s = session_of(ssl);
  if (s.role_ != role::client) return 0;
  s.fresh_.reset(SSL_SESSION_dup(given));
  return 0;
}

void session::set_callbacks(config::state& config) {
  SSL_CTX* const ctx = config.ctx.get();
  SSL_CTX_set_cert_cb(ctx, callbacks::on_certificate, nullptr);
  SSL_CTX_sess_set_new_cb(ctx, callbacks::on_session);
  if (config.chosen.get_certificate) SSL_CTX_set_client_hello_cb(ctx, callbacks::on_hello, nullptr);
  if (config.protocols.empty()) return;
  SSL_CTX_set_alpn_select_cb(ctx, callbacks::on_protocols, nullptr);
  if (SSL_CTX_set_alpn_protos(ctx, config.protocols.data(), static_cast<unsigned>(config.protocols.size())) != 0) {
    openssl_out_of_memory();
  }
}

}  // namespace gos::tls
