// input: what has come over a connection and nobody has taken yet, in a block of memory that an idle connection does not have.
//
// INV1 One goroutine at a time uses an input. What ready() gives is good until the next fill or take.
// INV2 Without anything in it there is a block only between a fill and the next wait for a request (fill_when_ready).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "net/stream.hpp"

namespace gos::http {

// Memory of block_size, from a pool.
inline constexpr std::size_t block_size = 4608;  // head_room and 4 KiB of a response's body
struct give_back_block {
  void operator()(char* block) const noexcept;
};
using block = std::unique_ptr<char[], give_back_block>;
block take_block() noexcept;  // null: no memory

class input {
 public:
  input() noexcept = default;
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input() { release(); }

  std::string_view ready() const noexcept { return {data_ + begin_, end_ - begin_}; }
  bool empty() const noexcept { return begin_ == end_; }
  void take(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Reads what there is, at least a byte; 0: the end. There must be room.
  result<std::size_t> fill(rt::stream& from);
  // The same into an empty input; while it waits there is no block.
  result<std::size_t> fill_when_ready(rt::stream& from);
  // Whether fill can add something.
  bool has_room() const noexcept { return end_ - begin_ < capacity_ || data_ == nullptr; }
  // Room for as much again, but not beyond `most`.
  void grow(std::size_t most);
  // As if it had been read: before the first fill.
  void add(std::string_view text);
  void release() noexcept;

 private:
  bool provide() noexcept;

  char* data_ = nullptr;  // a block, or where capacity_ is larger, memory of its own
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace gos::http
