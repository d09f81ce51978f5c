// See openssl.hpp.
#include "tls/openssl.hpp"

#include <openssl/pem.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <new>

#include <gossamer/once.hpp>

namespace gos::tls {

namespace {

const char* text_of(errc e) noexcept {
  switch (e) {
    case errc::protocol: return "tls: protocol error";
    case errc::not_tls: return "tls: first record does not look like a TLS handshake";
    case errc::verification: return "tls: failed to verify certificate";
    case errc::remote_alert: return "remote error: tls: alert";
    case errc::no_certificate: return "tls: no certificate";
    case errc::finished: return "tls: protocol is shutdown";
    case errc::configuration: return "tls: bad configuration";
  }
  return "tls: unknown error";
}

class category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "gossamer.tls"; }
  std::string message(int value) const override { return text_of(static_cast<errc>(value)); }
};

// errno is read where it was set: kernel_calls.hpp says why.
struct file_content {
  std::string text;
  int failure = 0;
};
[[gnu::noinline]] file_content content_of(const char* path) {
  file_content content;
  std::FILE* const file = std::fopen(path, "rbe");
  if (file == nullptr) {
    content.failure = errno;
    return content;
  }
  char piece[4096];
  while (const std::size_t n = std::fread(piece, 1, sizeof piece, file)) content.text.append(piece, n);
  if (std::ferror(file) != 0) content.failure = errno;
  std::fclose(file);
  return content;
}

}  // namespace

const std::error_category& tls_category() noexcept {
  // Never destroyed: errors are printed by destructors of statics too.
  alignas(category_type) static unsigned char storage[sizeof(category_type)];
  static const category_type* const category = ::new (storage) category_type;
  return *category;
}

void start_openssl() {
  static once started;
  started.call([] {
    const openssl_scope inside;
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr);
  });
}

std::string openssl_reason() {
  const unsigned long first = ERR_peek_error();
  if (first == 0) return "unknown error";
  if (ERR_SYSTEM_ERROR(first)) return std::error_code(static_cast<int>(ERR_GET_REASON(first)), std::system_category()).message();
  const char* const text = ERR_reason_error_string(first);
  return text != nullptr ? text : "error " + std::to_string(ERR_GET_REASON(first));
}

void openssl_out_of_memory() {
  ERR_clear_error();
  throw std::bad_alloc();
}

std::unexpected<error> bad_option(std::string_view field, std::string_view why) {
  return std::unexpected(error(errc::configuration, "tls: " + std::string(field), why));
}

result<std::string> read_file(const std::string& path) {
  file_content content = content_of(path.c_str());
  if (content.failure == 0) return std::move(content.text);
  return std::unexpected(error(std::error_code(content.failure, std::system_category()), "open " + path));
}

bool add_roots(X509_STORE* store, std::string_view pem) {
  const bio_owner text(allocated(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))));
  int count = 0;
  while (const x509_owner root{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(store, root.get()) != 1) break;
    ++count;
  }
  const unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  return count > 0 && (last == 0 || ERR_GET_REASON(last) == PEM_R_NO_START_LINE);
}

}  // namespace gos::tls
