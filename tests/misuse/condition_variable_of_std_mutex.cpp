// misuse: waiting with a std::mutex
// expect: waits with a std::unique_lock of a gos::mutex
#include <gossamer/condition_variable.hpp>

gos::condition_variable changed;
std::mutex lock;
#ifdef MISUSE
void wrong() {
  std::unique_lock held(lock);
  changed.wait(held);
}
#endif
