// openssl: what the files of this folder share of OpenSSL 3: owners of its objects, its start, the words for what it reports.
//
// OpenSSL keeps its errors, and more, for each thread, and a goroutine may wake on another one. INV1 (of this folder): nothing
// parks between a call into OpenSSL and the look at its errors; so nothing that OpenSSL calls back parks either.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include <gossamer/tls.hpp>

#include "tls/told_guard.hpp"

namespace gos::tls {

template <auto release>
struct released_by {
  template <class T>
  void operator()(T* object) const noexcept {
    const openssl_scope inside;
    release(object);
  }
};
inline void free_certificates(STACK_OF(X509) * list) noexcept { sk_X509_pop_free(list, X509_free); }

using ctx_owner = std::unique_ptr<SSL_CTX, released_by<SSL_CTX_free>>;
using ssl_owner = std::unique_ptr<SSL, released_by<SSL_free>>;
using bio_owner = std::unique_ptr<BIO, released_by<BIO_free_all>>;
using session_owner = std::unique_ptr<SSL_SESSION, released_by<SSL_SESSION_free>>;
using store_owner = std::unique_ptr<X509_STORE, released_by<X509_STORE_free>>;
using x509_owner = std::unique_ptr<X509, released_by<X509_free>>;
using key_owner = std::unique_ptr<EVP_PKEY, released_by<EVP_PKEY_free>>;
using chain_owner = std::unique_ptr<STACK_OF(X509), released_by<free_certificates>>;

// What stands behind a certificate handle.
struct certificate::pair {
  x509_owner leaf;
  chain_owner chain;
  key_owner key;
};

// Before anything else of OpenSSL. It is never ended: other threads may use it while the process exits.
void start_openssl();

// Of the earliest error of this thread: `no shared cipher`.
std::string openssl_reason();
// The same after a failed allocation of OpenSSL's throws std::bad_alloc.
[[noreturn]] void openssl_out_of_memory();
template <class T>
T* allocated(T* object) {
  if (object == nullptr) openssl_out_of_memory();
  return object;
}

// errc::configuration: `tls: field: why`.
std::unexpected<error> bad_option(std::string_view field, std::string_view why);

// The whole file, or `open path: cause`.
result<std::string> read_file(const std::string& path);

// Adds the certificates of a PEM text. False if there are none, or one is damaged.
bool add_roots(X509_STORE* store, std::string_view pem);

// Why a certificate is refused, in the words behind `tls: failed to verify certificate: `. `wanted`: the name it should have.
std::string refusal(int code, X509* certificate, const std::string& wanted);
peer_certificate summary(X509* certificate);

}  // namespace gos::tls
