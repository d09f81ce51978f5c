// session: one TLS connection: the state machine of OpenSSL, and who may use it when.
//
// An SSL object must not be used by two threads at once. lock_ is held around each call into it, and never over a wait. So a
// goroutine that waits for data in read does not hold up one that writes.
//
// INV1 lock_ guards ssl_ and what OpenSSL's callbacks touch: pending_, sending_, cause_, ended_, refusal_, fresh_.
// INV2 Reads are serialised by reading_, writes by writing_, both may be held over waits. The handshake is done under
//      handshaking_ by whoever comes first, before any of them reads or writes. Order: reading_ or writing_, handshaking_, lock_.
// INV3 OpenSSL never waits for room: what the stream below does not take at once goes into pending_, and whoever writes sends
//      that before it returns (flush). So there is never a half-written record in OpenSSL that another call could disturb. What a
//      read has to say (the answer to a new key) waits in pending_ for the next write if there is no room.
// INV4 Bytes reach the stream below in the order in which OpenSSL gives them: send() by the callback only while nothing is pending
//      and nobody is sending what was.
// INV5 Nothing that OpenSSL calls back waits or enters the runtime (openssl.hpp). The program's get_certificate is called between
//      two calls: the handshake stands still meanwhile (SSL_ERROR_WANT_X509_LOOKUP).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/mutex.hpp>

#include "tls/config.hpp"
#include "tls/transport.hpp"

namespace gos::tls {

class session final : public rt::stream {
 public:
  enum class role { client, server };
  struct retire_stream {
    void operator()(rt::stream* stream) const noexcept { stream->retire(); }
  };
  using owned_stream = std::unique_ptr<rt::stream, retire_stream>;

  // server_name: that a client wants to see.
  session(owned_stream below, std::shared_ptr<config::state> config, role role, std::string_view server_name);
  ~session();

  result<void> handshake();
  result<void> handshake(const context& ctx);
  connection_state state();
  int native_handle() noexcept;

  result<std::size_t> read_some(std::byte* buffer, std::size_t size) override;
  result<std::size_t> write_some(const std::byte* data, std::size_t size) override;
  result<std::size_t> write_all(const std::byte* data, std::size_t size) override;
  result<std::size_t> write_pieces(pieces data) override;
  result<void> shut_down(int how) override;
  result<void> set_deadlines(bool read, bool write, std::optional<time_point> when) override;
  result<void> close() override;
  void retire() noexcept override;
  net::endpoint local() const override { return below_->local(); }
  net::endpoint remote() const override { return below_->remote(); }
  error failure(std::string_view operation, std::error_code code, const char* call = nullptr,
                std::size_t transferred = 0) const override {
    return below_->failure(operation, code, call, transferred);
  }

  // What OpenSSL is to call.
  static void set_callbacks(config::state& config);

 private:
  struct callbacks;  // callbacks.cpp

  // What one call into OpenSSL came to.
  enum class outcome : unsigned char { done, wants_input, wants_certificate, ended, failed };
  struct step {
    outcome what = outcome::failed;
    int count = 0;
    bool pending = false;  // there is something to send
    std::optional<error> why;  // failed
  };
  template <class Call>
  step operate(std::string_view operation, Call call);
  error explain(std::string_view operation, int ssl_error);
  error explain_protocol();

  void prepare_client(SSL* ssl);
  void prepare_server(SSL* ssl);
  result<void> handshake_once();
  result<void> handshake_steps();
  bool only_tickets_left();
  void choose_certificate();
  result<void> flush();
  result<std::size_t> end_or(error e);
  result<std::size_t> write(pieces data);
  result<void> write_records(pieces data, std::size_t& done);
  std::span<const std::byte> next_record(pieces data, std::size_t index, std::size_t offset);
  result<void> apply_deadlines();
  void limit_handshake(time_point limit);
  void interrupt(bool on);
  void say_goodbye();
  void failed_below(std::error_code cause, const char* call) noexcept {
    cause_ = cause;
    cause_call_ = call;
  }

  // Do not change once it is made.
  const owned_stream below_;
  const std::shared_ptr<config::state> config_;
  const role role_;
  std::string server_name_;
  std::string cache_key_;  // for the sessions of a client
  std::unique_ptr<transport> transport_;

  mutex reading_, writing_, handshaking_;
  std::atomic<bool> complete_{false};  // the handshake
  std::atomic<bool> closed_{false};
  std::optional<error> handshake_failure_;  // under handshaking_
  std::optional<error> read_failure_;       // under reading_
  std::optional<error> write_failure_;      // under writing_
  std::vector<std::byte> staging_;          // under writing_: small pieces on their way into one record

  mutex deadline_lock_;
  time_point read_deadline_ = time_point::max(), write_deadline_ = time_point::max();  // under deadline_lock_, as is
  time_point handshake_limit_ = time_point::max();
  bool interrupted_ = false;
  bool read_closed_ = false;

  mutex lock_;  // guards all below (INV1)
  ssl_owner ssl_;
  std::vector<std::byte> pending_;
  bool sending_ = false;
  bool ended_ = false;     // the stream below has ended
  bool received_ = false;  // anything, ever
  std::optional<error> broken_why_;  // OpenSSL is good for nothing any more
  std::error_code cause_;  // why the stream below failed, in which call
  const char* cause_call_ = nullptr;
  std::string refusal_;    // why the peer's certificate was refused
  client_hello hello_;
  bool asked_ = false;     // get_certificate has been
  certificate chosen_;     // by it
  std::optional<error> not_chosen_;
  session_owner fresh_;    // a session that the server has just given
};

}  // namespace gos::tls
