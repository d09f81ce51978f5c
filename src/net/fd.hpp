// fd: a socket: its descriptor, its addresses, and the operations, in the loops of io/descriptor.hpp.
//
// A net_fd comes from a pool that is never given back to the allocator (poll_desc.hpp, INV4) and belongs to one handle.
// INV1 network, local and remote do not change once the handle is handed out: error texts are made from them without a lock.
// INV2 System calls run in user mode: the sockets do not block, and if one does, the processor is taken away as from any code.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gossamer/net.hpp>

#include "io/descriptor.hpp"
#include "io/lasting_pool.hpp"
#include "net/address.hpp"
#include "net/stream.hpp"

namespace gos::rt {

class net_fd final : public stream, public pooled<net_fd> {
 public:
  net_fd() noexcept = default;

  // Takes ownership of the descriptor, also when it throws std::bad_alloc. `network` is a literal.
  static net_fd* open(int fd, const char* network);
  void set_addresses(net::endpoint local, net::endpoint remote) noexcept {
    local_ = std::move(local);
    remote_ = std::move(remote);
  }
  // What a socket that was just bound is called.
  void set_local_address();
  void retire() noexcept override;

  result<std::size_t> read_some(std::byte* buffer, std::size_t size) override;
  result<std::size_t> read_full(std::byte* buffer, std::size_t size) override;
  result<std::size_t> write_some(const std::byte* data, std::size_t size) override;
  result<std::size_t> write_all(const std::byte* data, std::size_t size) override;
  result<std::size_t> write_pieces(pieces data) override;  // transfer.cpp
  result<std::uint64_t> send_file(int file, std::uint64_t offset, std::uint64_t count) override;  // transfer.cpp
  result<net_fd*> accept();
  // Connects a fresh socket; remote is where to. Fails by the write deadline as other operations do.
  result<void> connect(const net::endpoint& remote);
  result<void> shut_down(int how) override;
  result<void> set_option(int level, int name, int value);
  result<void> set_linger(int seconds);
  result<void> set_deadlines(bool read, bool write, std::optional<time_point> when) override;
  result<void> close() override;

  int number() const noexcept { return desc_.fd(); }
  const char* network() const noexcept { return network_; }
  net::endpoint local() const override { return local_; }
  net::endpoint remote() const override { return remote_; }
  net_fd* socket() noexcept override { return this; }
  poll_desc& desc() noexcept { return desc_; }

  error failure(std::string_view operation, std::error_code code, const char* call = nullptr,
                std::size_t transferred = 0) const override;
  // The same about another peer than that of the connection, or none. `cause`, if not empty, replaces the text of the code.
  error failure_to(const net::endpoint& remote, std::string_view operation, std::error_code code, const char* call,
                   std::string_view cause = {}) const;

  // A whole operation of one direction: `call` is tried until it need not wait (descriptor.hpp).
  template <class Call>
  attempt operate(direction d, Call call) noexcept {
    attempt a;
    if (!desc_.begin(d)) {
      a.cause = io_errc::closed;
      return a;
    }
    a = try_until_done(desc_, d, call);
    desc_.end(d);
    return a;
  }
  // A call that needs neither right, and whose negative results are failures.
  template <class Call>
  result<void> with_reference(std::string_view operation, const char* name, Call call) {
    if (!desc_.begin()) return std::unexpected(failure(operation, io_errc::closed));
    const int got = call(desc_.fd());
    desc_.end();
    if (got < 0) return std::unexpected(failure(operation, system_error_of(got), name));
    return {};
  }

 private:
  attempt read_piece(std::byte* buffer, std::size_t size) noexcept;
  attempt write_piece(const std::byte* data, std::size_t size) noexcept;
  void set_addresses_of(int fd);
  std::string context_of(const net::endpoint& remote, std::string_view operation, const char* call) const;
  poll_desc desc_;
  const char* network_ = "";
  net::endpoint local_;
  net::endpoint remote_;
};

}  // namespace gos::rt
