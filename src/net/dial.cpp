// dial: how TCP sockets come into being: listen and dial.
//
// Options that every connection shall have are set on the listener: Linux hands them down to the accepted ones (checked by
// a test), which saves five system calls for each.
//
// A dial that follows a context is interrupted through its write deadline: a goroutine of the context's after_func sets it
// to the past. It is waited for before the connection is handed out, so that it cannot touch it later (NF-17).
// Source: Go net/dial.go, net/sock_posix.go, net/fd_unix.go connect, net/sockopt_linux.go.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include <gossamer/net.hpp>

#include "context/follow.hpp"
#include "net/fd.hpp"
#include "io/kernel_calls.hpp"
#include "net/resolve.hpp"

namespace gos::net {

namespace {

using rt::net_fd;

// A literal that lives as long as the program.
const char* literal_network(std::string_view network) {
  return network == "tcp4" ? "tcp4" : network == "tcp6" ? "tcp6" : "tcp";
}

// TCP_NODELAY and keep-alive as Go has them. A socket that refuses one works nevertheless.
void set_usual_options(int fd) {
  constexpr int idle_s = 15, interval_s = 15, probes = 9;
  rt::kernel_calls::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  rt::kernel_calls::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  rt::kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
  rt::kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
  rt::kernel_calls::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
}

int open_socket(const endpoint& e) {
  // Once: as many descriptors as the process may have. The soft limit of 1024 is there for users of select(2).
  static const bool raised = rt::kernel_calls::raise_descriptor_limit();
  static_cast<void>(raised);
  return rt::kernel_calls::socket(rt::is_v4(e) ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP);
}

std::string context_of(std::string_view operation, std::string_view network, std::string_view address) {
  std::string text(operation);
  text.append(" ").append(network).append(" ").append(address);
  return text;
}

// A failure before there is a net_fd: `operation network address: call: cause`.
std::unexpected<error> failed(std::string_view operation, std::string_view network, std::string_view address,
                              std::string_view call, int number) {
  return std::unexpected(error(std::error_code(number, std::system_category()),
                               context_of(operation, network, address).append(": ").append(call)));
}

result<net_fd*> listen_on(std::string_view network, const endpoint& where, bool any_host) {
  // Go's text leaves out a host that was left out.
  const std::string shown = any_host ? ":" + std::to_string(where.port()) : where.to_string();
  const int fd = open_socket(where);
  if (fd < 0) return failed("listen", network, shown, "socket", -fd);
  net_fd* listener = net_fd::open(fd, literal_network(network));
  const auto give_up = [&](std::string_view call, int number) {
    listener->retire();
    return failed("listen", network, shown, call, number);
  };
  if (!rt::is_v4(where)) {
    const bool both = rt::is_unspecified(where) && network == "tcp";
    rt::kernel_calls::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1);
  }
  rt::kernel_calls::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_usual_options(fd);
  const rt::socket_address address(where);
  if (const int got = rt::kernel_calls::bind(fd, &address.generic, address.size); got < 0) return give_up("bind", -got);
  static const int backlog = rt::kernel_calls::listen_backlog_max();
  if (const int got = rt::kernel_calls::listen(fd, backlog); got < 0) return give_up("listen", -got);
  rt::socket_address real;
  if (rt::kernel_calls::local_address(fd, &real.generic, &real.size) == 0) listener->set_addresses(real.to_endpoint(), {});
  return listener;
}

// --- following a context ----------------------------------------------------------------------------------------------

std::unexpected<error> given_up(const context& ctx, std::string context_text) {
  const std::error_code why = ctx.err();
  return std::unexpected(error(why, context_text, why == std::errc::timed_out ? "i/o timeout" : "operation was canceled"));
}

// resolve_address, given up when ctx is over. A question to the system cannot be taken back: it is left to a goroutine of
// its own, which drops the answer.
result<rt::target> resolve_within(const context& ctx, std::string_view network, std::string_view address) {
  if (!ctx.done() || rt::is_known_without_asking(address)) return rt::resolve_address("dial", network, address);
  using answer = std::shared_ptr<result<rt::target>>;
  const auto answers = make_chan<answer>(1);
  detail::spawn_goroutine(nullptr, [answers, n = std::string(network), a = std::string(address)] {
    answers.send(std::make_shared<result<rt::target>>(rt::resolve_address("dial", n, a)));
  });
  answer got;
  select(recv(answers, [&](std::optional<answer> a) { got = std::move(*a); }), recv(ctx.done()));
  if (got == nullptr) return given_up(ctx, context_of("dial", network, address));
  return std::move(*got);
}

// --- dialling ---------------------------------------------------------------------------------------------------------

// Owns a net_fd until it is handed out.
struct retire_fd {
  void operator()(net_fd* fd) const noexcept { fd->retire(); }
};
using owned_fd = std::unique_ptr<net_fd, retire_fd>;

result<net_fd*> dial_one(std::string_view network, const endpoint& where, const context& ctx) {
  for (int tries_left = 3;; --tries_left) {
    if (ctx.err()) return given_up(ctx, context_of("dial", network, where.to_string()));
    const int number = open_socket(where);
    if (number < 0) return failed("dial", network, where.to_string(), "socket", -number);
    owned_fd fd(net_fd::open(number, literal_network(network)));
    result<void> connected;
    bool interrupted = false;
    {
      rt::follower guard(ctx, [socket = fd.get()] {
        static_cast<void>(socket->set_deadlines(false, true, time_point::min()));
      });
      connected = fd->connect(where);
      interrupted = guard.stop();
    }
    if (interrupted) return given_up(ctx, context_of("dial", network, where.to_string()));
    if (!connected) return std::unexpected(std::move(connected.error()));
    // A connect to a port of this machine from the same port, chosen by chance, connects the socket to itself.
    if (fd->local() == fd->remote() && tries_left > 1) continue;
    set_usual_options(number);
    return fd.release();
  }
}

}  // namespace

result<tcp_listener> listen(std::string_view network, std::string_view address) {
  auto where = rt::resolve_address("listen", network, address);
  if (!where) return std::unexpected(std::move(where.error()));
  // A name may have several addresses, a listener has one: IPv4 if there is any. All addresses: IPv6, which serves IPv4 too.
  const auto& list = where->endpoints;
  const endpoint* chosen = &list.front();
  if (!where->any_host) {
    for (const endpoint& e : list) {
      if (!rt::is_v4(e)) continue;
      chosen = &e;
      break;
    }
  }
  auto made = listen_on(network, *chosen, where->any_host);
  // No IPv6 on this machine: IPv4 alone.
  if (!made && where->any_host && list.size() > 1 &&
      (made.error() == std::errc::address_family_not_supported || made.error() == std::errc::address_not_available)) {
    made = listen_on(network, list[1], true);
  }
  if (!made) return std::unexpected(std::move(made.error()));
  return tcp_listener(*made);
}

result<tcp_conn> dial(std::string_view network, std::string_view address, const context& ctx) {
  if (ctx.err()) return given_up(ctx, context_of("dial", network, address));
  auto where = resolve_within(ctx, network, address);
  if (!where) return std::unexpected(std::move(where.error()));
  std::optional<error> first;
  for (const endpoint& e : where->endpoints) {
    auto made = dial_one(network, e, ctx);
    if (made) return tcp_conn(*made);
    if (!first) first = std::move(made.error());
    if (ctx.err()) break;
  }
  return std::unexpected(std::move(*first));
}

result<tcp_conn> dial(std::string_view network, std::string_view address) { return dial(network, address, background()); }

}  // namespace gos::net
