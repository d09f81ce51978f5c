// See address.hpp. Source of the splitting rules and their words: Go net/ipsock.go SplitHostPort.
#include "net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "base/race.hpp"

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
    size = sizeof v6;
  } else if (const std::string_view path = e.path(); !path.empty()) {
    local.sun_family = AF_UNIX;
    if (path == "@") {
      size = offsetof(sockaddr_un, sun_path);  // without a name; bind chooses one
    } else if (path.size() < sizeof local.sun_path && path.find('\0') == std::string_view::npos) {
      path.copy(local.sun_path, path.size());
      const bool abstract = path.front() == '@';
      if (abstract) local.sun_path[0] = '\0';
      size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
    } else {
      size = 1;
    }
  }
}

void socket_address::map_to_v6() noexcept {
  if (family() != AF_INET) return;
  const sockaddr_in from = v4;
  v6 = sockaddr_in6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = from.sin_port;
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&v6.sin6_addr.s6_addr[12], &from.sin_addr, 4);
  size = sizeof v6;
}

net::endpoint socket_address::to_endpoint() const {
  if (family() == AF_INET) {
    return {std::as_bytes(std::span(&v4.sin_addr, 1)), ntohs(v4.sin_port)};
  }
  if (family() == AF_INET6) {
    return {std::as_bytes(std::span(&v6.sin6_addr, 1)), ntohs(v6.sin6_port), v6.sin6_scope_id};
  }
  if (family() == AF_UNIX) {
    constexpr std::size_t head = offsetof(sockaddr_un, sun_path);
    if (size <= head) return net::endpoint::at_path("@");
    std::string path(local.sun_path, std::min<std::size_t>(size - head, sizeof local.sun_path));
    if (path.front() == '\0') {
      path.front() = '@';
    } else {
      path.resize(std::strlen(path.c_str()));
    }
    return net::endpoint::at_path(std::move(path));
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
  return !e.ip().empty() && std::ranges::all_of(e.ip(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace gos::rt

namespace gos::net {

struct endpoint::shared_path {
  std::atomic<std::uint32_t> owners{1};
  std::string text;
};

endpoint::endpoint(std::span<const std::byte> ip, std::uint16_t port, std::uint32_t zone) noexcept {
  constexpr std::byte mapped[12] = {{},           {},           {}, {}, {}, {}, {}, {}, {}, {},
                                    std::byte{255}, std::byte{255}};
  if (ip.size() == 16 && std::ranges::equal(ip.first(12), mapped)) ip = ip.subspan(12);
  if (ip.size() != 4 && ip.size() != 16) return;
  std::ranges::copy(ip, fields_.ip.begin());
  fields_.size = static_cast<std::uint8_t>(ip.size());
  fields_.port = port;
  fields_.zone = ip.size() == 16 ? zone : 0;
}

endpoint endpoint::at_path(std::string path) {
  endpoint made;
  if (path.empty()) return made;
  made.fields_.path = new shared_path{.text = std::move(path)};
  made.fields_.size = unix_size;
  return made;
}

void endpoint::share() noexcept {
  // relaxed: the new owner got the pointer from an owner.
  fields_.path->owners.fetch_add(1, std::memory_order_relaxed);
}

void endpoint::drop() noexcept {
  rt::race_release(fields_.path);
  // acq_rel: pairs with itself: what other owners read happens before the deletion.
  if (fields_.path->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  rt::race_acquire(fields_.path);
  delete fields_.path;
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
  return std::ranges::equal(a.ip(), b.ip()) && a.port() == b.port() && a.zone() == b.zone() && a.path() == b.path();
}

result<endpoint> endpoint::parse(std::string_view text) {
  const auto wrong = [text](const char* why) {
    return std::unexpected(error(io_errc::invalid_address, "address " + std::string(text), why));
  };
  const rt::host_port parts = rt::split_host_port(text);
  if (parts.error != nullptr) return wrong(parts.error);
  const int port = rt::parse_port(parts.port);
  if (port < 0 || port > 65535) return wrong("invalid port");
  const endpoint found = rt::parse_ip(parts.host, static_cast<std::uint16_t>(port));
  if (found.empty()) return wrong("invalid IP address");
  return found;
}

std::string_view endpoint::path() const noexcept { return is_unix() ? std::string_view(fields_.path->text) : std::string_view(); }

std::string endpoint::host() const {
  if (ip().empty()) return {};
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(ip().size() == 4 ? AF_INET : AF_INET6, fields_.ip.data(), text, sizeof text);
  std::string host = text;
  if (zone() != 0) {
    char name[IF_NAMESIZE] = {};
    host += '%';
    host += ::if_indextoname(zone(), name) != nullptr ? std::string(name) : std::to_string(zone());
  }
  return host;
}

std::string endpoint::to_string() const {
  if (ip().empty()) return std::string(path());
  const std::string host = endpoint::host();
  return (ip().size() == 4 ? host : '[' + host + ']') + ':' + std::to_string(port());
}

}  // namespace gos::net
