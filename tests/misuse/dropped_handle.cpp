// misuse: spawn instead of go
// expect: ignoring return(ed)? value.*(nodiscard|spawn)
#include <gossamer/go.hpp>

#ifdef MISUSE
void wrong() {
  gos::spawn([] {});
}
#endif
