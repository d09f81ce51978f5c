// misuse: gos::sleep of a number (TM)
// expect: a number of what\? say sleep\(1s\)
#include <gossamer/time.hpp>

#ifdef MISUSE
void wrong() { gos::sleep(1); }
#endif
