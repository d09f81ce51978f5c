// misuse: a timer of a number
// expect: a number of what\? say timer\(1s\)
#include <gossamer/time.hpp>

#ifdef MISUSE
gos::timer wrong(5);
#endif
