// pipe: one end of a pipe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <gossamer/process.hpp>

#include "io/descriptor.hpp"
#include "io/lasting_pool.hpp"

namespace gos::rt {

// From a pool that is never given back (poll_desc.hpp, INV4); belongs to one handle.
class pipe_fd : public pooled<pipe_fd> {
 public:
  // Takes ownership of the descriptor, also when it throws std::bad_alloc. It is made non-blocking. `d`: its direction.
  static pipe_fd* open(int fd, direction d);
  // The end of the handle: closes if that has not been done, and gives the pipe_fd back.
  void retire() noexcept;

  result<std::size_t> read_some(std::byte* buffer, std::size_t size);
  result<std::string> read_all();
  result<std::size_t> write_some(const std::byte* data, std::size_t size);
  result<std::size_t> write_all(const std::byte* data, std::size_t size);
  result<void> close();
  result<void> set_deadline(std::optional<time_point> when);
  int number() const noexcept { return desc_.fd(); }

 private:
  attempt read_piece(std::byte* buffer, std::size_t size) noexcept;
  error failure(const char* operation, std::error_code cause, std::size_t transferred = 0) const;

  poll_desc desc_;
  direction direction_ = direction::read;
};

}  // namespace gos::rt
