// misuse: go with options of something that is not callable
// expect: not callable with copies of these arguments
#include <gossamer/go.hpp>

#ifdef MISUSE
void wrong() { gos::go(gos::spawn_options{.name = "wrong"}, 5); }
#endif
