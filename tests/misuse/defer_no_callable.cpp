// misuse: a deferred call that cannot be called
// expect: not callable with copies of these arguments
#include <gossamer/defer.hpp>

#ifdef MISUSE
void wrong() {
  gos::with_defer([](gos::defer_stack& defer) { defer(5); });
}
#endif
