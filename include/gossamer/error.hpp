// error: an expected failure as a value, what failed and why.
//
//   auto n = conn.read_some(buffer);                        // result<std::size_t>
//   if (!n) std::puts(n.error().message().c_str());         // read tcp 127.0.0.1:5000->127.0.0.1:6000: i/o timeout
//   if (!n && n.error() == std::errc::timed_out) retry();   // the cause, comparable
//
// Failures that a correct program must expect (a peer that hangs up, a port in use) are values of this type. Misuse is a
// panic, never an error. Source: Go net/net.go OpError, os/error.go SyscallError; contract NF-18.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace gos {

// Causes that the system's error numbers do not name. The texts are Go's.
enum class io_errc {
  closed = 1,              // use of closed network connection    == std::errc::bad_file_descriptor
  file_closed,             // file already closed                 == std::errc::bad_file_descriptor
  closed_pipe,             // io: read/write on closed pipe       == std::errc::bad_file_descriptor
  end_of_file,             // EOF
  unexpected_end_of_file,  // unexpected EOF
  timeout,                 // i/o timeout                         == std::errc::timed_out
  canceled,                // operation was canceled              == std::errc::operation_canceled
  no_deadline,             // file type does not support deadline == std::errc::operation_not_supported
  no_such_host,            // no such host
  lookup_failed,           // server misbehaving
  invalid_address,         // invalid address                     == std::errc::invalid_argument
  unknown_port,            // unknown port                        == std::errc::invalid_argument
  unknown_network,         // unknown network                     == std::errc::invalid_argument
  line_too_long,           // line too long                       == std::errc::message_size
};

const std::error_category& io_category() noexcept;
inline std::error_code make_error_code(io_errc e) noexcept { return {static_cast<int>(e), io_category()}; }

}  // namespace gos

template <>
struct std::is_error_code_enum<gos::io_errc> : std::true_type {};

namespace gos {

namespace detail {
struct error_context;  // shared, counted; null in errors that are only a code
void error_context_share(error_context* context) noexcept;
void error_context_drop(error_context* context) noexcept;
}  // namespace detail

// 24 bytes. Copying shares the text, so it is cheap; making one with a context allocates. Distinct objects may be used
// from different threads at once, also copies of one another.
class error {
 public:
  // A bare cause: message() is its text alone.
  error(std::error_code code) noexcept : code_(code) {}
  error(std::errc code) noexcept : code_(std::make_error_code(code)) {}
  error(io_errc code) noexcept : code_(make_error_code(code)) {}

  // The cause with what was being done: message() is `context: cause`. `cause`, if not empty, replaces the text of the
  // code. `transferred`: how many bytes had been read or written when it failed.
  error(std::error_code code, std::string_view context, std::string_view cause = {}, std::size_t transferred = 0);

  error(const error& other) noexcept : code_(other.code_), context_(other.context_) {
    if (context_ != nullptr) detail::error_context_share(context_);
  }
  error(error&& other) noexcept : code_(other.code_), context_(std::exchange(other.context_, nullptr)) {}
  error& operator=(error other) noexcept {
    std::swap(code_, other.code_);
    std::swap(context_, other.context_);
    return *this;
  }
  ~error() {
    if (context_ != nullptr) detail::error_context_drop(context_);
  }

  // The cause. Compares with std::errc (`e == std::errc::timed_out`) and with io_errc.
  std::error_code code() const noexcept { return code_; }

  // The full text, `op net source->addr: cause`; numbers of the system in Go's words (`connection refused`).
  std::string message() const;

  // For operations that move several pieces (write_all, read_full): how many bytes went through before the failure.
  std::size_t transferred() const noexcept;

  operator std::error_code() const noexcept { return code_; }

  friend bool operator==(const error& e, std::errc c) noexcept { return e.code_ == c; }
  friend bool operator==(const error& e, io_errc c) noexcept { return e.code_ == make_error_code(c); }
  friend bool operator==(const error& e, const std::error_code& c) noexcept { return e.code_ == c; }
  friend bool operator==(const error& a, const error& b) noexcept { return a.code_ == b.code_; }

 private:
  std::error_code code_;
  detail::error_context* context_ = nullptr;
};

// A value, or the reason why there is none.
template <class T>
using result = std::expected<T, error>;

}  // namespace gos
