// dial: TCP connections that we make.
//
// A dial that follows a context is interrupted through its write deadline: a goroutine of the context's after_func sets it
// to the past. It is waited for before the connection is handed out, so that it cannot touch it later (NF-17).
//
// Where a host has addresses of both kinds, a goroutine beside the caller tries the second kind after the head start. Who
// connects first ends the other through a context of their own, and dial returns when both have ended: nothing of the loser
// is left. Rejected: an attempt for each address 250 ms after the one before, which RFC 8305 has, too: hosts with many
// addresses of one kind are large sites, whose addresses answer.
// Source: Go net/dial.go, net/sock_posix.go, net/fd_unix.go connect.
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include <gossamer/detail/spawn.hpp>
#include <gossamer/net.hpp>
#include <gossamer/select.hpp>

#include "context/follow.hpp"
#include "net/fd.hpp"
#include "net/resolve.hpp"
#include "net/socket.hpp"

namespace gos::net {

namespace {

using rt::context_of;
using rt::failed;
using rt::given_up;
using rt::net_fd;

// --- dialling ---------------------------------------------------------------------------------------------------------

// Owns a net_fd until it is handed out.
struct retire_fd {
  void operator()(net_fd* fd) const noexcept { fd->retire(); }
};
using owned_fd = std::unique_ptr<net_fd, retire_fd>;

result<owned_fd> dial_one(std::string_view network, const endpoint& where, const context& ctx) {
  for (int tries_left = 3;; --tries_left) {
    if (ctx.err()) return given_up(ctx, context_of("dial", network, where.to_string()));
    const int number = rt::open_socket(rt::family_of(where), SOCK_STREAM);
    if (number < 0) return failed("dial", network, where.to_string(), "socket", -number);
    owned_fd fd(net_fd::open(number, rt::literal_network(network)));
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
    rt::set_usual_options(number);
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
