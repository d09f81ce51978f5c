// ask_system: names by the C library's getaddrinfo, which knows all that nsswitch.conf may name.
//
// It may read files and wait for servers, so it runs in a blocking section: the processor goes to others meanwhile.
#include <netdb.h>

#include <cctype>
#include <cerrno>
#include <memory>

#include <gossamer/go.hpp>

#include "net/lookup.hpp"

namespace gos::rt {

namespace {

// getaddrinfo's number, and errno beside it: read here, on the thread that made the call.
struct reply {
  addrinfo* list = nullptr;
  int failure = 0;
  int system_error = 0;
};

[[gnu::noinline]] reply call_system(const char* host, int family) noexcept {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  reply got;
  got.failure = ::getaddrinfo(host, nullptr, &hints, &got.list);
  got.system_error = errno;
  return got;
}

error failure_of(const std::string& name, const reply& got) {
  const std::string context = "lookup " + name;
  switch (got.failure) {
    case EAI_SYSTEM:
      return {std::error_code(got.system_error, std::system_category()), context};
    case EAI_MEMORY:
      throw std::bad_alloc();
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
      return {io_errc::no_such_host, context};
    default:
      break;
  }
  std::string text = ::gai_strerror(got.failure);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return {io_errc::lookup_failed, context, text};
}

struct free_list {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

}  // namespace

lookup_answer ask_system(const std::string& name, ip_family family) {
  const reply got = blocking([&] {
    return call_system(name.c_str(), family == ip_family::any  ? AF_UNSPEC
                                     : family == ip_family::v4 ? AF_INET
                                                               : AF_INET6);
  });
  const std::unique_ptr<addrinfo, free_list> list(got.list);
  if (got.failure != 0) return std::unexpected(failure_of(name, got));
  host_entry found;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next)
    add_endpoint(found.endpoints, a->ai_addr, a->ai_addrlen, family);
  return found;
}

}  // namespace gos::rt
