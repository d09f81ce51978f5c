// misuse: a timeout of a number
// expect: a number of what\? say with_timeout\(ctx, 1s\)
#include <gossamer/context.hpp>

#ifdef MISUSE
auto wrong = gos::with_timeout(gos::background(), 5);
#endif
