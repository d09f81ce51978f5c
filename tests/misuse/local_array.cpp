// misuse: a goroutine_local of an array
// expect: a goroutine_local holds an object
#include <gossamer/local.hpp>

#ifdef MISUSE
gos::goroutine_local<int[3]> wrong;
#endif
