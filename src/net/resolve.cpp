// See resolve.hpp.
//
// What needs no question is answered first; the clock server starts without loading a resolver.
#include "net/resolve.hpp"

#include <netdb.h>

#include <algorithm>
#include <cctype>
#include <string>

#include <gossamer/go.hpp>

#include "net/address.hpp"
#include "net/many_descriptors.hpp"

namespace gos::rt {

namespace {

constexpr std::byte loopback_v4[4] = {std::byte{127}, {}, {}, std::byte{1}};
constexpr std::byte loopback_v6[16] = {{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{1}};
constexpr std::byte unspecified[16] = {};

bool same_name(std::string_view a, std::string_view lower) noexcept {
  return std::ranges::equal(a, lower, {}, [](unsigned char c) { return std::tolower(c); });
}

bool is_localhost(std::string_view name) noexcept {
  return same_name(name, "localhost") || same_name(name, "localhost.");
}

// A port by name: "http". -1 if the system knows none.
int port_of_service(const std::string& name) {
  servent found{};
  servent* result = nullptr;
  char texts[4096];
  const int error =
      blocking([&] { return ::getservbyname_r(name.c_str(), "tcp", &found, texts, sizeof texts, &result); });
  return error == 0 && result != nullptr ? ntohs(static_cast<std::uint16_t>(found.s_port)) : -1;
}

// Go's AddrError: `listen tcp: address <text>: <why>`.
error bad_address(std::string_view prefix, std::string_view text, std::string_view why) {
  std::string context(prefix);
  context += ": address ";
  context += text;
  return {io_errc::invalid_address, context, why};
}

}  // namespace

result<std::vector<net::endpoint>> resolve_host(std::string_view name, std::uint16_t port, ip_family family,
                                                const context& ctx) {
  std::vector<net::endpoint> found;
  if (const net::endpoint literal = parse_ip(name, port); !literal.empty()) {
    add_endpoint(found, literal, family);
  } else if (is_localhost(name)) {
    add_endpoint(found, {loopback_v4, port}, family);
    add_endpoint(found, {loopback_v6, port}, family);
  } else if (const std::string host(name); !host.empty() && host.find('\0') == std::string::npos) {
    want_many_descriptors();
    auto answer = lookup(host, family, ctx);
    if (!answer) return std::unexpected(std::move(answer.error()));
    for (const net::endpoint& e : answer->endpoints) found.emplace_back(e.ip(), port, e.zone());
  }
  if (found.empty()) return std::unexpected(error(io_errc::no_such_host, "lookup " + std::string(name)));
  return found;
}

result<target> resolve_address(std::string_view operation, std::string_view network, std::string_view address,
                               const context& ctx) {
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
    add_endpoint(t.endpoints, here ? net::endpoint(loopback_v4, number) : net::endpoint(unspecified, number),
                 family);
    add_endpoint(
        t.endpoints,
        here ? net::endpoint(loopback_v6, number) : net::endpoint(std::span(unspecified).first(4), number),
        family);
    return t;
  }
  auto found = resolve_host(parts.host, number, family, ctx);
  if (!found) {
    const error& e = found.error();
    return std::unexpected(error(e.code(), prefix, e.message()));
  }
  t.endpoints = std::move(*found);
  return t;
}

}  // namespace gos::rt

namespace gos::net {

result<std::vector<std::string>> lookup_host(std::string_view name) {
  return lookup_host(name, background());
}

result<std::vector<std::string>> lookup_host(std::string_view name, const context& ctx) {
  const auto found = rt::resolve_host(name, 0, rt::ip_family::any, ctx);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> hosts;
  hosts.reserve(found->size());
  for (const endpoint& e : *found) hosts.push_back(e.host());
  return hosts;
}

}  // namespace gos::net
