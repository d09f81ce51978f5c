// resolve: from the text of an address to the endpoints it means.
#pragma once

#include <string_view>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/net.hpp>

#include "net/lookup.hpp"

namespace gos::rt {

// The addresses of a host, each once, in the order in which they are to be tried, with the given port. Literals and localhost
// are known without asking (lookup.hpp). Errors: `lookup <name>: <cause>`.
result<std::vector<net::endpoint>> resolve_host(std::string_view name, std::uint16_t port, ip_family family,
                                                const context& ctx);

struct target {
  std::vector<net::endpoint> endpoints;  // not empty
  bool any_host = false;                 // the host was left out
};

// "host:port" for operation ("listen", "dial") on network. An empty host is, to listen, the wildcard address, IPv6 first; to
// dial, this machine, IPv4 first.
result<target> resolve_address(std::string_view operation, std::string_view network, std::string_view address,
                               const context& ctx);

}  // namespace gos::rt
