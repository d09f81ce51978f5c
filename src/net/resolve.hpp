// resolve: from the text of an address to the endpoints it means.
#pragma once

#include <string_view>
#include <vector>

#include <gossamer/net.hpp>

namespace gos::rt {

enum class ip_family : unsigned char { any, v4, v6 };

// The addresses of a host, each once, in the system's order, with the given port. Literals and localhost are known without
// asking; anything else goes to getaddrinfo in a blocking section. Errors: `lookup <name>: <cause>`.
result<std::vector<net::endpoint>> resolve_host(std::string_view name, std::uint16_t port, ip_family family);

struct target {
  std::vector<net::endpoint> endpoints;  // not empty
  bool any_host = false;                 // the host was left out
};

// "host:port" for operation ("listen", "dial") on network. An empty host is, to listen, the wildcard address, IPv6 first; to
// dial, this machine, IPv4 first.
result<target> resolve_address(std::string_view operation, std::string_view network, std::string_view address);

// Does resolve_address answer for "host:port" without asking the system?
bool is_known_without_asking(std::string_view address) noexcept;

}  // namespace gos::rt
