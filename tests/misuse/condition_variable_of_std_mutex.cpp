// misuse: waiting with a std::mutex
// expect: from .std::unique_lock<(std::)?mutex>.*to .std::unique_lock<(gos::)?mutex>
#include <gossamer/condition_variable.hpp>

gos::condition_variable changed;
std::mutex lock;
#ifdef MISUSE
void wrong() {
  std::unique_lock held(lock);
  changed.wait(held);
}
#endif
