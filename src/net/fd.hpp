// fd: a socket: its descriptor, its addresses, and the operations, in the loops of io/descriptor.hpp.
//
// A net_fd comes from a pool that is never given back to the allocator (poll_desc.hpp, INV4) and belongs to one handle.
// INV1 network, local and remote do not change once the handle is handed out: error texts are made from them without a lock.
// INV2 System calls run in user mode: the sockets do not block, and if one does, the processor is taken away as from any code.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <gossamer/net.hpp>

#include "io/descriptor.hpp"
#include "io/lasting_pool.hpp"
#include "net/address.hpp"

namespace gos::rt {

class net_fd : public pooled<net_fd> {
 public:
  net_fd() noexcept = default;

  // Takes ownership of the descriptor, also when it throws std::bad_alloc. `network` is a literal.
  static net_fd* open(int fd, const char* network);
  void set_addresses(const net::endpoint& local, const net::endpoint& remote) noexcept {
    local_ = local;
    remote_ = remote;
  }
  // The end of the handle: closes if that has not been done, and gives the net_fd back.
  void retire() noexcept;

  result<std::size_t> read_some(std::byte* buffer, std::size_t size);
  result<std::size_t> read_full(std::byte* buffer, std::size_t size);
  result<std::size_t> write_some(const std::byte* data, std::size_t size);
  result<std::size_t> write_all(const std::byte* data, std::size_t size);
  result<net_fd*> accept();
  // Connects a fresh socket; remote is where to. Fails by the write deadline as other operations do.
  result<void> connect(const net::endpoint& remote);
  result<void> shut_down(int how);
  result<void> set_option(int level, int name, int value);
  result<void> set_linger(int seconds);
  result<void> set_deadlines(bool read, bool write, std::optional<time_point> when);
  result<void> close();

  int number() const noexcept { return desc_.fd(); }
  const char* network() const noexcept { return network_; }
  const net::endpoint& local() const noexcept { return local_; }
  const net::endpoint& remote() const noexcept { return remote_; }

  // `operation network local->remote: [call: ]cause`. call: the system call that failed, null if none did.
  error failure(std::string_view operation, std::error_code code, const char* call = nullptr, std::size_t transferred = 0) const;

 private:
  attempt read_piece(std::byte* buffer, std::size_t size) noexcept;
  attempt write_piece(const std::byte* data, std::size_t size) noexcept;
  void set_addresses_of(int fd) noexcept;
  template <class Call>
  result<void> with_reference(std::string_view operation, const char* name, Call call);

  poll_desc desc_;
  const char* network_ = "";
  net::endpoint local_;
  net::endpoint remote_;
};

}  // namespace gos::rt
