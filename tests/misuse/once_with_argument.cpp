// misuse: once of a function with arguments
// expect: once calls a function of no arguments
#include <gossamer/once.hpp>

gos::once once;
#ifdef MISUSE
void wrong() {
  once.call([](int) {});
}
#endif
