// misuse: receiving from a send_chan (CH-13)
// expect: a send_chan can only send
#include <gossamer/chan.hpp>

gos::send_chan<int> ch;
#ifdef MISUSE
auto wrong() { return ch.recv(); }
#endif
