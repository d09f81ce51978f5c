// See fd.hpp.
#include "net/fd.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "io/kernel_calls.hpp"

namespace gos::rt {

namespace {

constinit lasting_pool<net_fd> pool;

}  // namespace

net_fd* net_fd::open(int fd, const char* network) {
  net_fd* made = nullptr;
  try {
    made = pool.take();
  } catch (...) {
    kernel_calls::close(fd);
    throw;
  }
  made->network_ = network;
  made->set_addresses({}, {});
  made->desc_.open(fd);
  return made;
}

void net_fd::retire() noexcept {
  if (desc_.close() || number() < 0) {
    pool.put(this);
    return;
  }
  // Somebody is still inside close(): the handle ends before its calls. Your bug; the memory is kept.
}

error net_fd::failure(std::string_view operation, std::error_code code, const char* call, std::size_t transferred) const {
  return {code, context_of(operation == "set" ? net::endpoint() : remote_, operation, call), {}, transferred};
}

error net_fd::failure_to(const net::endpoint& remote, std::string_view operation, std::error_code code,
                         const char* call, std::string_view cause) const {
  return {code, context_of(remote, operation, call), cause};
}

std::string net_fd::context_of(const net::endpoint& remote, std::string_view operation, const char* call) const {
  std::string text(operation);
  text += ' ';
  text += network_;
  if (!local_.empty()) text += ' ' + local_.to_string();
  if (!remote.empty()) text += (local_.empty() ? " " : "->") + remote.to_string();
  if (call != nullptr) (text += ": ") += call;
  return text;
}

attempt net_fd::read_piece(std::byte* buffer, std::size_t size) noexcept {
  attempt a;
  if (!desc_.begin(direction::read)) {
    a.cause = io_errc::closed;
    return a;
  }
  if (size != 0) a = try_until_done(desc_, direction::read, [=](int fd) { return kernel_calls::receive(fd, buffer, size); });
  desc_.end(direction::read);
  return a;
}

result<std::size_t> net_fd::read_some(std::byte* buffer, std::size_t size) {
  const attempt a = read_piece(buffer, size);
  if (a.cause) return std::unexpected(failure("read", a.cause, a.from_call ? "read" : nullptr));
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> net_fd::read_full(std::byte* buffer, std::size_t size) {
  std::size_t done = 0;
  const attempt a = move_all(size, done, [=, this](std::size_t at) { return read_piece(buffer + at, size - at); });
  if (a.cause) return std::unexpected(failure("read", a.cause, a.from_call ? "read" : nullptr, done));
  return size;
}

attempt net_fd::write_piece(const std::byte* data, std::size_t size) noexcept {
  return try_until_done(desc_, direction::write, [=](int fd) { return kernel_calls::send(fd, data, size); });
}

result<std::size_t> net_fd::write_some(const std::byte* data, std::size_t size) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  attempt a;
  if (size != 0) a = write_piece(data, size);
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause, a.from_call ? "write" : nullptr));
  return static_cast<std::size_t>(a.count);
}

result<std::size_t> net_fd::write_all(const std::byte* data, std::size_t size) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("write", io_errc::closed));
  std::size_t done = 0;
  const attempt a = move_all(size, done, [=, this](std::size_t at) { return write_piece(data + at, size - at); });
  desc_.end(direction::write);
  if (a.cause) return std::unexpected(failure("write", a.cause, a.from_call ? "write" : nullptr, done));
  return size;
}

result<net_fd*> net_fd::accept() {
  if (!desc_.begin(direction::read)) return std::unexpected(failure("accept", io_errc::closed));
  socket_address remote;
  const attempt a = try_until_done(desc_, direction::read, [&remote](int fd) {
    remote = socket_address();
    const int got = kernel_calls::accept(fd, &remote.generic, &remote.size);
    return got == -ECONNABORTED ? -EINTR : got;  // the client gave up while it was queued: the next, please
  });
  desc_.end(direction::read);
  if (a.cause) return std::unexpected(failure("accept", a.cause, a.from_call ? "accept4" : nullptr));

  const int fd = static_cast<int>(a.count);
  net_fd* made = open(fd, network_);
  net::endpoint local = local_;
  if (is_unspecified(local_)) {
    socket_address address;
    if (kernel_calls::local_address(fd, &address.generic, &address.size) == 0) local = address.to_endpoint();
  }
  made->set_addresses(std::move(local), remote.to_endpoint());
  return made;
}

result<void> net_fd::connect(const net::endpoint& remote) {
  if (!desc_.begin(direction::write)) return std::unexpected(failure("dial", io_errc::closed));
  const socket_address to(remote);
  attempt a;
  a.cause = desc_.prepare(direction::write);
  if (!a.cause) {
    const int fd = desc_.fd();
    int error = -kernel_calls::connect(fd, &to.generic, to.size);
    // EINTR: a connect that was interrupted goes on in the background, as one in progress does.
    while (!a.cause && (error == EINPROGRESS || error == EALREADY || error == EINTR)) {
      a.cause = desc_.wait(direction::write);
      if (a.cause) break;
      error = kernel_calls::take_error(fd);
      if (error != 0) continue;
      // No error and no peer: the event was not about us.
      socket_address peer;
      if (kernel_calls::peer_address(fd, &peer.generic, &peer.size) != 0) error = EINPROGRESS;
    }
    if (!a.cause && error != 0 && error != EISCONN) {
      a.cause = system_error_of(-error);
      a.from_call = true;
    }
  }
  set_addresses({}, remote);
  if (!a.cause) set_addresses_of(desc_.fd());
  desc_.end(direction::write);
  if (!a.cause) return {};
  return std::unexpected(failure("dial", a.cause, a.from_call ? "connect" : nullptr));
}

void net_fd::set_local_address() {
  socket_address local;
  if (kernel_calls::local_address(number(), &local.generic, &local.size) == 0) local_ = local.to_endpoint();
}

void net_fd::set_addresses_of(int fd) {
  socket_address local, remote;
  if (kernel_calls::local_address(fd, &local.generic, &local.size) == 0) local_ = local.to_endpoint();
  if (kernel_calls::peer_address(fd, &remote.generic, &remote.size) == 0) remote_ = remote.to_endpoint();
}

result<void> net_fd::shut_down(int how) {
  return with_reference("close", "shutdown", [how](int fd) { return kernel_calls::shutdown(fd, how); });
}

result<void> net_fd::set_option(int level, int name, int value) {
  return with_reference("set", "setsockopt", [=](int fd) { return kernel_calls::set_option(fd, level, name, value); });
}

result<void> net_fd::set_linger(int seconds) {
  return with_reference("set", "setsockopt", [=](int fd) { return kernel_calls::set_linger(fd, seconds); });
}

result<void> net_fd::set_deadlines(bool read, bool write, std::optional<time_point> when) {
  return with_reference("set", nullptr, [=, this](int) {
    const std::int64_t deadline_ns = deadline_of(when);
    if (read) desc_.set_deadline(direction::read, deadline_ns);
    if (write) desc_.set_deadline(direction::write, deadline_ns);
    return 0;
  });
}

result<void> net_fd::close() {
  if (!desc_.close()) return std::unexpected(failure("close", io_errc::closed));
  return {};
}

}  // namespace gos::rt
