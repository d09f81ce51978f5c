// misuse: a context key that cannot be compared (CX-15)
// expect: key is not comparable: its type needs operator==
#include <gossamer/context.hpp>

struct key {};
#ifdef MISUSE
auto wrong = gos::with_value(gos::background(), key(), 1);
#endif
