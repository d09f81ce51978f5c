// misuse: a wait group is passed by value
// expect: deleted (function|constructor).*gos::wait_group
#include <gossamer/wait_group.hpp>

gos::wait_group group;
#ifdef MISUSE
void work(gos::wait_group);
void spawn_work() { work(group); }
#endif
