// callbacks: see callbacks.cpp.
#pragma once

#include "tls/session.hpp"

namespace gos::tls {

struct session::callbacks {
  static int read(BIO* bio, char* buffer, int size) noexcept;
  static int write(BIO* bio, const char* data, int size) noexcept;
  static long control(BIO* bio, int command, long number, void* data) noexcept;
  static BIO* make_bio(session& s);

  static int on_hello(SSL* ssl, int* alert, void*) noexcept;
  static int on_certificate(SSL* ssl, void*) noexcept;
  static int on_verify(int good, X509_STORE_CTX* store) noexcept;
  static int on_protocols(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                          unsigned int offered_size, void*) noexcept;
  static int on_session(SSL* ssl, SSL_SESSION* given) noexcept;
};

}  // namespace gos::tls
