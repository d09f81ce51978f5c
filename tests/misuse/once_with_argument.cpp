// misuse: once of a function with arguments
// expect: invocable
#include <gossamer/once.hpp>

gos::once once;
#ifdef MISUSE
void wrong() {
  once.call([](int) {});
}
#endif
