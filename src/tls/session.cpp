// See session.hpp.
#include "tls/session.hpp"

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "context/follow.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"
#include "tls/callbacks.hpp"

namespace gos::tls {

using rt::direction;

namespace {
constexpr std::size_t record_size = 16 * 1024;
}

// --- its beginning and its end --------------------------------------------------------------------------------------------

session::session(owned_stream below, std::shared_ptr<config::state> config, role role, std::string_view server_name)
    : below_(std::move(below)), config_(std::move(config)), role_(role), server_name_(server_name),
      transport_(transport::over(*below_)) {
  if (role_ == role::client) config_->load_system_roots();
  while (server_name_.ends_with('.')) server_name_.pop_back();
  cache_key_ = server_name_.empty() ? below_->remote().to_string() : server_name_;
  const session_owner known = role_ == role::client ? config_->sessions.find(cache_key_) : nullptr;
  const openssl_scope inside;
  ssl_.reset(allocated(SSL_new(config_->ctx.get())));
  SSL* const ssl = ssl_.get();
  SSL_set_app_data(ssl, this);
  BIO* const bio = callbacks::make_bio(*this);
  SSL_set_bio(ssl, bio, bio);
  if (known) SSL_set_session(ssl, known.get());
  if (role_ == role::client) {
    prepare_client(ssl);
  } else {
    prepare_server(ssl);
  }
  ERR_clear_error();
}

session::~session() {
  rt::race_acquire(&lock_);
  // Without a goodbye OpenSSL would forget the session, too.
  if (!broken_why_ && ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  rt::race_release(config_.get());
}

void session::prepare_client(SSL* ssl) {
  SSL_set_connect_state(ssl);
  const bool is_address = !rt::parse_ip(server_name_, 0).empty();
  if (!server_name_.empty() && !is_address) SSL_set_tlsext_host_name(ssl, server_name_.c_str());
  if (config_->chosen.insecure_skip_verify) {
    SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    return;
  }
  SSL_set_verify(ssl, SSL_VERIFY_PEER, callbacks::on_verify);
  if (server_name_.empty()) {
    handshake_failure_ = error(errc::configuration, "tls: server_name", "none given, so the peer cannot be verified");
    return;
  }
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, server_name_.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, server_name_.data(), server_name_.size());
  }
}

void session::prepare_server(SSL* ssl) {
  SSL_set_accept_state(ssl);
  const client_auth wanted = config_->chosen.client_certificates;
  if (wanted == client_auth::none) return;
  const bool needed = wanted == client_auth::require_any || wanted == client_auth::require_and_verify;
  SSL_set_verify(ssl, SSL_VERIFY_PEER | (needed ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), callbacks::on_verify);
  SSL_set1_verify_cert_store(ssl, config_->client_roots.get());
}

result<void> session::close() {
  // acq_rel: whoever closes sees what others did before; the losers look at nothing.
  if (closed_.exchange(true, std::memory_order_acq_rel)) return std::unexpected(failure("close", io_errc::closed));
  say_goodbye();
  return below_->close();
}

// Tells the peer, if that needs no waiting: when somebody is writing, or a socket has no room, the peer is left without. A
// stream that takes nothing without waiting is given a moment.
void session::say_goodbye() {
  constexpr auto moment = std::chrono::milliseconds(100);
  // acquire: pairs with handshake_once().
  if (!complete_.load(std::memory_order_acquire) || !writing_.try_lock()) return;
  const told_guard writing(writing_, std::adopt_lock);
  const visit inside(*transport_, direction::write);
  if (!inside) return;
  {
    const told_guard held(lock_);
    if (broken_why_ || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  }
  const step s = operate("close", [](SSL* ssl) { return SSL_shutdown(ssl) >= 0 ? 1 : -1; });
  if (!s.pending || below_->socket() != nullptr) return;
  static_cast<void>(below_->set_deadlines(false, true, std::chrono::steady_clock::now() + moment));
  static_cast<void>(flush());
}

void session::retire() noexcept {
  // relaxed: the handle's owner; everybody else has left.
  if (!closed_.load(std::memory_order_relaxed)) static_cast<void>(close());
  delete this;
}

// --- one call into OpenSSL ------------------------------------------------------------------------------------------------

template <class Call>
session::step session::operate(std::string_view operation, Call call) {
  step s;
  session_owner fresh;
  {
    const told_guard held(lock_);
    const openssl_scope inside;
    ERR_clear_error();
    cause_ = {};
    s.count = call(ssl_.get());
    const int ssl_error = s.count > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), s.count);
    switch (ssl_error) {
      case SSL_ERROR_NONE: s.what = outcome::done; break;
      case SSL_ERROR_WANT_READ: s.what = outcome::wants_input; break;
      case SSL_ERROR_WANT_X509_LOOKUP: s.what = outcome::wants_certificate; break;
      case SSL_ERROR_ZERO_RETURN: s.what = outcome::ended; break;
      default:
        s.why = explain(operation, ssl_error);
        if (!broken_why_) broken_why_ = s.why;
    }
    s.pending = !pending_.empty();
    fresh = std::move(fresh_);
  }
  if (fresh) config_->sessions.keep(cache_key_, std::move(fresh));
  return s;
}

