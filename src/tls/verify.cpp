// verify: what is said about certificates: why one is refused, in plain words, and what is in one.
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <ctime>

#include "tls/openssl.hpp"

namespace gos::tls {

namespace {

std::string name_text(const X509_NAME* name) {
  const bio_owner text(allocated(BIO_new(BIO_s_mem())));
  X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::time_t seconds_of(const ASN1_TIME* time) {
  std::tm fields{};
  return ASN1_TIME_to_tm(time, &fields) == 1 ? ::timegm(&fields) : 0;
}

std::string time_text(const ASN1_TIME* time) {
  const std::time_t seconds = seconds_of(time);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &fields)};
}

struct free_names {
  void operator()(GENERAL_NAMES* list) const noexcept { GENERAL_NAMES_free(list); }
};

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, free_names> list(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; list != nullptr && i < sk_GENERAL_NAME_num(list.get()); ++i) {
    int type = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list.get(), i), &type);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    const auto* const data = ASN1_STRING_get0_data(text);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(text));
    if (type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(data), size);
    } else {
      names.push_back(net::endpoint(std::as_bytes(std::span(data, size)), 0).host());
    }
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no names" : text;
}

}  // namespace

std::string refusal(int code, X509* certificate, const std::string& wanted) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate has expired on " + time_text(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate is not valid before " + time_text(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "certificate is valid for " + joined(names_of(certificate)) + ", not " + wanted;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "certificate signed by unknown authority: " + name_text(X509_get_issuer_name(certificate));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "certificate is signed by itself, and not trusted: " + name_text(X509_get_subject_name(certificate));
    default: return X509_verify_cert_error_string(code);
  }
}

peer_certificate summary(X509* certificate) {
  peer_certificate s;
  s.subject = name_text(X509_get_subject_name(certificate));
  s.issuer = name_text(X509_get_issuer_name(certificate));
  s.names = names_of(certificate);
  s.not_before = std::chrono::system_clock::from_time_t(seconds_of(X509_get0_notBefore(certificate)));
  s.not_after = std::chrono::system_clock::from_time_t(seconds_of(X509_get0_notAfter(certificate)));
  X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(s.sha256.data()), nullptr);
  const int size = i2d_X509(certificate, nullptr);
  if (size > 0) {
    s.der.resize(static_cast<std::size_t>(size));
    auto* to = reinterpret_cast<unsigned char*>(s.der.data());
    i2d_X509(certificate, &to);
  }
  return s;
}

}  // namespace gos::tls
