// misuse: after_func of a number
// expect: a number of what\? say after_func\(1s, f\)
#include <gossamer/time.hpp>

#ifdef MISUSE
auto wrong = gos::after_func(5, [] {});
#endif
