// See transport.hpp.
#include "tls/transport.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/kernel_calls.hpp"

namespace gos::tls {

namespace {

using rt::direction;

class socket_transport final : public transport {
 public:
  explicit socket_transport(rt::net_fd& fd) noexcept : fd_(fd) {}

  bool begin(direction d) noexcept override { return fd_.desc().begin(d); }
  void end(direction d) noexcept override { fd_.desc().end(d); }
  result<void> prepare(direction d) override { return outcome(d, fd_.desc().prepare(d)); }

  std::ptrdiff_t receive(std::byte* buffer, std::size_t size) noexcept override {
    return repeated([=, this] { return rt::kernel_calls::receive(fd_.number(), buffer, size); });
  }
  std::ptrdiff_t send(const std::byte* data, std::size_t size) noexcept override {
    return repeated([=, this] { return rt::kernel_calls::send(fd_.number(), data, size); });
  }
  result<void> wait() override { return outcome(direction::read, fd_.desc().wait(direction::read)); }

  result<void> send_all(std::span<const std::byte> data, std::size_t& done) override {
    const rt::attempt a = rt::move_all(data.size(), done, [&](std::size_t at) {
      return rt::try_until_done(fd_.desc(), direction::write, [&](int) { return send(&data[at], data.size() - at); });
    });
    if (!a.cause) return {};
    return std::unexpected(fd_.failure("write", a.cause, a.from_call ? "write" : nullptr));
  }

 private:
  template <class Call>
  static std::ptrdiff_t repeated(Call call) noexcept {
    for (;;) {
      const std::ptrdiff_t got = call();
      if (got != -EINTR) return got;
    }
  }
  result<void> outcome(direction d, std::error_code cause) {
    if (!cause) return {};
    return std::unexpected(fd_.failure(d == direction::read ? "read" : "write", cause));
  }

  rt::net_fd& fd_;
};

class stream_transport final : public transport {
 public:
  explicit stream_transport(rt::stream& below) noexcept : below_(below) {}

  // The stream looks itself when it is read and written.
  bool begin(direction) noexcept override { return true; }
  void end(direction) noexcept override {}
  result<void> prepare(direction) override { return {}; }

  std::ptrdiff_t receive(std::byte* buffer, std::size_t size) noexcept override {
    const std::size_t n = std::min(size, size_ - position_);
    if (n == 0) return ended_ ? 0 : -EAGAIN;
    std::memcpy(buffer, &buffer_[position_], n);
    position_ += n;
    return static_cast<std::ptrdiff_t>(n);
  }
  std::ptrdiff_t send(const std::byte*, std::size_t) noexcept override { return -EAGAIN; }

  result<void> wait() override {
    if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<std::byte[]>(room);
    const auto got = below_.read_some(buffer_.get(), room);
    if (!got) return std::unexpected(got.error());
    position_ = 0;
    size_ = *got;
    ended_ = size_ == 0;
    return {};
  }
  result<void> send_all(std::span<const std::byte> data, std::size_t& done) override {
    const auto written = below_.write_all(data.data(), data.size());
    done = written ? *written : written.error().transferred();
    if (!written) return std::unexpected(written.error());
    return {};
  }

 private:
  static constexpr std::size_t room = 17 * 1024;  // a record

  rt::stream& below_;
  // By the one goroutine that reads.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t position_ = 0, size_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<transport> transport::over(rt::stream& below) {
  if (rt::net_fd* const fd = below.socket()) return std::make_unique<socket_transport>(*fd);
  return std::make_unique<stream_transport>(below);
}

}  // namespace gos::tls
