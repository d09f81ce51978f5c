// listen: listeners for streams, of TCP and of Unix sockets.
//
// Options that every connection shall have are set on the listener: Linux hands them down to the accepted ones (checked by
// a test), which saves five system calls for each.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gossamer/context.hpp>
#include <gossamer/net.hpp>

#include "io/kernel_calls.hpp"
#include "net/fd.hpp"
#include "net/resolve.hpp"
#include "net/socket.hpp"

namespace gos::net {

namespace {

using rt::net_fd;

result<net_fd*> listening(result<net_fd*> bound, std::string_view network, std::string_view shown, int backlog) {
  if (!bound) return bound;
  static const int largest = rt::kernel_calls::listen_backlog_max();
  const int got = rt::kernel_calls::listen((*bound)->number(), backlog > 0 ? backlog : largest);
  if (got == 0) return bound;
  (*bound)->retire();
  return rt::failed("listen", network, shown, "listen", -got);
}

result<net_fd*> listen_on(std::string_view network, const endpoint& where, std::string_view shown,
                          const listen_options& options) {
  auto bound = rt::open_bound(network, SOCK_STREAM, where, shown, options);
  if (!bound) return bound;
  const int fd = (*bound)->number();
  rt::kernel_calls::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (const int got = rt::set_keep_alive(fd, options.keep_alive); got < 0) {
    (*bound)->retire();
    return rt::failed("listen", network, shown, "keep_alive", -got);
  }
  return listening(std::move(bound), network, shown, options.backlog);
}

}  // namespace

result<tcp_listener> listen(std::string_view network, std::string_view address, const listen_options& options) {
  auto where = rt::resolve_address("listen", network, address, background());
  if (!where) return std::unexpected(std::move(where.error()));
  auto made = rt::open_for(where->endpoints, where->any_host, [&](const endpoint& e, std::string_view shown) {
    return listen_on(network, e, shown, options);
  });
  if (!made) return std::unexpected(std::move(made.error()));
  return tcp_listener(*made);
}

result<tcp_listener> listen(std::string_view network, std::string_view address) { return listen(network, address, {}); }

result<unix_listener> listen_unix(std::string_view path) {
  const endpoint where = endpoint::at_path(path.empty() ? "@" : std::string(path));
  auto made = listening(rt::open_bound("unix", SOCK_STREAM, where, path, {}), "unix", path, 0);
  if (!made) return std::unexpected(std::move(made.error()));
  return unix_listener(*made);
}

}  // namespace gos::net
