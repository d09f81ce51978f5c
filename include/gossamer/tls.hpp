// tls: TLS 1.2 and 1.3 over any stream, by OpenSSL 3.
//
//   gos::tls::options options;                                         // a server
//   options.get_certificate = gos::tls::certificate_files::open("site.pem", "site.key").value();
//   auto config = gos::tls::config::make(options);
//   if (!config) return std::puts(config.error().message().c_str()), 1;
//   auto listener = gos::tls::listen("tcp", ":8443", *config);
//   while (auto conn = listener->accept()) gos::go(serve, std::move(*conn));
//
//   auto conn = gos::tls::dial("tcp", "example.org:443");              // a client: verified, or an error that says why not
//
// A tls::conn is a net::stream_base: whatever works on that works on it. One goroutine may read while another writes; waiting
// for the peer uses no thread, and an idle connection holds no buffers.
//
// Defaults: TLS 1.2 and newer, forward secrecy and authenticated ciphers only, the peer verified against the system's roots and by
// its name, ten seconds for a handshake. Needs libssl of OpenSSL 3.
// Source: Go crypto/tls.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gossamer/error.hpp>
#include <gossamer/net.hpp>

namespace gos::tls {

// Why TLS failed, beside the failures of the stream below and io_errc::unexpected_end_of_file (a peer that went without saying
// so, or somebody who cut the connection). The texts say more.
enum class errc {
  protocol = 1,      // tls: no shared cipher
  not_tls,           // tls: first record does not look like a TLS handshake
  verification,      // tls: failed to verify certificate: certificate has expired on 2024-01-01 00:00:00 UTC
  remote_alert,      // remote error: tls: unknown ca
  no_certificate,    // tls: client didn't provide a certificate; tls: no certificate for example.org
  finished,          // tls: protocol is shutdown
  configuration,     // tls: certificate_file: open site.pem: no such file or directory
};
const std::error_category& tls_category() noexcept;
inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), tls_category()}; }

}  // namespace gos::tls

template <>
struct std::is_error_code_enum<gos::tls::errc> : std::true_type {};

namespace gos::tls {

enum class version : std::uint16_t { tls1_2 = 0x0303, tls1_3 = 0x0304 };

// A certificate with those that lead to its root, and its private key. Copies share it; it does not change.
class certificate {
 public:
  certificate() noexcept = default;  // none
  // PEM: the certificate, then those between it and the root. Errors name what is wrong: `tls: key_file: ...`.
  static result<certificate> from_files(const std::string& certificate_file, const std::string& key_file);
  static result<certificate> from_pem(std::string_view certificate, std::string_view key);
  explicit operator bool() const noexcept { return pair_ != nullptr; }

  struct pair;

 private:
  friend struct access;
  std::shared_ptr<const pair> pair_;
};

// What a client says before a server has to show a certificate.
struct client_hello {
  std::string server_name;             // empty: it named none
  std::vector<std::string> protocols;  // ALPN
};

// A certificate in two files that may be replaced while the server runs: `options.get_certificate`. Copies share it.
class certificate_files {
 public:
  // Looks at most every `check_every` whether the files have changed; a zero or less: only reload() does.
  static result<certificate_files> open(std::string certificate_file, std::string key_file,
                                        std::chrono::milliseconds check_every = std::chrono::seconds(1));
  // Reads the files now. After a failure the last good certificate stays in use.
  result<void> reload();
  certificate current() const;
  result<certificate> operator()(const client_hello&) const { return current(); }

 private:
  struct state;
  std::shared_ptr<state> state_;
};

// What a server wants from its clients.
enum class client_auth {
  none,
  request,             // asked for, not looked at
  require_any,         // one must be given, not verified
  verify_if_given,
  require_and_verify,
};

struct options {
  // A server shows the first whose names fit the client's SNI, else the first. A client shows the first when it is asked.
  std::vector<certificate> certificates = {};
  // A server's choice for each connection, before `certificates`; may wait. An error ends the handshake; none: `certificates`.
  std::function<result<certificate>(const client_hello&)> get_certificate = {};

