// dial: how TCP sockets come into being: listen and dial.
//
// Options that every connection shall have are set on the listener: Linux hands them down to the accepted ones (checked by
// a test), which saves five system calls for each.
//
// A dial that follows a context is interrupted through its write deadline: a goroutine of the context's after_func sets it
// to the past. It is waited for before the connection is handed out, so that it cannot touch it later (NF-17).
//
// Where a host has addresses of both kinds, a goroutine beside the caller tries the second kind after the head start. Who
// connects first ends the other through a context of their own, and dial returns when both have ended: nothing of the loser
// is left. Rejected: an attempt for each address 250 ms after the one before, which RFC 8305 has, too: hosts with many
// addresses of one kind are large sites, whose addresses answer.
// Source: Go net/dial.go, net/sock_posix.go, net/fd_unix.go connect, net/sockopt_linux.go.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include <gossamer/detail/spawn.hpp>
#include <gossamer/net.hpp>
#include <gossamer/select.hpp>

#include "context/follow.hpp"
#include "io/kernel_calls.hpp"
#include "net/fd.hpp"
#include "net/many_descriptors.hpp"
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
  rt::want_many_descriptors();
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

// --- dialling ---------------------------------------------------------------------------------------------------------

// Owns a net_fd until it is handed out.
struct retire_fd {
  void operator()(net_fd* fd) const noexcept { fd->retire(); }
};
using owned_fd = std::unique_ptr<net_fd, retire_fd>;

result<owned_fd> dial_one(std::string_view network, const endpoint& where, const context& ctx) {
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
    return fd;
  }
}

// dial_one, which leaves time for the other addresses: each has its share, but not less than it takes to reach one.
result<owned_fd> dial_within_share(std::string_view network, const endpoint& where, const context& ctx,
                                   std::size_t addresses_left) {
  constexpr time_point::duration least = std::chrono::seconds(2);
  const auto deadline = ctx.deadline();
  if (!deadline || addresses_left == 1) return dial_one(network, where, ctx);
  const time_point now = std::chrono::steady_clock::now();
  const time_point::duration share = (*deadline - now) / static_cast<std::int64_t>(addresses_left);
  const cancellable limited =
      with_deadline(ctx, now + std::max(share, least));  // ctx's own holds if it is earlier
  const cancel_guard guard(limited.cancel);
  return dial_one(network, where, limited.ctx);
}

result<owned_fd> dial_in_turn(std::string_view network, std::span<const endpoint> all, const context& ctx) {
  std::optional<error> first;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto made = dial_within_share(network, all[i], ctx, all.size() - i);
    if (made) return made;
    if (!first) first = std::move(made.error());
    if (ctx.err()) break;
  }
  return std::unexpected(std::move(*first));
}

result<owned_fd> dial_both(std::string_view network, std::span<const endpoint> first_kind,
                           std::span<const endpoint> second_kind, const context& ctx) {
  constexpr auto head_start = std::chrono::milliseconds(250);
  const cancellable race = with_cancel(ctx);
  const cancel_guard guard(race.cancel);
  const auto first_failed = make_chan<void>();
  std::optional<result<owned_fd>> second;
  const auto other_ended = make_chan<void>();
  detail::spawn_goroutine(nullptr, [&, other_ended] {
    select(after(head_start, [] {}), recv(first_failed), recv(race.ctx.done()));
    if (!race.ctx.err()) second = dial_in_turn(network, second_kind, race.ctx);
    if (second && *second) race.cancel();
    other_ended.close();
  });
  auto first = dial_in_turn(network, first_kind, race.ctx);
  if (first) race.cancel();
  else first_failed.close();
  other_ended.recv();
  if (!first && second && *second) return std::move(*second);
  return first;
}

}  // namespace

result<tcp_listener> listen(std::string_view network, std::string_view address) {
  auto where = rt::resolve_address("listen", network, address, background());
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
  auto where = rt::resolve_address("dial", network, address, ctx);
  if (!where) return std::unexpected(std::move(where.error()));
  const std::vector<endpoint>& all = where->endpoints;
  std::vector<endpoint> first_kind, second_kind;
  for (const endpoint& e : all)
    (rt::is_v4(e) == rt::is_v4(all.front()) ? first_kind : second_kind).push_back(e);
  auto made = second_kind.empty() ? dial_in_turn(network, all, ctx)
                                  : dial_both(network, first_kind, second_kind, ctx);
  if (!made) return std::unexpected(std::move(made.error()));
  return tcp_conn(made->release());
}

result<tcp_conn> dial(std::string_view network, std::string_view address) { return dial(network, address, background()); }

}  // namespace gos::net
