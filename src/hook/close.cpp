// close: close, dup2 and dup3, which tell the goroutines that wait for the number in another hooked call.
//
// A descriptor that the C library closes by itself (fclose, closedir) is not told of: who waits for it goes on to wait, as a
// thread would.
#include "hook/descriptor.hpp"
#include "hook/here.hpp"
#include "hook/libc.hpp"

namespace gos::rt {

namespace {

// Ends a number by closing(), and the waits for it.
template <class Close> int end_number(int fd, Close&& closing) {
  const outcome end;
  descriptor_closes(fd);
  const long result = checked(closing);
  descriptor_closes(fd);
  return static_cast<int>(end.of(result));
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int close(int fd) {
  return end_number(fd, [fd] { return libc::close(fd); });
}

int dup2(int from, int to) noexcept {
  if (from == to) return libc::dup2(from, to);
  return end_number(to, [=] { return libc::dup2(from, to); });
}

int dup3(int from, int to, int flags) noexcept {
  if (from == to) return libc::dup3(from, to, flags);
  return end_number(to, [=] { return libc::dup3(from, to, flags); });
}

}  // extern "C"
