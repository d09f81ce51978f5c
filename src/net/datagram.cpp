// datagram: UDP and Unix datagram sockets.
//
// A socket for IPv6 that also serves IPv4 sends to an IPv4 address in its mapped form; what it receives is shown as IPv4.
// Source: Go net/udpsock_posix.go, net/unixsock_posix.go, net/sockoptip_linux.go.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <gossamer/context.hpp>
#include <gossamer/net.hpp>

#include "io/kernel_calls.hpp"
#include "net/fd.hpp"
#include "net/resolve.hpp"
#include "net/socket.hpp"
#include "net/socket_calls.hpp"

namespace gos::net {

namespace {

using rt::attempt;
using rt::bytes;
using rt::direction;
using rt::net_fd;
using rt::no_handle;

result<std::size_t> receive(net_fd* fd, std::byte* buffer, std::size_t size, endpoint& from) {
  rt::socket_address sender;
  const attempt a = fd->operate(direction::read, [&](int number) {
    sender = rt::socket_address();
    return rt::kernel_calls::receive_from(number, buffer, size, &sender.generic, &sender.size);
  });
  if (a.cause) return std::unexpected(fd->failure("read", a.cause, a.from_call ? "recvfrom" : nullptr));
  from = sender.to_endpoint();
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> send(net_fd* fd, const std::byte* data, std::size_t size, const endpoint& to) {
  if (!fd->remote().empty()) {
    return std::unexpected(fd->failure_to(to, "write", std::make_error_code(std::errc::already_connected), nullptr,
                                          "use of send_to with a dialled socket"));
  }
  rt::socket_address receiver(to);
  const bool is_unix = fd->local().ip().empty();
  if (to.empty() || is_unix != to.ip().empty()) return std::unexpected(fd->failure_to(to, "write", io_errc::invalid_address, nullptr));
  if (fd->local().ip().size() == 16) receiver.map_to_v6();
  const attempt a = fd->operate(direction::write, [&](int number) {
    return rt::kernel_calls::send_to(number, data, size, &receiver.generic, receiver.size);
  });
  if (a.cause) return std::unexpected(fd->failure_to(to, "write", a.cause, a.from_call ? "sendto" : nullptr));
  return static_cast<std::size_t>(a.count);
}

}  // namespace

// --- datagram_base ----------------------------------------------------------------------------------------------------

datagram_base& datagram_base::operator=(datagram_base&& other) noexcept {
  if (this != &other) {
    if (fd_ != nullptr) fd_->retire();
    fd_ = std::exchange(other.fd_, nullptr);
  }
  return *this;
}

datagram_base::~datagram_base() {
  if (fd_ != nullptr) fd_->retire();
}

result<std::size_t> datagram_base::read_some(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(buffer.data(), buffer.size());
}
result<std::size_t> datagram_base::read_some(std::span<char> buffer) { return read_some(std::as_writable_bytes(buffer)); }

// Not net_fd's, for which nothing is nothing to send.
result<std::size_t> datagram_base::write_some(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  const attempt a = fd_->operate(
      direction::write, [=](int number) { return rt::kernel_calls::send(number, data.data(), data.size()); });
  if (a.cause) return std::unexpected(fd_->failure("write", a.cause, a.from_call ? "write" : nullptr));
  return static_cast<std::size_t>(a.count);
}
result<std::size_t> datagram_base::write_some(std::string_view data) { return write_some(std::as_bytes(std::span(data))); }

result<std::size_t> datagram_base::receive_from(std::span<std::byte> buffer, endpoint& from) {
  if (fd_ == nullptr) return no_handle();
  return receive(fd_, buffer.data(), buffer.size(), from);
}
result<std::size_t> datagram_base::receive_from(std::span<char> buffer, endpoint& from) {
  return receive_from(std::as_writable_bytes(buffer), from);
}
result<std::size_t> datagram_base::send_to(std::span<const std::byte> data, const endpoint& to) {
  if (fd_ == nullptr) return no_handle();
  return send(fd_, data.data(), data.size(), to);
}
result<std::size_t> datagram_base::send_to(std::string_view data, const endpoint& to) {
  return send_to(std::as_bytes(std::span(data)), to);
}

result<void> datagram_base::close() {
  if (fd_ == nullptr) return no_handle();
  return fd_->close();
}
result<void> datagram_base::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, true, when);
}
result<void> datagram_base::set_read_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, false, when);
}
result<void> datagram_base::set_write_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(false, true, when);
}
endpoint datagram_base::local_address() const { return fd_ == nullptr ? endpoint() : fd_->local(); }
endpoint datagram_base::remote_address() const { return fd_ == nullptr ? endpoint() : fd_->remote(); }
int datagram_base::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }

