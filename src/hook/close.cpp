// close: close, dup2 and dup3, which tell the goroutines that wait for the number in another hooked call.
//
// A descriptor that the C library closes by itself (fclose, closedir) is not told of: who waits for it goes on to wait, as a
// thread would.
#include "hook/descriptor.hpp"
#include "hook/here.hpp"
#include "hook/libc.hpp"

using namespace gos::rt;

extern "C" {

int close(int fd) {
  descriptor_closes(fd);
  if (!may_park()) return libc::close(fd);
  return in_section([fd] { return libc::close(fd); });  // SO_LINGER
}

int dup2(int from, int to) noexcept {
  if (from != to) descriptor_closes(to);
  return libc::dup2(from, to);
}

int dup3(int from, int to, int flags) noexcept {
  if (from != to) descriptor_closes(to);
  return libc::dup3(from, to, flags);
}

}  // extern "C"
