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

namespace gos::net {

namespace {

std::unexpected<error> no_handle() { return std::unexpected(error(std::errc::invalid_argument)); }

std::byte* bytes(std::span<char> text) { return std::as_writable_bytes(text).data(); }
const std::byte* bytes(std::string_view text) { return std::as_bytes(std::span(text)).data(); }

// Another time there may be enough.
bool is_shortage(const error& e) noexcept {
  const std::error_code code = e.code();
  return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
         code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
}

}  // namespace

// --- stream_base ----------------------------------------------------------------------------------------------------

stream_base& stream_base::operator=(stream_base&& other) noexcept {
  if (this != &other) {
    if (fd_ != nullptr) fd_->retire();
    fd_ = std::exchange(other.fd_, nullptr);
  }
  return *this;
}

stream_base::~stream_base() {
  if (fd_ != nullptr) fd_->retire();
}

result<std::size_t> stream_base::read_some(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(buffer.data(), buffer.size());
}
result<std::size_t> stream_base::read_some(std::span<char> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_some(bytes(buffer), buffer.size());
}
result<std::size_t> stream_base::read_full(std::span<std::byte> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_full(buffer.data(), buffer.size());
}
result<std::size_t> stream_base::read_full(std::span<char> buffer) {
  if (fd_ == nullptr) return no_handle();
  return fd_->read_full(bytes(buffer), buffer.size());
}
result<std::size_t> stream_base::write_some(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_some(data.data(), data.size());
}
result<std::size_t> stream_base::write_some(std::string_view data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_some(bytes(data), data.size());
}
result<std::size_t> stream_base::write_all(std::span<const std::byte> data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(data.data(), data.size());
}
result<std::size_t> stream_base::write_all(std::string_view data) {
  if (fd_ == nullptr) return no_handle();
  return fd_->write_all(bytes(data), data.size());
}

result<void> stream_base::close() {
  if (fd_ == nullptr) return no_handle();
  return fd_->close();
}
result<void> stream_base::close_write() {
  if (fd_ == nullptr) return no_handle();
  return fd_->shut_down(SHUT_WR);
}
result<void> stream_base::close_read() {
  if (fd_ == nullptr) return no_handle();
  return fd_->shut_down(SHUT_RD);
}

result<void> stream_base::set_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, true, when);
}
result<void> stream_base::set_read_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(true, false, when);
}
result<void> stream_base::set_write_deadline(std::optional<time_point> when) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_deadlines(false, true, when);
}

endpoint stream_base::local_address() const { return fd_ == nullptr ? endpoint() : fd_->local(); }
endpoint stream_base::remote_address() const { return fd_ == nullptr ? endpoint() : fd_->remote(); }

// --- tcp_conn -------------------------------------------------------------------------------------------------------

result<void> tcp_conn::no_delay(bool on) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_option(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}
result<void> tcp_conn::keep_alive(bool on) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_option(SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
}
result<void> tcp_conn::linger(int seconds) {
  if (fd_ == nullptr) return no_handle();
  return fd_->set_linger(seconds);
}
int tcp_conn::native_handle() const { return fd_ == nullptr ? -1 : fd_->number(); }

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
