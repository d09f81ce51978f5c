// See resolve.hpp.
//
// getaddrinfo may read files and wait for servers, so it runs in a blocking section: the processor goes to others
// meanwhile. What needs no such question is answered first; the clock server starts without loading a resolver.
// Rejected: a resolver of our own, which would know less than the system's (nsswitch, systemd-resolved, mDNS).
#include "net/resolve.hpp"

#include <netdb.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "net/address.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

class blocking_section {
 public:
  blocking_section() noexcept { blocking_enter(); }
  ~blocking_section() { blocking_exit(); }
  blocking_section(const blocking_section&) = delete;
  blocking_section& operator=(const blocking_section&) = delete;
};

constexpr std::byte loopback_v4[4] = {std::byte{127}, {}, {}, std::byte{1}};
constexpr std::byte loopback_v6[16] = {{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{1}};
constexpr std::byte unspecified[16] = {};

bool same_name(std::string_view a, std::string_view lower) noexcept {
  return std::ranges::equal(a, lower, {}, [](unsigned char c) { return std::tolower(c); });
}

bool is_localhost(std::string_view name) noexcept {
  return same_name(name, "localhost") || same_name(name, "localhost.");
}

void add(std::vector<net::endpoint>& found, const net::endpoint& e, ip_family family) {
  if (family != ip_family::any && (family == ip_family::v4) != is_v4(e)) return;
  if (std::ranges::find(found, e) == found.end()) found.push_back(e);
}

// getaddrinfo's number, and errno beside it: read here, on the thread that made the call.
struct lookup {
  addrinfo* list = nullptr;
  int failure = 0;
  int system_error = 0;
};

[[gnu::noinline]] lookup ask_system(const char* host, const char* service, int family) noexcept {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  lookup asked;
  asked.failure = ::getaddrinfo(host, service, &hints, &asked.list);
  asked.system_error = errno;
  return asked;
}

error lookup_failure(const std::string& name, const lookup& asked) {
  const std::string context = "lookup " + name;
  switch (asked.failure) {
    case EAI_SYSTEM: return {std::error_code(asked.system_error, std::system_category()), context};
    case EAI_MEMORY: throw std::bad_alloc();
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
      return {io_errc::no_such_host, context};
    default: break;
  }
  std::string text = ::gai_strerror(asked.failure);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return {io_errc::lookup_failed, context, text};
}

struct free_list {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// A port by name: "http". -1 if the system knows none.
int port_of_service(const std::string& name) {
  lookup asked;
  {
    blocking_section section;
    asked = ask_system(nullptr, name.c_str(), AF_INET);
  }
  const std::unique_ptr<addrinfo, free_list> list(asked.list);
  if (asked.failure != 0 || list == nullptr || list->ai_family != AF_INET) return -1;
  return ntohs(reinterpret_cast<const sockaddr_in*>(list->ai_addr)->sin_port);
}

// Go's AddrError: `listen tcp: address <text>: <why>`.
error bad_address(std::string_view prefix, std::string_view text, std::string_view why) {
  std::string context(prefix);
  context += ": address ";
  context += text;
  return {io_errc::invalid_address, context, why};
}

}  // namespace

result<std::vector<net::endpoint>> resolve_host(std::string_view name, std::uint16_t port, ip_family family) {
  std::vector<net::endpoint> found;
  if (const net::endpoint literal = parse_ip(name, port); !literal.empty()) {
    add(found, literal, family);
  } else if (is_localhost(name)) {
    add(found, {loopback_v4, port}, family);
    add(found, {loopback_v6, port}, family);
  } else if (const std::string host(name); !host.empty() && host.find('\0') == std::string::npos) {
    lookup asked;
    {
      blocking_section section;
      asked = ask_system(host.c_str(), nullptr,
                         family == ip_family::any ? AF_UNSPEC : family == ip_family::v4 ? AF_INET : AF_INET6);
    }
    const std::unique_ptr<addrinfo, free_list> list(asked.list);
    if (asked.failure != 0) return std::unexpected(lookup_failure(host, asked));
    for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
      socket_address address;
      if (a->ai_addrlen > address.size) continue;
      std::memcpy(&address.generic, a->ai_addr, a->ai_addrlen);
      const net::endpoint e = address.to_endpoint();
      if (!e.empty()) add(found, {e.ip(), port, e.zone()}, family);
    }
  }
  if (found.empty()) return std::unexpected(error(io_errc::no_such_host, "lookup " + std::string(name)));
  return found;
}

result<target> resolve_address(std::string_view operation, std::string_view network, std::string_view address) {
  std::string prefix(operation);
  prefix += ' ';
  prefix += network;
  ip_family family = ip_family::any;
  if (network == "tcp4") {
    family = ip_family::v4;
  } else if (network == "tcp6") {
    family = ip_family::v6;
  } else if (network != "tcp" && network != "udp") {
    return std::unexpected(error(io_errc::unknown_network, prefix, "unknown network " + std::string(network)));
  }
  const bool here = operation == "dial";
  if (address.empty() && here) return std::unexpected(error(io_errc::invalid_address, prefix, "missing address"));
  const host_port parts = split_host_port(address.empty() ? ":0" : address);
  if (parts.error != nullptr) return std::unexpected(bad_address(prefix, address, parts.error));
  int port = parse_port(parts.port);
  if (port > 65535) return std::unexpected(bad_address(prefix, parts.port, "invalid port"));
  if (port < 0) port = port_of_service(std::string(parts.port));
  if (port < 0) {
    prefix.append(": lookup ").append(network).append("/").append(parts.port);
    return std::unexpected(error(io_errc::unknown_port, prefix));
  }

  target t;
  const auto number = static_cast<std::uint16_t>(port);
  if (parts.host.empty()) {
    t.any_host = true;
    add(t.endpoints, here ? net::endpoint(loopback_v4, number) : net::endpoint(unspecified, number), family);
    add(t.endpoints, here ? net::endpoint(loopback_v6, number) : net::endpoint(std::span(unspecified).first(4), number),
        family);
    return t;
  }
  auto found = resolve_host(parts.host, number, family);
  if (!found) {
    const error& e = found.error();
    return std::unexpected(error(e.code(), prefix, e.message()));
  }
  t.endpoints = std::move(*found);
  return t;
}

bool is_known_without_asking(std::string_view address) noexcept {
  const host_port parts = split_host_port(address);
  if (parts.error != nullptr) return true;
  return parse_port(parts.port) >= 0 &&
         (parts.host.empty() || is_localhost(parts.host) || !parse_ip(parts.host, 0).empty());
}

}  // namespace gos::rt

namespace gos::net {

result<std::vector<std::string>> lookup_host(std::string_view name) {
  const auto found = rt::resolve_host(name, 0, rt::ip_family::any);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> hosts;
  hosts.reserve(found->size());
  for (const endpoint& e : *found) hosts.push_back(e.host());
  return hosts;
}

}  // namespace gos::net
