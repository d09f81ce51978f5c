// misuse: run of a function whose result is no int
// expect: run wants a function of no arguments that returns nothing or an int
#include <gossamer/go.hpp>

#ifdef MISUSE
int wrong() {
  return gos::run([] { return "text"; });
}
#endif
