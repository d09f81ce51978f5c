// misuse: a receive handler that does not take std::optional<T>
// expect: a receive handler takes std::optional
#include <gossamer/select.hpp>

gos::chan<int> ch;
#ifdef MISUSE
void wrong() {
  gos::select(gos::recv(ch, [](int*) {}));
}
#endif
