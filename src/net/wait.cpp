// wait: the two functions of <gossamer/fd.hpp>, on descriptors of somebody else.
//
// Each wait watches a duplicate of the descriptor. epoll knows a watch by descriptor and open file, so waits for one
// file, ours on a connection's handle included, do not collide, and a descriptor that is closed by its owner meanwhile and
// given to another file does not confuse anybody.
// Rejected: a table of shared watches by number, which saves two system calls of 0.2 us beside a park, and would have to
// learn of every close.
#include <gossamer/fd.hpp>

#include "net/fd.hpp"
#include "net/kernel_calls.hpp"

namespace gos::net {

namespace {

std::unexpected<error> failed(int number) {
  return std::unexpected(error(std::error_code(number, std::system_category()), "wait"));
}

result<void> wait_for(int fd, rt::direction d) {
  const bool for_writing = d == rt::direction::write;
  const int ready = rt::kernel_calls::is_ready(fd, for_writing);
  if (ready > 0) return {};  // also regular files, which must not be duplicated: closing would drop their locks
  if (ready < 0) return failed(-ready);
  const int own = rt::kernel_calls::duplicate(fd);
  if (own < 0) return failed(-own);
  struct owner {
    rt::net_fd* watch;
    ~owner() { watch->retire(); }
  } guard{rt::net_fd::open(own, "")};
  for (;;) {
    const auto waited = guard.watch->wait_for(d);
    if (!waited) return std::unexpected(error(waited.error().code(), "wait"));
    const int now = rt::kernel_calls::is_ready(own, for_writing);
    if (now > 0) return {};
    if (now < 0) return failed(-now);
  }
}

}  // namespace

result<void> wait_readable(int fd) { return wait_for(fd, rt::direction::read); }
result<void> wait_writable(int fd) { return wait_for(fd, rt::direction::write); }

}  // namespace gos::net
