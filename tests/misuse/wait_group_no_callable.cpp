// misuse: wait_group::go of something that is not callable
// expect: not callable with copies of these arguments
#include <gossamer/wait_group.hpp>

gos::wait_group group;
#ifdef MISUSE
void wrong() { group.go(5); }
#endif
