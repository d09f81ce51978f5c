// address: host:port texts, endpoints, and what the kernel calls an address.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string_view>

#include <gossamer/net.hpp>

namespace gos::rt {

// An endpoint as the kernel wants it.
struct socket_address {
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  };
  socklen_t size;

  socket_address() noexcept : local{}, size(sizeof local) {}  // to be filled in by the kernel
  // A path that is too long makes an address that the kernel refuses with EINVAL.
  explicit socket_address(const net::endpoint& e) noexcept;
  // An IPv4 address as a socket for IPv6 wants it.
  void map_to_v6() noexcept;
  int family() const noexcept { return generic.sa_family; }
  net::endpoint to_endpoint() const;
};

// "host:port" taken apart. `error` is empty, or Go's words for what is wrong with the text.
struct host_port {
  std::string_view host;
  std::string_view port;
  const char* error = nullptr;
};
host_port split_host_port(std::string_view address) noexcept;

// The number in a text of digits (with a sign); -1: not a number; larger ones than 65535 are all the same.
int parse_port(std::string_view text) noexcept;

// A literal address with port; empty if the text is none. IPv6 may have a zone: "fe80::1%eth0".
net::endpoint parse_ip(std::string_view text, std::uint16_t port) noexcept;

inline bool is_v4(const net::endpoint& e) noexcept { return e.ip().size() == 4; }
// The wildcard of IPv4 or IPv6.
bool is_unspecified(const net::endpoint& e) noexcept;

}  // namespace gos::rt
