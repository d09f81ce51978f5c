// unix: connections and listeners of Unix sockets: what they have beside stream_base.
//
// A dial to a listener whose queue is full fails with EAGAIN, and nothing tells when there is room: it is tried again, at first
// after 100 us, later every 20 ms. Rejected: Go's way, which hands the error to the caller.
// Source: Go net/unixsock_posix.go; descriptor passing: unix(7), cmsg(3).
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <gossamer/net.hpp>
#include <gossamer/time.hpp>

#include "io/kernel_calls.hpp"
#include "net/fd.hpp"
#include "net/socket.hpp"
#include "net/socket_calls.hpp"

namespace gos::net {

namespace {

using rt::attempt;
using rt::direction;
using rt::net_fd;
using rt::no_handle;

net_fd* fd_of(rt::stream* stream) noexcept { return static_cast<net_fd*>(stream); }

constexpr std::size_t descriptors_max = 253;  // SCM_MAX_FD

// Room for the control message with descriptors.
union control_room {
  cmsghdr header;
  char bytes[CMSG_SPACE(descriptors_max * sizeof(int))];
};

// Removes the path if this call was the one that closed.
result<void> close_listener(net_fd* fd, bool removes_path) {
  auto closed = fd->close();
  const endpoint where = fd->local();
  const std::string path(where.path());
  if (closed && removes_path && !path.empty() && path.front() != '@') rt::kernel_calls::remove_path(path.c_str());
  return closed;
}

}  // namespace

owned_descriptor::~owned_descriptor() {
  if (fd_ >= 0) rt::kernel_calls::close(fd_);
}

// --- unix_conn --------------------------------------------------------------------------------------------------------

unix_conn::unix_conn(net_fd* fd) noexcept : stream_base(fd) {}

result<std::size_t> unix_conn::send_descriptors(std::string_view data, std::span<const int> descriptors) {
  if (stream_ == nullptr) return no_handle();
  net_fd* const fd = fd_of(stream_);
  if (descriptors.empty()) return fd->write_all(rt::bytes(data), data.size());
  if (data.empty() || descriptors.size() > descriptors_max) {
    return std::unexpected(fd->failure("write", std::make_error_code(std::errc::invalid_argument), "sendmsg"));
  }
  control_room control{};
  iovec piece{.iov_base = const_cast<char*>(data.data()), .iov_len = data.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(&control.header), descriptors.data(), descriptors.size_bytes());
  const attempt a =
      fd->operate(direction::write, [&](int number) { return rt::kernel_calls::send_message(number, &message); });
  if (a.cause) return std::unexpected(fd->failure("write", a.cause, a.from_call ? "sendmsg" : nullptr));
  const auto sent = static_cast<std::size_t>(a.count);
  auto rest = fd->write_all(rt::bytes(data) + sent, data.size() - sent);
  if (rest) return data.size();
  const error& e = rest.error();
  return std::unexpected(error(e.code(), {}, e.message(), sent + e.transferred()));
}

result<unix_conn::received> unix_conn::receive_descriptors(std::span<char> buffer) {
  if (stream_ == nullptr) return no_handle();
  net_fd* const fd = fd_of(stream_);
  received got;
  if (buffer.empty()) return got;
  control_room control;
  iovec piece{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  const attempt a = fd->operate(direction::read, [&](int number) {
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    return rt::kernel_calls::receive_message(number, &message);
  });
  if (a.cause) return std::unexpected(fd->failure("read", a.cause, a.from_call ? "recvmsg" : nullptr));
  got.size = static_cast<std::size_t>(a.count);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
      got.descriptors.emplace_back(number);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return std::unexpected(
        fd->failure("read", std::make_error_code(std::errc::too_many_files_open), "recvmsg", got.size));
  }
  return got;
}

result<unix_conn::credentials> unix_conn::peer_credentials() const {
  if (stream_ == nullptr) return no_handle();
  ucred peer{};
  auto asked = fd_of(stream_)->with_reference("get", "getsockopt", [&](int number) {
    socklen_t size = sizeof peer;
    return rt::kernel_calls::get_option(number, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  });
  if (!asked) return std::unexpected(std::move(asked.error()));
  return credentials{peer.pid, peer.uid, peer.gid};
}

int unix_conn::native_handle() const { return stream_ == nullptr ? -1 : fd_of(stream_)->number(); }

// --- unix_listener ----------------------------------------------------------------------------------------------------

unix_listener& unix_listener::operator=(unix_listener&& other) noexcept {
  if (this != &other) {
    std::swap(fd_, other.fd_);
    std::swap(removes_path_, other.removes_path_);
  }
  return *this;
}

unix_listener::~unix_listener() {
  if (fd_ == nullptr) return;
  static_cast<void>(close_listener(fd_, removes_path_));
  fd_->retire();
}

result<unix_conn> unix_listener::accept() {
  if (fd_ == nullptr) return no_handle();
  auto accepted = fd_->accept();
  if (!accepted) return std::unexpected(std::move(accepted.error()));
  return unix_conn(*accepted);
}

endpoint unix_listener::address() const { return fd_ == nullptr ? endpoint() : fd_->local(); }

result<void> unix_listener::close() {
  if (fd_ == nullptr) return no_handle();
  return close_listener(fd_, removes_path_);
}

result<void> unix_listener::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, false, when);
}

int unix_listener::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }

// --- how connections come into being ----------------------------------------------------------------------------------

result<unix_conn> dial_unix(std::string_view path, const context& ctx) {
  if (path.empty()) return std::unexpected(error(io_errc::invalid_address, "dial unix", "missing address"));
  const endpoint where = endpoint::at_path(std::string(path));
  for (auto pause = std::chrono::microseconds(100);; pause = std::min(pause * 2, std::chrono::microseconds(20'000))) {
    if (ctx.err()) return rt::given_up(ctx, rt::context_of("dial", "unix", path));
    const int number = rt::open_socket(AF_UNIX, SOCK_STREAM);
    if (number < 0) return rt::failed("dial", "unix", path, "socket", -number);
    unix_conn conn(net_fd::open(number, "unix"));
    auto connected = rt_access::get(conn)->socket()->connect(where);
    if (connected) return conn;
    if (connected.error() != std::errc::resource_unavailable_try_again) return std::unexpected(std::move(connected.error()));
    static_cast<void>(sleep(pause, ctx));
  }
}

result<unix_conn> dial_unix(std::string_view path) { return dial_unix(path, background()); }

result<std::pair<unix_conn, unix_conn>> unix_pair() {
  int ends[2];
  if (const int got = rt::kernel_calls::socket_pair(ends); got < 0) {
    return std::unexpected(error(std::error_code(-got, std::system_category()), "socketpair"));
  }
  owned_descriptor second(ends[1]);
  unix_conn a(net_fd::open(ends[0], "unix"));
  unix_conn b(net_fd::open(second.release(), "unix"));
  for (unix_conn* conn : {&a, &b}) {
    rt_access::get(*conn)->socket()->set_addresses(endpoint::at_path("@"), endpoint::at_path("@"));
  }
  return std::pair(std::move(a), std::move(b));
}

}  // namespace gos::net
