// misuse: an arm instead of a receive
// expect: ignoring return(ed)? value.*(nodiscard|select_case)
#include <gossamer/select.hpp>

gos::chan<int> ch;
#ifdef MISUSE
void wrong() { gos::recv(ch); }
#endif
