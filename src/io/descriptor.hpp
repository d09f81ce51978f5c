// descriptor: what operations on files, on pipes to programs and on sockets have in common: the loop "try, wait, try again" over
// a poll_desc, the one over pieces, and how an operation ended.
//
// A try is a system call that does not wait: its result, or the negative errno value (kernel_calls.hpp says why). It runs in user
// mode: if one waits all the same, the processor is taken away as from any code.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>

#include <gossamer/detail/duration.hpp>
#include <gossamer/error.hpp>

#include "io/poll_desc.hpp"

namespace gos::rt {

// How the tries of one operation ended: with a count, or with a cause.
struct attempt {
  std::ptrdiff_t count = 0;
  std::error_code cause;
  bool from_call = false;  // the system call said so
};

inline std::error_code system_error_of(std::ptrdiff_t negative) noexcept {
  return {static_cast<int>(-negative), std::system_category()};
}

// What poll_desc knows as a deadline.
std::int64_t deadline_of(std::optional<time_point> when) noexcept;

// Between begin(d) and end(d).
template <class Call>
attempt try_until_done(poll_desc& desc, direction d, Call call) noexcept {
  attempt a;
  a.cause = desc.prepare(d);
  while (!a.cause) {
    a.count = call(desc.fd());
    if (a.count >= 0) break;
    if (a.count == -EAGAIN) {
      a.cause = desc.wait(d);
    } else if (a.count != -EINTR) {
      a.cause = system_error_of(a.count);
      a.from_call = true;
    }
  }
  return a;
}

// Calls piece(done) until `size` bytes are done or one fails. A piece of nothing is the end of the file.
template <class Piece>
attempt move_all(std::size_t size, std::size_t& done, Piece piece) noexcept {
  attempt a;
  while (done < size) {
    a = piece(done);
    if (!a.cause && a.count == 0) a.cause = done == 0 ? io_errc::end_of_file : io_errc::unexpected_end_of_file;
    if (a.cause) break;
    done += static_cast<std::size_t>(a.count);
  }
  return a;
}

}  // namespace gos::rt