  // Whom a client trusts: the system's roots, and those in PEM, from a file and from memory.
  bool system_roots = true;
  std::string root_file = {};
  std::string roots = {};
  // The name that the server's certificate must have; dial fills in the host.
  std::string server_name = {};
  // A client takes whatever certificate it is shown. Whoever sits in between reads and changes everything.
  bool insecure_skip_verify = false;

  // A server's clients, and whom it trusts to vouch for them, in PEM.
  client_auth client_certificates = client_auth::none;
  std::string client_root_file = {};
  std::string client_roots = {};

  // ALPN, most wanted first. A server refuses a client with which it shares none, if both name some.
  std::vector<std::string> protocols = {};

  version min_version = version::tls1_2;
  version max_version = version::tls1_3;
  // Servers hand out tickets, clients keep them and come back with a shorter handshake.
  bool session_tickets = true;
  // Of a whole handshake, beside the connection's deadlines. Zero: none.
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
};

// Options as connections use them. Copies share it, the sessions of a client included; it does not change.
class config {
 public:
  // Errors name the field: `tls: root_file: open roots.pem: no such file or directory`.
  static result<config> make(const options& options);
  // A client's with the defaults, made once.
  static const config& client_default();

  struct state;

 private:
  friend struct access;
  std::shared_ptr<state> state_;
};

// A certificate of the peer.
struct peer_certificate {
  std::string subject, issuer;         // "CN=example.org,O=..."
  std::vector<std::string> names;      // DNS names and addresses
  std::chrono::system_clock::time_point not_before, not_after;
  std::array<std::byte, 32> sha256{};  // of the DER
  std::vector<std::byte> der;
};

struct connection_state {
  bool complete = false;  // false: the handshake has not been done; the rest is empty
  tls::version version = version::tls1_2;
  std::string cipher;       // "TLS_AES_128_GCM_SHA256"
  std::string protocol;     // ALPN, empty if none was agreed on
  std::string server_name;  // SNI
  bool resumed = false;
  std::vector<peer_certificate> peer;  // the peer's own first
};

// A connection. The first operation does the handshake if nobody has called handshake(); its failure is everybody's from
// then on. Deadlines work as stream_base's: after one the connection goes on where it was, also in the middle of a write.
//
// close() tells the peer (close_notify) and closes the stream below. close_write() tells it too; reading goes on. A read
// returns 0 when the peer has said that it is done, and io_errc::unexpected_end_of_file if it went without.
class conn : public net::stream_base {
 public:
  conn() noexcept = default;  // as if moved from
  explicit conn(rt::stream* session) noexcept : stream_base(session) {}
  conn(conn&&) noexcept = default;
  conn& operator=(conn&&) noexcept = default;
  ~conn() = default;

  // Returns at once if it has been done.
  result<void> handshake();
  // The same; when ctx is over first, the connection is good for nothing but close().
  result<void> handshake(const context& ctx);
  connection_state state() const;
  int native_handle() const;  // of the stream below; -1 when closed or none
};

// Puts TLS over a connected stream. server_name: instead of the options'. The handshake comes later.
conn client(net::stream_base&& stream, const config& config, std::string_view server_name = {});
conn server(net::stream_base&& stream, const config& config);

// Dials as net::dial, or with network "unix" as net::dial_unix, and does the handshake. The certificate must have the name of
// the host, unless the options say another.
result<conn> dial(std::string_view network, std::string_view address, const config& config = config::client_default());
result<conn> dial(std::string_view network, std::string_view address, const config& config, const context& ctx);

class listener {
 public:
  listener() noexcept = default;  // as if moved from
  listener(net::tcp_listener&& below, const config& config) noexcept : below_(std::move(below)), config_(config) {}

  // Waits for the next connection, and leaves its handshake to whoever uses it.
  result<conn> accept();
  // As net::tcp_listener::accept_patiently: for a server that shall live.
  result<conn> accept_patiently(const std::function<void(std::string_view)>& say = nullptr);
  net::endpoint address() const { return below_.address(); }
  result<void> close() { return below_.close(); }
  result<void> set_deadline(std::optional<time_point> when) { return below_.set_deadline(when); }

 private:
  net::tcp_listener below_;
  config config_;
};

// Listens as net::listen.
result<listener> listen(std::string_view network, std::string_view address, const config& config,
                        const net::listen_options& options = {});

}  // namespace gos::tls