// The lock is held, and OpenSSL's errors are those of this call.
error session::explain(std::string_view operation, int ssl_error) {
  if (cause_) return failure(operation, cause_, cause_call_);
  const unsigned long first = ERR_peek_error();
  if (first == 0 && broken_why_) return *broken_why_;  // it says nothing more
  const bool cut = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (cut || (ssl_error == SSL_ERROR_SYSCALL && ended_)) {
    return failure(operation, received_ ? io_errc::unexpected_end_of_file : io_errc::end_of_file);
  }
  return explain_protocol();
}

error session::explain_protocol() {
  if (!refusal_.empty()) return {errc::verification, "tls: failed to verify certificate", refusal_};
  const unsigned long first = ERR_peek_error();
  const int reason = ERR_GET_LIB(first) == ERR_LIB_SSL ? ERR_GET_REASON(first) : 0;
  if (reason >= SSL_AD_REASON_OFFSET) {
    return {errc::remote_alert, "remote error: tls", SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET)};
  }
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return make_error_code(errc::not_tls);
    case SSL_R_WRONG_VERSION_NUMBER:
      if (SSL_in_init(ssl_.get()) != 0) return make_error_code(errc::not_tls);
      break;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return {errc::no_certificate, {}, "tls: client didn't provide a certificate"};
    case SSL_R_CERT_CB_ERROR:
      if (not_chosen_) return {not_chosen_->code(), "tls: get_certificate", not_chosen_->message()};
      return {errc::no_certificate, {}, "tls: no certificate" + (hello_.server_name.empty() ? "" : " for " + hello_.server_name)};
    case SSL_R_PROTOCOL_IS_SHUTDOWN: return make_error_code(errc::finished);
    default: break;
  }
  return {errc::protocol, "tls", openssl_reason()};
}

// Sends what OpenSSL could not, and waits for that. By who writes, or does the handshake.
result<void> session::flush() {
  std::vector<std::byte> chunk;
  for (std::size_t done = 0;;) {
    {
      const told_guard held(lock_);
      // What is left of the last chunk goes before what came meanwhile.
      pending_.insert(pending_.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(done), chunk.end());
      sending_ = !pending_.empty();
      if (!sending_) return {};
      chunk = std::exchange(pending_, {});
    }
    done = 0;
    if (auto sent = transport_->send_all(chunk, done); !sent) {
      const told_guard held(lock_);
      pending_.insert(pending_.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(done), chunk.end());
      sending_ = false;
      return sent;
    }
  }
}

// --- the handshake --------------------------------------------------------------------------------------------------------

result<void> session::handshake() {
  // acquire: pairs with handshake_once().
  if (complete_.load(std::memory_order_acquire)) return {};
  return handshake_once();
}

result<void> session::handshake(const context& ctx) {
  result<void> done;
  bool interrupted = false;
  {
    rt::follower guard(ctx, [this] { interrupt(true); });
    done = handshake();
    interrupted = guard.stop();
  }
  if (!interrupted) return done;
  if (!done) {
    const std::error_code why = ctx.err();
    const io_errc text = why == std::errc::timed_out ? io_errc::timeout : io_errc::canceled;
    return std::unexpected(error(why, {}, failure("handshake", text).message()));
  }
  interrupt(false);
  return done;
}

result<void> session::handshake_once() {
  const told_guard handshaking(handshaking_);
  // relaxed: under the lock.
  if (complete_.load(std::memory_order_relaxed)) return {};
  if (handshake_failure_) return std::unexpected(*handshake_failure_);
  const auto timeout = config_->chosen.handshake_timeout;
  if (timeout.count() > 0) limit_handshake(std::chrono::steady_clock::now() + timeout);
  auto done = handshake_steps();
  if (timeout.count() > 0) limit_handshake(time_point::max());
  if (!done) {
    handshake_failure_ = done.error();
    return done;
  }
  // release: pairs with the loads of acquire above.
  complete_.store(true, std::memory_order_release);
  return {};
}

