// misuse: a select sends what is no element
// expect: no element can be made of this value
#include <gossamer/select.hpp>

gos::chan<int> ch;
#ifdef MISUSE
void wrong() { gos::select(gos::send(ch, "text")); }
#endif
