// misuse: a select receives from a send_chan
// expect: a send_chan can only send
#include <gossamer/select.hpp>

gos::send_chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(gos::recv(ch)); }
#endif
