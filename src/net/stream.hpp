// stream: what the handle of a connection stands on: a socket, an end of a pipe in memory, or a layer above another stream.
//
// Belongs to one handle. All functions but retire() may run in parallel with everything; they keep what stream_base promises.
// Rejected: stream_base as a template over what it stands on; then code above, a server for example, would be one too, or know
// each kind of connection. A virtual call costs a nanosecond beside a system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <gossamer/net.hpp>

namespace gos::rt {

class net_fd;

class stream {
 public:
  using pieces = std::span<const std::span<const std::byte>>;

  virtual result<std::size_t> read_some(std::byte* buffer, std::size_t size) = 0;
  virtual result<std::size_t> read_full(std::byte* buffer, std::size_t size);
  virtual result<std::size_t> write_some(const std::byte* data, std::size_t size) = 0;
  virtual result<std::size_t> write_all(const std::byte* data, std::size_t size) = 0;
  virtual result<std::size_t> write_pieces(pieces data) = 0;
  virtual result<std::uint64_t> send_file(int file, std::uint64_t offset, std::uint64_t count);
  virtual result<void> shut_down(int how) = 0;
  virtual result<void> set_deadlines(bool read, bool write, std::optional<time_point> when) = 0;
  virtual result<void> close() = 0;
  // The end of the handle: closes if that has not been done, and gives the memory back.
  virtual void retire() noexcept = 0;

  virtual net::endpoint local() const = 0;
  virtual net::endpoint remote() const = 0;
  // `operation network local->remote: [call: ]cause`. call: the system call that failed, null if none did.
  virtual error failure(std::string_view operation, std::error_code code, const char* call = nullptr,
                        std::size_t transferred = 0) const = 0;
  // Null if bytes do not go straight into a socket.
  virtual net_fd* socket() noexcept { return nullptr; }

 protected:
  ~stream() = default;
};

// The public handle's way in.
inline std::unexpected<error> no_handle() { return std::unexpected(error(std::errc::invalid_argument)); }
inline std::byte* bytes(std::span<char> text) noexcept { return std::as_writable_bytes(text).data(); }
inline const std::byte* bytes(std::string_view text) noexcept { return std::as_bytes(std::span(text)).data(); }

}  // namespace gos::rt

namespace gos::net {

// What a handle stands on, for the layers above and beside it.
struct rt_access {
  static rt::stream* get(stream_base& handle) noexcept { return handle.stream_; }
  // The handle is as if moved from.
  static rt::stream* take(stream_base& handle) noexcept { return std::exchange(handle.stream_, nullptr); }
};

}  // namespace gos::net
