// misuse: ranging over a send_chan (CH-13)
// expect: a send_chan can only send
#include <gossamer/chan.hpp>

gos::send_chan<int> ch;
#ifdef MISUSE
void wrong() {
  for (int n : ch) static_cast<void>(n);
}
#endif
