// misuse: a shared_mutex is copied
// expect: deleted (function|constructor).*gos::shared_mutex
#include <gossamer/shared_mutex.hpp>

gos::shared_mutex lock;
#ifdef MISUSE
gos::shared_mutex copy = lock;
#endif
