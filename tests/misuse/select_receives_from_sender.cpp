// misuse: a select receives from a send_chan
// expect: no matching function for call to .recv(.*send_chan<int>)?
#include <gossamer/select.hpp>

gos::send_chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(gos::recv(ch)); }
#endif
