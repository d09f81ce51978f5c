// misuse: a once is copied
// expect: deleted (function|constructor).*gos::once
#include <gossamer/once.hpp>

gos::once once;
#ifdef MISUSE
gos::once copy = once;
#endif
