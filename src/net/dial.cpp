// dial: TCP connections that we make.
//
// A dial that follows a context is interrupted through its write deadline: a goroutine of the context's after_func sets it
// to the past. It is waited for before the connection is handed out, so that it cannot touch it later (NF-17).
// Source: Go net/dial.go, net/sock_posix.go, net/fd_unix.go connect.
#include <sys/socket.h>

#include <memory>
#include <string>

#include <gossamer/net.hpp>

#include "net/fd.hpp"
#include "net/interrupter.hpp"
#include "net/resolve.hpp"
#include "net/socket.hpp"

namespace gos::net {

namespace {

using rt::context_of;
using rt::failed;
using rt::given_up;
using rt::net_fd;

// --- dialling within a context -----------------------------------------------------------------------------------------

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
    const int number = rt::open_socket(rt::family_of(where), SOCK_STREAM);
    if (number < 0) return failed("dial", network, where.to_string(), "socket", -number);
    owned_fd fd(net_fd::open(number, rt::literal_network(network)));
    result<void> connected;
    bool interrupted = false;
    {
      rt::interrupter guard(ctx, [&] { static_cast<void>(fd->set_deadlines(false, true, time_point::min())); });
      connected = fd->connect(where);
      interrupted = guard.stop();
    }
    if (interrupted) return given_up(ctx, context_of("dial", network, where.to_string()));
    if (!connected) return std::unexpected(std::move(connected.error()));
    // A connect to a port of this machine from the same port, chosen by chance, connects the socket to itself.
    if (fd->local() == fd->remote() && tries_left > 1) continue;
    rt::set_usual_options(number);
    return fd.release();
  }
}

}  // namespace

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
