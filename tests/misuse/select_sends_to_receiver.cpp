// misuse: a select sends to a recv_chan
// expect: a recv_chan can only receive
#include <gossamer/select.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(gos::send(ch, 1)); }
#endif