// --- udp_conn ---------------------------------------------------------------------------------------------------------

namespace {

result<void> change_group(net_fd* fd, const endpoint& group, std::string_view interface, bool join) {
  const std::string name(interface);
  const unsigned index = name.empty() ? 0 : ::if_nametoindex(name.c_str());
  if (!name.empty() && index == 0) {
    return std::unexpected(fd->failure_to({}, "set", std::make_error_code(std::errc::no_such_device), nullptr,
                                          "no such network interface"));
  }
  if (group.ip().empty()) return std::unexpected(fd->failure("set", io_errc::invalid_address));
  if (rt::is_v4(group)) {
    ip_mreqn request{};
    std::memcpy(&request.imr_multiaddr, group.ip().data(), 4);
    request.imr_ifindex = static_cast<int>(index);
    return fd->with_reference("set", "setsockopt", [&](int number) {
      return rt::kernel_calls::set_option(number, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request,
                                          sizeof request);
    });
  }
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.ip().data(), 16);
  request.ipv6mr_interface = index;
  return fd->with_reference("set", "setsockopt", [&](int number) {
    return rt::kernel_calls::set_option(number, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request,
                                        sizeof request);
  });
}

}  // namespace

result<void> udp_conn::join_group(const endpoint& group, std::string_view interface) {
  if (fd_ == nullptr) return no_handle();
  return change_group(fd_, group, interface, true);
}
result<void> udp_conn::leave_group(const endpoint& group, std::string_view interface) {
  if (fd_ == nullptr) return no_handle();
  return change_group(fd_, group, interface, false);
}

// --- how they come into being -------------------------------------------------------------------------------------------

namespace {

// Go allows broadcasts on every socket.
void allow_broadcast(net_fd* fd) { rt::kernel_calls::set_option(fd->number(), SOL_SOCKET, SO_BROADCAST, 1); }

result<net_fd*> connected(std::string_view network, const endpoint& where) {
  const int number = rt::open_socket(rt::family_of(where), SOCK_DGRAM);
  if (number < 0) return rt::failed("dial", network, where.to_string(), "socket", -number);
  net_fd* fd = net_fd::open(number, rt::literal_network(network));
  if (auto done = fd->connect(where); !done) {
    fd->retire();
    return std::unexpected(std::move(done.error()));
  }
  return fd;
}

}  // namespace

result<udp_conn> listen_udp(std::string_view address, const listen_options& options) {
  auto where = rt::resolve_address("listen", "udp", address, background());
  if (!where) return std::unexpected(std::move(where.error()));
  auto made = rt::open_for(where->endpoints, where->any_host, [&](const endpoint& e, std::string_view shown) {
    return rt::open_bound("udp", SOCK_DGRAM, e, shown, options);
  });
  if (!made) return std::unexpected(std::move(made.error()));
  allow_broadcast(*made);
  return udp_conn(*made);
}

result<udp_conn> listen_udp(std::string_view address) { return listen_udp(address, {}); }

result<udp_conn> dial_udp(std::string_view address) {
  auto where = rt::resolve_address("dial", "udp", address, background());
  if (!where) return std::unexpected(std::move(where.error()));
  std::optional<error> first;
  for (const endpoint& e : where->endpoints) {
    auto made = connected("udp", e);
    if (made) {
      allow_broadcast(*made);
      return udp_conn(*made);
    }
    if (!first) first = std::move(made.error());
  }
  return std::unexpected(std::move(*first));
}

result<unix_datagram> listen_unix_datagram(std::string_view path) {
  const endpoint where = endpoint::at_path(path.empty() ? "@" : std::string(path));
  auto made = rt::open_bound("unixgram", SOCK_DGRAM, where, path, {});
  if (!made) return std::unexpected(std::move(made.error()));
  return unix_datagram(*made);
}

result<unix_datagram> dial_unix_datagram(std::string_view path) {
  if (path.empty()) return std::unexpected(error(io_errc::invalid_address, "dial unixgram", "missing address"));
  auto made = connected("unixgram", endpoint::at_path(std::string(path)));
  if (!made) return std::unexpected(std::move(made.error()));
  return unix_datagram(*made);
}

}  // namespace gos::net
