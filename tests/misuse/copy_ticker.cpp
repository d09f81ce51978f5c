// misuse: a ticker is copied
// expect: gos::ticker.*because.*gos::ticker.*move|gos::ticker.*\n.*\n.*\n.*move constructor
#include <gossamer/time.hpp>

gos::ticker first;
#ifdef MISUSE
gos::ticker copy = first;
#endif
