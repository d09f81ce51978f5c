// misuse: a defer guard is copied
// expect: deleted (function|constructor).*gos::defer
#include <gossamer/defer.hpp>

gos::defer guard([] {});
#ifdef MISUSE
auto copy = guard;
#endif
