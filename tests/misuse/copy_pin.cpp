// misuse: a pin is copied
// expect: deleted (function|constructor).*gos::pin
#include <gossamer/go.hpp>

gos::pin pinned;
#ifdef MISUSE
gos::pin copy = pinned;
#endif
