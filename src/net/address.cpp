// See address.hpp. Source of the splitting rules and their words: Go net/ipsock.go SplitHostPort.
#include "net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

namespace gos::rt {

socket_address::socket_address(const net::endpoint& e) noexcept : socket_address() {
  const auto ip = e.ip();
  if (ip.size() == 4) {
    v4 = sockaddr_in{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(e.port());
    std::memcpy(&v4.sin_addr, ip.data(), 4);
    size = sizeof v4;
  } else if (ip.size() == 16) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(e.port());
    v6.sin6_scope_id = e.zone();
    std::memcpy(&v6.sin6_addr, ip.data(), 16);
  }
}

net::endpoint socket_address::to_endpoint() const noexcept {
  if (family() == AF_INET) {
    return {std::as_bytes(std::span(&v4.sin_addr, 1)), ntohs(v4.sin_port)};
  }
  if (family() == AF_INET6) {
    return {std::as_bytes(std::span(&v6.sin6_addr, 1)), ntohs(v6.sin6_port), v6.sin6_scope_id};
  }
  return {};
}

host_port split_host_port(std::string_view address) noexcept {
  constexpr auto npos = std::string_view::npos;
  const auto wrong = [](const char* why) { return host_port{{}, {}, why}; };
  const std::size_t colon = address.rfind(':');
  if (colon == npos) return wrong("missing port in address");
  std::string_view host;
  std::size_t no_open_after = 0;
  std::size_t no_close_after = 0;
  if (address.front() == '[') {
    const std::size_t end = address.find(']');
    if (end == npos) return wrong("missing ']' in address");
    if (end + 1 == address.size()) return wrong("missing port in address");
    if (end + 1 != colon) {
      return wrong(address[end + 1] == ':' ? "too many colons in address" : "missing port in address");
    }
    host = address.substr(1, end - 1);
    no_open_after = 1;
    no_close_after = end + 1;
  } else {
    host = address.substr(0, colon);
    if (host.find(':') != npos) return wrong("too many colons in address");
  }
  if (address.find('[', no_open_after) != npos) return wrong("unexpected '[' in address");
  if (address.find(']', no_close_after) != npos) return wrong("unexpected ']' in address");
  return {host, address.substr(colon + 1), nullptr};
}

int parse_port(std::string_view text) noexcept {
  constexpr int too_large = 65536;
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = std::min(value * 10 + (c - '0'), too_large);
  }
  return negative && value != 0 ? too_large : value;
}

net::endpoint parse_ip(std::string_view text, std::uint16_t port) noexcept {
  char copy[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
  if (text.size() >= sizeof copy) return {};
  text.copy(copy, text.size());
  copy[text.size()] = '\0';

  in_addr v4;
  if (::inet_pton(AF_INET, copy, &v4) == 1) return {std::as_bytes(std::span(&v4, 1)), port};

  std::uint32_t zone = 0;
  if (char* percent = std::strchr(copy, '%'); percent != nullptr) {
    *percent = '\0';
    const int number = parse_port(percent + 1);
    zone = number > 0 ? static_cast<std::uint32_t>(number) : ::if_nametoindex(percent + 1);
    if (zone == 0) return {};
  }
  in6_addr v6;
  if (::inet_pton(AF_INET6, copy, &v6) == 1) return {std::as_bytes(std::span(&v6, 1)), port, zone};
  return {};
}

bool is_unspecified(const net::endpoint& e) noexcept {
  return std::ranges::all_of(e.ip(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace gos::rt

namespace gos::net {

endpoint::endpoint(std::span<const std::byte> ip, std::uint16_t port, std::uint32_t zone) noexcept {
  constexpr std::byte mapped[12] = {{},           {},           {}, {}, {}, {}, {}, {}, {}, {},
                                    std::byte{255}, std::byte{255}};
  if (ip.size() == 16 && std::ranges::equal(ip.first(12), mapped)) ip = ip.subspan(12);
  if (ip.size() != 4 && ip.size() != 16) return;
  std::ranges::copy(ip, ip_.begin());
  size_ = static_cast<std::uint8_t>(ip.size());
  port_ = port;
  zone_ = size_ == 16 ? zone : 0;
}

std::string endpoint::host() const {
  if (empty()) return {};
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(size_ == 4 ? AF_INET : AF_INET6, ip_.data(), text, sizeof text);
  std::string host = text;
  if (zone_ != 0) {
    char name[IF_NAMESIZE] = {};
    host += '%';
    host += ::if_indextoname(zone_, name) != nullptr ? std::string(name) : std::to_string(zone_);
  }
  return host;
}

std::string endpoint::to_string() const {
  if (empty()) return {};
  const std::string host = endpoint::host();
  return (size_ == 4 ? host : '[' + host + ']') + ':' + std::to_string(port_);
}

}  // namespace gos::net
