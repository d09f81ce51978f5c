// misuse: a channel of references
// expect: an element is a plain object
#include <gossamer/chan.hpp>

auto ch = gos::make_chan<int>();
#ifdef MISUSE
auto wrong = gos::make_chan<int&>();
#endif
