// misuse: with_defer of a function without defer
// expect: with_defer wants \[&\]\(gos::defer_stack& defer\)
#include <gossamer/defer.hpp>

#ifdef MISUSE
void wrong() {
  gos::with_defer([] {});
}
#endif