result<void> session::handshake_steps() {
  const visit reading(*transport_, direction::read);
  const visit writing(*transport_, direction::write);
  if (!reading || !writing) return std::unexpected(failure("handshake", io_errc::closed));
  if (auto may = transport_->prepare(direction::read); !may) return may;
  if (auto may = transport_->prepare(direction::write); !may) return may;
  for (;;) {
    step s = operate("handshake", [](SSL* ssl) { return SSL_do_handshake(ssl); });
    if (s.pending && !(s.what == outcome::done && only_tickets_left())) {
      auto sent = flush();
      if (!sent && s.what != outcome::failed) return sent;
    }
    switch (s.what) {
      case outcome::done: return {};
      case outcome::wants_input:
        if (auto waited = transport_->wait(); !waited) return waited;
        break;
      case outcome::wants_certificate: choose_certificate(); break;
      case outcome::ended: return std::unexpected(failure("handshake", io_errc::unexpected_end_of_file));
      case outcome::failed: return std::unexpected(std::move(*s.why));
    }
  }
}

// What a server of TLS 1.3 says last is for later handshakes, and may go with the first data. A client that begins to write before
// it reads would otherwise wait for us, and we for it, where the stream below has no buffer.
bool session::only_tickets_left() {
  const told_guard held(lock_);
  return role_ == role::server && SSL_version(ssl_.get()) == TLS1_3_VERSION;
}

// Asks the program. OpenSSL asks for the answer when it goes on.
void session::choose_certificate() {
  client_hello hello;
  {
    const told_guard held(lock_);
    hello = hello_;
  }
  auto chosen = config_->chosen.get_certificate(hello);
  const told_guard held(lock_);
  asked_ = true;
  if (chosen) {
    chosen_ = std::move(*chosen);
  } else {
    not_chosen_ = std::move(chosen.error());
  }
}

// --- reading and writing --------------------------------------------------------------------------------------------------

