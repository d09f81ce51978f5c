// ready: how an input waits for a socket without memory for what will come. The one file of this folder that knows what a socket
// stands on; ThreadSanitizer does not instrument it, as it does not the runtime (src/CMakeLists.txt).
#include <cerrno>
#include <new>

#include "http/input.hpp"
#include "io/kernel_calls.hpp"
#include "net/fd.hpp"

namespace gos::http {

result<std::size_t> input::fill_when_ready(rt::stream& from) {
  rt::net_fd* const socket = from.socket();
  if (socket == nullptr) {  // a layer keeps what has come: one byte says that there is more
    std::byte first;
    release();
    auto got = from.read_some(&first, 1);
    if (!got || *got == 0) return got;
    if (!provide()) throw std::bad_alloc();
    data_[end_++] = static_cast<char>(first);
    return got;
  }
  const rt::attempt a = socket->operate(rt::direction::read, [this](int fd) noexcept -> std::ptrdiff_t {
    if (!provide()) return -ENOMEM;
    const std::ptrdiff_t n = rt::kernel_calls::receive(fd, reinterpret_cast<std::byte*>(data_), capacity_);
    if (n == -EAGAIN) release();
    return n;
  });
  if (a.cause) return std::unexpected(socket->failure("read", a.cause, a.from_call ? "read" : nullptr));
  end_ = static_cast<std::size_t>(a.count);
  return end_;
}

}  // namespace gos::http
