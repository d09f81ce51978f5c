// misuse: sending to a recv_chan (CH-13)
// expect: gos::recv_chan<int>.*no member named .send|no member named .send. in .gos::recv_chan<int>
#include <gossamer/chan.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
void wrong() { ch.send(1); }
#endif
