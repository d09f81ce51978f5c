// misuse: a select of a channel instead of an arm
// expect: select takes arms
#include <gossamer/select.hpp>

gos::chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(ch); }
#endif
