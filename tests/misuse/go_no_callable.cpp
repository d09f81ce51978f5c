// misuse: go of something that is not callable
// expect: not callable with copies of these arguments
#include <gossamer/go.hpp>

#ifdef MISUSE
void wrong() { gos::go(5); }
#endif
