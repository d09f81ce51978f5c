// misuse: a select sends to a recv_chan
// expect: no matching function for call to .send(.*recv_chan<int>)?
#include <gossamer/select.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(gos::send(ch, 1)); }
#endif
