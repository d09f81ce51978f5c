// socket: how sockets come into being: what listening and dialling, of streams and of datagrams, have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gossamer/context.hpp>
#include <gossamer/net.hpp>

#include "net/fd.hpp"

namespace gos::rt {

// A literal that lives as long as the program.
const char* literal_network(std::string_view network) noexcept;

// AF_INET, AF_INET6 or AF_UNIX.
int family_of(const net::endpoint& e) noexcept;

// The descriptor, or the negative errno value. 
int open_socket(int family, int type) noexcept;

// TCP_NODELAY and keep-alive as Go has them. A socket that refuses one works nevertheless.
void set_usual_options(int fd) noexcept;
// 0, or the negative errno value of the first option that was refused.
int set_keep_alive(int fd, const net::keep_alive_options& options) noexcept;

std::string context_of(std::string_view operation, std::string_view network, std::string_view address);
// A failure before there is a net_fd: `operation network address: call: cause`.
std::unexpected<error> failed(std::string_view operation, std::string_view network, std::string_view address,
                              std::string_view call, int number);

// How an operation fails whose context is over. Text: `<doing>: operation was canceled`, or `i/o timeout`.
std::unexpected<error> given_up(const context& ctx, std::string_view doing);

// A socket of the type that is bound to `where`; `shown` is the address for texts. The caller listens.
result<net_fd*> open_bound(std::string_view network, int type, const net::endpoint& where, std::string_view shown,
                           const net::listen_options& options);

// The one of a host's addresses that a listener takes: IPv4 if there is any.
const net::endpoint& choose(const std::vector<net::endpoint>& list) noexcept;

// One socket for the addresses that a listener's text means. open(endpoint, shown) makes it.
template <class Open>
result<net_fd*> open_for(const std::vector<net::endpoint>& list, bool any_host, Open open) {
  // A name may have several addresses, a listener has one. All addresses: IPv6, which serves IPv4 too. Go's text leaves out a
  // host that was left out.
  if (!any_host) {
    const net::endpoint& chosen = choose(list);
    return open(chosen, chosen.to_string());
  }
  const std::string shown = ":" + std::to_string(list.front().port());
  auto made = open(list.front(), shown);
  // No IPv6 on this machine: IPv4 alone.
  if (!made && list.size() > 1 &&
      (made.error() == std::errc::address_family_not_supported || made.error() == std::errc::address_not_available)) {
    made = open(list[1], shown);
  }
  return made;
}

}  // namespace gos::rt
