// transport: what the bytes of TLS go through: a socket, without detour, or any other stream, through buffers.
//
// receive() and send() are called by OpenSSL and must not wait (openssl.hpp, INV1); wait() and send_all() are called between its
// calls. For a socket the former are the system calls. For any other stream wait() reads, and receive() hands out what it read.
//
// Rejected: buffers for all (OpenSSL's memory BIO), which an idle connection holds while it waits for its peer, and which copy
// each byte once more; the figures are in docs/decisions/0014-tls.md.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "io/poll_desc.hpp"
#include "net/fd.hpp"
#include "net/stream.hpp"

namespace gos::tls {

class transport {
 public:
  static std::unique_ptr<transport> over(rt::stream& below);
  virtual ~transport() = default;

  // As poll_desc's. Between them: all the others.
  virtual bool begin(rt::direction d) noexcept = 0;
  virtual void end(rt::direction d) noexcept = 0;
  virtual result<void> prepare(rt::direction d) = 0;

  // The count, 0 at the end of the file, or a negative errno value; -EAGAIN: nothing there (no room) without waiting.
  virtual std::ptrdiff_t receive(std::byte* buffer, std::size_t size) noexcept = 0;
  virtual std::ptrdiff_t send(const std::byte* data, std::size_t size) noexcept = 0;
  // Until receive() is worth another try.
  virtual result<void> wait() = 0;
  // Sends all, and waits for that; `done` also after a failure.
  virtual result<void> send_all(std::span<const std::byte> data, std::size_t& done) = 0;
};

// Between begin(d) and end(d).
class visit {
 public:
  visit(transport& below, rt::direction d) : below_(below), d_(d), inside_(below.begin(d)) {}
  ~visit() {
    if (inside_) below_.end(d_);
  }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  explicit operator bool() const noexcept { return inside_; }  // false: closed

 private:
  transport& below_;
  const rt::direction d_;
  const bool inside_;
};

}  // namespace gos::tls
