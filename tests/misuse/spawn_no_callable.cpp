// misuse: spawn of something that is not callable
// expect: not callable with copies of these arguments
#include <gossamer/go.hpp>

#ifdef MISUSE
void wrong() {
  static_cast<void>(gos::spawn([](int) {}));
}
#endif
