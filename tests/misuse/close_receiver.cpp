// misuse: closing a recv_chan (CH-13)
// expect: gos::recv_chan<int>.*no member named .close|no member named .close. in .gos::recv_chan<int>
#include <gossamer/chan.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
void wrong() { ch.close(); }
#endif