result<std::size_t> session::read_some(std::byte* buffer, std::size_t size) {
  const told_guard reading(reading_);
  // relaxed: a closed stream below says so, too.
  if (closed_.load(std::memory_order_relaxed)) return std::unexpected(failure("read", io_errc::closed));
  if (size == 0) return 0;
  if (auto done = handshake(); !done) return std::unexpected(std::move(done.error()));
  if (read_failure_) return std::unexpected(*read_failure_);
  const visit inside(*transport_, direction::read);
  if (!inside) return std::unexpected(failure("read", io_errc::closed));
  if (auto may = transport_->prepare(direction::read); !may) return end_or(std::move(may.error()));
  for (;;) {
    step s = operate("read", [=](SSL* ssl) {
      return SSL_read(ssl, buffer, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    });
    if (s.what == outcome::done) return static_cast<std::size_t>(s.count);
    if (s.what == outcome::ended) return 0;
    if (s.what == outcome::wants_input) {
      auto waited = transport_->wait();
      if (!waited) return end_or(std::move(waited.error()));
      continue;
    }
    read_failure_ = s.why;
    return std::unexpected(std::move(*s.why));
  }
}

// What ended a wait was shut_down(SHUT_RD): its own end of the file.
result<std::size_t> session::end_or(error e) {
  const told_guard held(deadline_lock_);
  if (read_closed_ && e == io_errc::timeout) return 0;
  return std::unexpected(std::move(e));
}

result<std::size_t> session::write_some(const std::byte* data, std::size_t size) {
  const std::span piece(data, std::min(size, record_size));
  return write(std::span(&piece, 1));
}
result<std::size_t> session::write_all(const std::byte* data, std::size_t size) {
  const std::span piece(data, size);
  return write(std::span(&piece, 1));
}
result<std::size_t> session::write_pieces(pieces data) { return write(data); }

result<std::size_t> session::write(pieces data) {
  const told_guard writing(writing_);
  // relaxed: as in read_some().
  if (closed_.load(std::memory_order_relaxed)) return std::unexpected(failure("write", io_errc::closed));
  if (auto done = handshake(); !done) return std::unexpected(std::move(done.error()));
  if (write_failure_) return std::unexpected(*write_failure_);
  const visit inside(*transport_, direction::write);
  if (!inside) return std::unexpected(failure("write", io_errc::closed));
  std::size_t done = 0;
  result<void> ok = transport_->prepare(direction::write);
  if (ok) ok = flush();  // what an earlier write left behind that met its deadline
  if (ok) ok = write_records(data, done);
  staging_ = {};
  if (ok) return done;
  const error& e = ok.error();
  return std::unexpected(error(e.code(), {}, e.message(), done));
}

result<void> session::write_records(pieces data, std::size_t& done) {
  std::size_t index = 0, offset = 0;  // the next byte is data[index][offset]
  for (;;) {
    const auto record = next_record(data, index, offset);
    if (record.empty()) return {};
    step s = operate("write", [&](SSL* ssl) { return SSL_write(ssl, record.data(), static_cast<int>(record.size())); });
    if (s.what != outcome::done) {
      if (!s.why) s.why = error(errc::protocol);
      write_failure_ = s.why;
      return std::unexpected(std::move(*s.why));
    }
    done += static_cast<std::size_t>(s.count);
    for (offset += static_cast<std::size_t>(s.count); index < data.size() && offset >= data[index].size(); ++index) {
      offset -= data[index].size();
    }
    if (!s.pending) continue;
    if (auto sent = flush(); !sent) return sent;
  }
}

// What goes into one record: of a large piece as much as fits, small ones together.
std::span<const std::byte> session::next_record(pieces data, std::size_t index, std::size_t offset) {
  while (index < data.size() && data[index].size() == offset) {
    ++index;
    offset = 0;
  }
  if (index == data.size()) return {};
  const auto first = data[index].subspan(offset);
  if (first.size() >= record_size || index + 1 == data.size()) return first.first(std::min(first.size(), record_size));
  staging_.assign(first.begin(), first.end());
  for (++index; index < data.size() && staging_.size() < record_size; ++index) {
    const auto more = data[index].first(std::min(data[index].size(), record_size - staging_.size()));
    staging_.insert(staging_.end(), more.begin(), more.end());
  }
  return staging_;
}

result<void> session::shut_down(int how) {
  if (how == SHUT_RD) {
    // Not below: OpenSSL would take that for a cut, and refuse to write, too.
    const told_guard held(deadline_lock_);
    read_closed_ = true;
    return apply_deadlines();
  }
  const told_guard writing(writing_);
  // relaxed: as in read_some().
  if (closed_.load(std::memory_order_relaxed)) return std::unexpected(failure("close", io_errc::closed));
  if (auto done = handshake(); !done) return done;
  const visit inside(*transport_, direction::write);
  if (!inside) return std::unexpected(failure("close", io_errc::closed));
  step s = operate("close", [](SSL* ssl) { return SSL_shutdown(ssl) >= 0 ? 1 : -1; });
  if (s.what == outcome::failed) return std::unexpected(std::move(*s.why));
  return s.pending ? flush() : result<void>();
}

// --- deadlines ------------------------------------------------------------------------------------------------------------

result<void> session::set_deadlines(bool read, bool write, std::optional<time_point> when) {
  const told_guard held(deadline_lock_);
  const time_point deadline = when && *when != time_point{} ? *when : time_point::max();
  if (read) read_deadline_ = deadline;
  if (write) write_deadline_ = deadline;
  return apply_deadlines();
}

// deadline_lock_ is held.
result<void> session::apply_deadlines() {
  const time_point limit = interrupted_ ? time_point::min() : handshake_limit_;
  auto done = below_->set_deadlines(true, false, read_closed_ ? time_point::min() : std::min(read_deadline_, limit));
  if (done) done = below_->set_deadlines(false, true, std::min(write_deadline_, limit));
  return done;
}

void session::limit_handshake(time_point limit) {
  const told_guard held(deadline_lock_);
  handshake_limit_ = limit;
  static_cast<void>(apply_deadlines());
}

void session::interrupt(bool on) {
  const told_guard held(deadline_lock_);
  interrupted_ = on;
  static_cast<void>(apply_deadlines());
}

// --- what is known --------------------------------------------------------------------------------------------------------

connection_state session::state() {
  connection_state known;
  // acquire: pairs with handshake_once().
  known.complete = complete_.load(std::memory_order_acquire);
  if (!known.complete) return known;
  const told_guard held(lock_);
  const openssl_scope inside;
  SSL* const ssl = ssl_.get();
  known.version = static_cast<version>(SSL_version(ssl));
  known.cipher = SSL_get_cipher_name(ssl);
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (size > 0) known.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) known.server_name = name;
  known.resumed = SSL_session_reused(ssl) == 1;
  const x509_owner peer(SSL_get1_peer_certificate(ssl));
  if (peer == nullptr) return known;
  known.peer.push_back(summary(peer.get()));
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);  // a client's has the peer itself, too
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* const next = sk_X509_value(chain, i);
    if (X509_cmp(next, peer.get()) != 0) known.peer.push_back(summary(next));
  }
  return known;
}

int session::native_handle() noexcept {
  rt::net_fd* const socket = below_->socket();
  return socket == nullptr ? -1 : socket->number();
}

}  // namespace gos::tls
