// certificate: pairs of certificate and key, from memory and from files, also from files that change.
//
// Whether files have changed is seen by their time of change, number and size. A reading that fails, because only one of the
// two has been replaced so far, leaves the last good pair in use, and is tried again at the next look.
#include <openssl/pem.h>
#include <sys/stat.h>

#include <mutex>
#include <utility>

#include <gossamer/mutex.hpp>

#include "platform/clock.hpp"
#include "tls/openssl.hpp"

namespace gos::tls {

namespace {

// Nobody is asked for a password.
int no_password(char*, int, int, void*) noexcept { return -1; }

bio_owner reader(std::string_view text) {
  return bio_owner(allocated(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
}

// Fails with `tls: <field>: why`.
result<certificate::pair> parse(std::string_view certificates, std::string_view key, const char* certificate_field,
                                const char* key_field) {
  start_openssl();
  const openssl_scope inside;
  ERR_clear_error();
  certificate::pair made;
  const bio_owner text = reader(certificates);
  made.leaf.reset(PEM_read_bio_X509(text.get(), nullptr, no_password, nullptr));
  if (made.leaf == nullptr) return bad_option(certificate_field, "no certificate in PEM found");
  made.chain.reset(allocated(sk_X509_new_null()));
  while (x509_owner next{PEM_read_bio_X509(text.get(), nullptr, no_password, nullptr)}) {
    if (sk_X509_push(made.chain.get(), next.get()) == 0) openssl_out_of_memory();
    static_cast<void>(next.release());
  }
  ERR_clear_error();
  made.key.reset(PEM_read_bio_PrivateKey(reader(key).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (made.key == nullptr) return bad_option(key_field, "no private key in PEM found, or it is encrypted");
  const bool fits = X509_check_private_key(made.leaf.get(), made.key.get()) == 1;
  ERR_clear_error();
  if (!fits) return bad_option(key_field, "the private key does not belong to the certificate");
  return made;
}

}  // namespace

result<certificate> certificate::from_pem(std::string_view certificates, std::string_view key) {
  auto made = parse(certificates, key, "certificate", "key");
  if (!made) return std::unexpected(std::move(made.error()));
  certificate c;
  c.pair_ = std::make_shared<const pair>(std::move(*made));
  return c;
}

result<certificate> certificate::from_files(const std::string& certificate_file, const std::string& key_file) {
  const auto certificates = read_file(certificate_file);
  if (!certificates) return bad_option("certificate_file", certificates.error().message());
  const auto key = read_file(key_file);
  if (!key) return bad_option("key_file", key.error().message());
  auto made = parse(*certificates, *key, ("certificate_file: " + certificate_file).c_str(), ("key_file: " + key_file).c_str());
  if (!made) return std::unexpected(std::move(made.error()));
  certificate c;
  c.pair_ = std::make_shared<const pair>(std::move(*made));
  return c;
}

// --- certificate_files --------------------------------------------------------------------------------------------------

namespace {

// What tells one state of a file from another.
struct fingerprint {
  std::int64_t changed_ns = 0;
  std::uint64_t number = 0;
  std::int64_t size = -1;
  bool operator==(const fingerprint&) const = default;
};

fingerprint look_at(const std::string& path) noexcept {
  struct ::stat status;
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec, status.st_ino, status.st_size};
}

}  // namespace

struct certificate_files::state {
  std::string certificate_file, key_file;
  std::int64_t check_every_ns = 0;
  mutex lock;  // guards all below
  std::int64_t next_check_ns = 0;
  certificate last_good;
  fingerprint seen[2];

  // The lock is held.
  result<void> read() {
    const fingerprint now[2] = {look_at(certificate_file), look_at(key_file)};  // before reading: a change meanwhile is seen later
    auto fresh = certificate::from_files(certificate_file, key_file);
    if (!fresh) return std::unexpected(std::move(fresh.error()));
    last_good = std::move(*fresh);
    seen[0] = now[0];
    seen[1] = now[1];
    return {};
  }
};

result<certificate_files> certificate_files::open(std::string certificate_file, std::string key_file,
                                                  std::chrono::milliseconds check_every) {
  certificate_files made;
  made.state_ = std::make_shared<state>();
  made.state_->certificate_file = std::move(certificate_file);
  made.state_->key_file = std::move(key_file);
  made.state_->check_every_ns = std::chrono::nanoseconds(check_every).count();
  if (auto read = made.reload(); !read) return std::unexpected(std::move(read.error()));
  return made;
}

result<void> certificate_files::reload() {
  if (state_ == nullptr) return std::unexpected(error(std::errc::invalid_argument));
  const told_guard held(state_->lock);
  return state_->read();
}

certificate certificate_files::current() const {
  if (state_ == nullptr) return {};
  state& s = *state_;
  const told_guard held(s.lock);
  if (s.check_every_ns > 0) {
    const std::int64_t now_ns = rt::monotonic_ns();
    if (now_ns >= s.next_check_ns) {
      s.next_check_ns = now_ns + s.check_every_ns;
      if (look_at(s.certificate_file) != s.seen[0] || look_at(s.key_file) != s.seen[1]) static_cast<void>(s.read());
    }
  }
  return s.last_good;
}

}  // namespace gos::tls
