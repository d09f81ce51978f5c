// misuse: receiving from a send_chan (CH-13)
// expect: gos::send_chan<int>.*no member named .recv|no member named .recv. in .gos::send_chan<int>
#include <gossamer/chan.hpp>

gos::send_chan<int> ch;
#ifdef MISUSE
auto wrong() { return ch.recv(); }
#endif
