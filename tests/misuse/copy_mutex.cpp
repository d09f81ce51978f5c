// misuse: a mutex is copied
// expect: deleted (function|constructor).*gos::mutex
#include <gossamer/mutex.hpp>

gos::mutex lock;
#ifdef MISUSE
gos::mutex copy = lock;
#endif
