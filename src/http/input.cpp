// See input.hpp.
#include "http/input.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <gossamer/pool.hpp>

namespace gos::http {

namespace {

using stored = std::unique_ptr<char[]>;

pool<stored>& blocks() {
  static auto& all = *new pool<stored>;  // for the connections that outlive main
  return all;
}

}  // namespace

void give_back_block::operator()(char* block) const noexcept { blocks().put(stored(block)); }

block take_block() noexcept {
  if (auto kept = blocks().get()) return block(kept->release());
  return block(new (std::nothrow) char[block_size]);
}

bool input::provide() noexcept {
  if (data_ != nullptr) return true;
  data_ = take_block().release();
  capacity_ = data_ == nullptr ? 0 : block_size;
  begin_ = end_ = 0;
  return data_ != nullptr;
}

void input::release() noexcept {
  if (data_ == nullptr) return;
  if (capacity_ == block_size) give_back_block()(data_);
  else delete[] data_;
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

result<std::size_t> input::fill(rt::stream& from) {
  if (!provide()) throw std::bad_alloc();
  if (begin_ > 0 && end_ == capacity_) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  auto got = from.read_some(reinterpret_cast<std::byte*>(data_ + end_), capacity_ - end_);
  if (got) end_ += *got;
  return got;
}

void input::add(std::string_view text) {
  if (text.empty()) return;
  if (!provide()) throw std::bad_alloc();
  while (text.size() > capacity_ - end_) grow(2 * (capacity_ + text.size()));
  std::memcpy(data_ + end_, text.data(), text.size());
  end_ += text.size();
}

void input::grow(std::size_t most) {
  const std::size_t size = std::min(most, std::max(capacity_, block_size) * 2);
  if (size <= capacity_) return;
  const std::string_view kept = ready();
  std::unique_ptr<char[]> larger(new char[size]);
  std::memcpy(larger.get(), kept.data(), kept.size());
  const std::size_t used = kept.size();
  release();
  data_ = larger.release();
  capacity_ = size;
  end_ = used;
}

}  // namespace gos::http
