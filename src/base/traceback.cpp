// See traceback.hpp.
#include "base/traceback.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace gos::rt {

namespace {

constexpr unsigned char unread = 0xff;
std::atomic<unsigned char> least{unread};    // the environment's
std::atomic<unsigned char> current{unread};  // never below least

traceback_level from_environment() noexcept {
  traceback_level level = traceback_level::single;
  const char* name = std::getenv("GOS_TRACEBACK");
  if (name != nullptr) traceback_level_of(name, &level);
  return level;
}

}  // namespace

bool traceback_level_of(const char* name, traceback_level* level) noexcept {
  constexpr const char* names[] = {"none", "single", "all", "system", "crash"};
  for (unsigned char i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (std::strcmp(name, names[i]) != 0) continue;
    *level = traceback_level{i};
    return true;
  }
  if (*name != '\0') return false;
  *level = traceback_level::single;
  return true;
}

traceback_level traceback() noexcept {
  unsigned char level = current.load(std::memory_order_relaxed);  // relaxed: a number that stands for nothing else
  if (level != unread) return traceback_level{level};
  const auto wanted = static_cast<unsigned char>(from_environment());
  // relaxed, both: as above; who is second finds the same in the environment, or what the program has set.
  least.store(wanted, std::memory_order_relaxed);
  return current.compare_exchange_strong(level, wanted, std::memory_order_relaxed) ? traceback_level{wanted}
                                                                                  : traceback_level{level};
}

void set_traceback(traceback_level wanted) noexcept {
  traceback();
  const unsigned char floor = least.load(std::memory_order_relaxed);  // relaxed: written by traceback(), also by ours
  const auto level = static_cast<unsigned char>(wanted);
  current.store(level > floor ? level : floor, std::memory_order_relaxed);  // relaxed: as in traceback()
}

}  // namespace gos::rt
