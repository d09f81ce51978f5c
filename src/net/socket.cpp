// See socket.hpp. Source: Go net/sock_posix.go, net/sockopt_linux.go, net/tcpsockopt_unix.go.
#include "net/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "io/kernel_calls.hpp"
#include "net/many_descriptors.hpp"

namespace gos::rt {

const char* literal_network(std::string_view network) noexcept {
  for (const char* known : {"tcp4", "tcp6", "udp", "unix", "unixgram"}) {
    if (network == known) return known;
  }
  return "tcp";
}

int family_of(const net::endpoint& e) noexcept {
  if (e.ip().empty()) return AF_UNIX;
  return is_v4(e) ? AF_INET : AF_INET6;
}

int open_socket(int family, int type) noexcept {
  want_many_descriptors();
  return kernel_calls::socket(family, type, 0);
}

int set_keep_alive(int fd, const net::keep_alive_options& options) noexcept {
  int got = kernel_calls::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, options.on ? 1 : 0);
  if (!options.on || got < 0) return got;
  const auto seconds = [](std::chrono::seconds s) { return static_cast<int>(std::clamp<std::int64_t>(s.count(), 0, 32767)); };
  got = kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(options.idle));
  if (got == 0) got = kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(options.interval));
  if (got == 0) got = kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, options.count);
  return got;
}

void set_usual_options(int fd) noexcept {
  kernel_calls::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_keep_alive(fd, {});
}

std::string context_of(std::string_view operation, std::string_view network, std::string_view address) {
  std::string text(operation);
  text.append(" ").append(network).append(" ").append(address);
  return text;
}

std::unexpected<error> failed(std::string_view operation, std::string_view network, std::string_view address,
                              std::string_view call, int number) {
  return std::unexpected(error(std::error_code(number, std::system_category()),
                               context_of(operation, network, address).append(": ").append(call)));
}

std::unexpected<error> given_up(const context& ctx, std::string_view doing) {
  const std::error_code why = ctx.err();
  return std::unexpected(error(why, doing, why == std::errc::timed_out ? "i/o timeout" : "operation was canceled"));
}

const net::endpoint& choose(const std::vector<net::endpoint>& list) noexcept {
  const auto v4 = std::ranges::find_if(list, is_v4);
  return v4 == list.end() ? list.front() : *v4;
}

result<net_fd*> open_bound(std::string_view network, int type, const net::endpoint& where, std::string_view shown,
                           const net::listen_options& options) {
  const int family = family_of(where);
  const int fd = open_socket(family, type);
  if (fd < 0) return failed("listen", network, shown, "socket", -fd);
  net_fd* made = net_fd::open(fd, literal_network(network));
  const auto give_up = [&](std::string_view call, int number) {
    made->retire();
    return failed("listen", network, shown, call, number);
  };
  if (family == AF_INET6) {
    const bool both = is_unspecified(where) && !network.ends_with('6') && !options.v6_only;
    kernel_calls::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1);
  }
  if (type == SOCK_STREAM && family != AF_UNIX) kernel_calls::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.reuse_port) {
    if (const int got = kernel_calls::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); got < 0) return give_up("setsockopt", -got);
  }
  const socket_address address(where);
  if (const int got = kernel_calls::bind(fd, &address.generic, address.size); got < 0) return give_up("bind", -got);
  made->set_local_address();
  return made;
}

}  // namespace gos::rt
