// misuse: a condition variable is copied (CO-06)
// expect: deleted (function|constructor).*gos::condition_variable
#include <gossamer/condition_variable.hpp>

gos::condition_variable changed;
#ifdef MISUSE
gos::condition_variable copy = changed;
#endif
