// misuse: a timer is copied
// expect: gos::timer.*because.*gos::timer.*move|gos::timer.*\n.*\n.*\n.*move constructor
#include <gossamer/time.hpp>

gos::timer first;
#ifdef MISUSE
gos::timer copy = first;
#endif
