// misuse: after of a number
// expect: a number of what\? say after\(1s\)
#include <gossamer/time.hpp>

#ifdef MISUSE
auto wrong = gos::after(5);
#endif
