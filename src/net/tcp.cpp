// tcp: connections and listeners, the public handles over net_fd. Only forwarding, and what a handle without a
// descriptor answers.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string>

#include <gossamer/net.hpp>
#include <gossamer/time.hpp>

#include "base/fatal.hpp"
#include "net/fd.hpp"
#include "net/socket.hpp"

namespace gos::net {

using rt::no_handle;

namespace {

// Another time there may be enough.
bool is_shortage(const error& e) noexcept {
  const std::error_code code = e.code();
  return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
         code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
}

}  // namespace

// --- tcp_conn -------------------------------------------------------------------------------------------------------

namespace {

rt::net_fd* fd_of(rt::stream* stream) noexcept { return static_cast<rt::net_fd*>(stream); }

result<void> set_keep_alive(rt::net_fd* fd, const keep_alive_options& options) {
  return fd->with_reference("set", "setsockopt", [&](int number) { return rt::set_keep_alive(number, options); });
}

}  // namespace

tcp_conn::tcp_conn(rt::net_fd* fd) noexcept : stream_base(fd) {}

result<void> tcp_conn::no_delay(bool on) {
  if (stream_ == nullptr) return no_handle();
  return fd_of(stream_)->set_option(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}
result<void> tcp_conn::keep_alive(bool on) {
  if (stream_ == nullptr) return no_handle();
  return fd_of(stream_)->set_option(SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
}
result<void> tcp_conn::keep_alive(const keep_alive_options& options) {
  if (stream_ == nullptr) return no_handle();
  return set_keep_alive(fd_of(stream_), options);
}
result<void> tcp_conn::linger(int seconds) {
  if (stream_ == nullptr) return no_handle();
  return fd_of(stream_)->set_linger(seconds);
}
int tcp_conn::native_handle() const { return stream_ == nullptr ? -1 : fd_of(stream_)->number(); }

// --- tcp_listener ---------------------------------------------------------------------------------------------------

tcp_listener& tcp_listener::operator=(tcp_listener&& other) noexcept {
  if (this != &other) {
    if (fd_ != nullptr) fd_->retire();
    fd_ = std::exchange(other.fd_, nullptr);
  }
  return *this;
}

tcp_listener::~tcp_listener() {
  if (fd_ != nullptr) fd_->retire();
}

result<tcp_conn> tcp_listener::accept() {
  if (fd_ == nullptr) return no_handle();
  auto accepted = fd_->accept();
  if (!accepted) return std::unexpected(std::move(accepted.error()));
  return tcp_conn(*accepted);
}

result<tcp_conn> tcp_listener::accept_patiently(const std::function<void(std::string_view)>& say) {
  constexpr std::chrono::milliseconds first(5), longest(1000);
  for (auto pause = first;; pause = std::min(2 * pause, longest)) {
    auto accepted = accept();
    if (accepted || !is_shortage(accepted.error())) return accepted;
    const std::string text =
        accepted.error().message() + "; retrying in " + std::to_string(pause.count()) + "ms";
    if (say) say(text);
    else rt::write_error((text + '\n').c_str());
    sleep(pause);
  }
}

endpoint tcp_listener::address() const { return fd_ == nullptr ? endpoint() : fd_->local(); }

result<void> tcp_listener::close() {
  if (fd_ == nullptr) return no_handle();
  return fd_->close();
}

result<void> tcp_listener::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, false, when);
}

int tcp_listener::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }

}  // namespace gos::net
